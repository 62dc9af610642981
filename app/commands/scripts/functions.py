"""FUNCTION, FCALL, FCALL_RO; `joblog.app.engine.functions` does the work.

In a fold there is no engine: the texts of libraries are kept, and nothing is run.

Source: Redis 7.2; see tests/parity/test_functions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.config.kinds import decode
from joblog.app.errors import CommandError
from joblog.app.keyspace.glob import compile_glob
from joblog.app.reply import OK, SetReply, SimpleString
from joblog.app.state.operator_lines import note_change, record_change
from joblog.app.state.script_sources import SCRIPT_FLAGS, read_library_shebang
from joblog.app.table.key_specs import numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ALL, ONE, RANDOM, SHARDS, SPECIAL, UNORDERED
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_CALL: Final = (
    Flag.NOSCRIPT
    | Flag.SKIP_MONITOR
    | Flag.MAY_REPLICATE
    | Flag.NO_MANDATORY_KEYS
    | Flag.STALE
    | Flag.MOVABLEKEYS
)
_CALL_READ: Final = (
    Flag.NOSCRIPT
    | Flag.SKIP_MONITOR
    | Flag.NO_MANDATORY_KEYS
    | Flag.STALE
    | Flag.READONLY
    | Flag.MOVABLEKEYS
)
_WRITE: Final = Flag.NOSCRIPT | Flag.WRITE
_POLICIES: Final = (b"FLUSH", b"APPEND", b"REPLACE")


def _record(ctx: Context, *effects: tuple[bytes, ...]) -> None:
    """Record what changed among the libraries."""
    ctx.keyspace.changes += 1
    for effect in effects:
        ctx.record(b"FUNCTION", *effect)


@command(
    "FCALL",
    arity=-3,
    flags=_CALL,
    keys=numkeys_at(2, "RW ACCESS UPDATE"),
    group="scripting",
    since="7.0.0",
    summary="Run a function of a library; all that it does happens at one moment.",
    complexity="As of the commands of the function",
)
def fcall(
    ctx: Context, given_name: bytes, name: bytes, numkeys: bytes, *rest: bytes
) -> Any:
    """Return what the function returns.

    Raises:
        CommandError: there is no such function, or it fails.
    """
    function = ctx.engine.functions.find(name)
    argv = [given_name, name, numkeys, *rest]
    return ctx.scripts.call_function(argv, function)


@command(
    "FCALL_RO",
    arity=-3,
    flags=_CALL_READ,
    keys=numkeys_at(2),
    group="scripting",
    since="7.0.0",
    summary="Run a function of a library that may not write.",
    complexity="As of the commands of the function",
)
def fcall_ro(
    ctx: Context, given_name: bytes, name: bytes, numkeys: bytes, *rest: bytes
) -> Any:
    """Return what the function returns; see `fcall`."""
    function = ctx.engine.functions.find(name)
    argv = [given_name, name, numkeys, *rest]
    return ctx.scripts.call_function(argv, function, is_read_only=True)


@command(
    "FUNCTION LOAD",
    arity=-3,
    flags=_WRITE | Flag.DENYOOM,
    effects=("FUNCTION",),
    group="scripting",
    since="7.0.0",
    summary="Load a library of functions.",
    complexity="O(N) for a library of N bytes",
    tips=(SHARDS, ALL),
)
def function_load(ctx: Context, first: bytes, *rest: bytes) -> bytes:
    """Return the library's name.

    Raises:
        CommandError: an option is unknown, the library is wrong, or a name is taken.
    """
    *options, source = (first, *rest)
    for option in options:
        if option.upper() != b"REPLACE":
            raise CommandError(errors.unknown_load_option(option))
    if ctx.is_folding:
        name = read_library_shebang(source).name
        ctx.keyspace.libraries[name] = source
        return name
    library = ctx.engine.functions.load(source, is_replacing=bool(options))
    _record(ctx, (b"LOAD", b"REPLACE", source))
    loaded: bytes = library.name
    record_change(ctx, f"FUNCTION LOAD {decode(loaded)}")
    return loaded


@command(
    "FUNCTION DELETE",
    arity=3,
    flags=_WRITE,
    effects=("FUNCTION",),
    group="scripting",
    since="7.0.0",
    summary="Delete a library and its functions.",
    complexity="O(1)",
    tips=(SHARDS, ALL),
)
def function_delete(ctx: Context, name: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: there is no such library.
    """
    if ctx.is_folding:
        ctx.keyspace.libraries.pop(name)
        return OK
    ctx.engine.functions.delete(name)
    _record(ctx, (b"DELETE", name))
    record_change(ctx, f"FUNCTION DELETE {decode(name)}")
    return OK


@command(
    "FUNCTION FLUSH",
    arity=-2,
    flags=_WRITE,
    effects=("FUNCTION",),
    group="scripting",
    since="7.0.0",
    summary="Delete all libraries.",
    complexity="O(N) for N functions",
    tips=(SHARDS, ALL),
)
def function_flush(ctx: Context, *mode: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: the mode is neither SYNC nor ASYNC.
    """
    if len(mode) > 1:
        raise errors.odd_subcommand(b"flush", b"FUNCTION")
    if mode and mode[0].upper() not in (b"SYNC", b"ASYNC"):
        raise CommandError(errors.FUNCTION_FLUSH_OPTION)
    if ctx.is_folding:
        ctx.keyspace.libraries.clear()
    elif ctx.engine.functions.flush():
        _record(ctx, (b"FLUSH",))
        note_change(ctx, "FUNCTION FLUSH removed all libraries")
    else:
        ctx.keyspace.counted_besides += 1  # as in Redis, though nothing is changed
    return OK


@command(
    "FUNCTION LIST",
    arity=-2,
    flags=Flag.NOSCRIPT,
    group="scripting",
    since="7.0.0",
    summary="List the libraries and their functions.",
    complexity="O(N) for N functions",
    tips=(UNORDERED,),
)
def function_list(ctx: Context, *options: bytes) -> list[dict[bytes, Any]]:
    """Return for each library its name, language, functions and, if asked for, text.

    Raises:
        CommandError: an option is unknown or given twice.
    """
    has_code, pattern = _read_list_options(options)
    matches = None if pattern is None else compile_glob(pattern)
    listed = []
    for library in ctx.engine.functions.libraries.values():
        if matches is not None and not matches(library.name):
            continue
        shown: dict[bytes, Any] = {
            b"library_name": library.name,
            b"engine": b"LUA",
            b"functions": [
                {
                    b"name": spec.name,
                    b"description": spec.description,
                    b"flags": SetReply(
                        SimpleString(flag)
                        for flag in SCRIPT_FLAGS
                        if flag in spec.flags
                    ),
                }
                for spec in library.functions
            ],
        }
        if has_code:
            shown[b"library_code"] = library.source
        listed.append(shown)
    return listed


def _read_list_options(options: tuple[bytes, ...]) -> tuple[bool, bytes | None]:
    has_code, pattern = False, None
    words = iter(options)
    for word in words:
        if word.upper() == b"WITHCODE" and not has_code:
            has_code = True
        elif word.upper() == b"LIBRARYNAME" and pattern is None:
            pattern = next(words, None)
            if pattern is None:
                raise CommandError(errors.LIBRARY_NAME_ARGUMENT)
        else:
            raise CommandError(errors.unknown_argument(word))
    return has_code, pattern


@command(
    "FUNCTION STATS",
    arity=2,
    flags=Flag.NOSCRIPT | Flag.ALLOW_BUSY,
    group="scripting",
    since="7.0.0",
    summary="Tell which function runs, and how many there are.",
    complexity="O(1)",
    tips=(RANDOM, SHARDS, SPECIAL),
)
def function_stats(ctx: Context) -> dict[bytes, Any]:
    """Return the function that runs, or None, and the counts by language.

    Raises:
        CommandError: a script runs, not a function.
    """
    scripts, functions = ctx.scripts, ctx.engine.functions
    running = None
    if scripts.is_running:
        if not scripts.is_function:
            raise CommandError(scripts.busy_text)
        running = {
            b"name": scripts.name,
            b"command": list(scripts.command),
            b"duration_ms": scripts.running_ms,
        }
    counts = {
        b"libraries_count": len(functions.libraries),
        b"functions_count": functions.count(),
    }
    return {b"running_script": running, b"engines": {b"LUA": counts}}


@command(
    "FUNCTION KILL",
    arity=2,
    flags=Flag.NOSCRIPT | Flag.ALLOW_BUSY,
    group="scripting",
    since="7.0.0",
    summary="End the function that runs, unless it has written.",
    complexity="O(1)",
    tips=(SHARDS, ONE),
)
def function_kill(ctx: Context) -> SimpleString:
    """Return OK; the function ends soon after.

    Raises:
        CommandError: no function runs, or it has written already.
    """
    ctx.scripts.kill(is_function=True)
    note_change(ctx, "FUNCTION KILL")
    return OK


@command(
    "FUNCTION DUMP",
    arity=2,
    flags=Flag.NOSCRIPT,
    group="scripting",
    since="7.0.0",
    summary="Pack all libraries into one string.",
    complexity="O(N) for N bytes of libraries",
)
def function_dump(ctx: Context) -> bytes:
    """Return a string for FUNCTION RESTORE, here or in Redis."""
    dumped: bytes = ctx.engine.functions.dump()
    return dumped


@command(
    "FUNCTION RESTORE",
    arity=-3,
    flags=_WRITE | Flag.DENYOOM,
    effects=("FUNCTION",),
    group="scripting",
    since="7.0.0",
    summary="Load the libraries that FUNCTION DUMP packed.",
    complexity="O(N) for N bytes of libraries",
    tips=(SHARDS, ALL),
)
def function_restore(ctx: Context, payload: bytes, *policies: bytes) -> SimpleString:
    """Return OK: all libraries of the payload are loaded, or none.

    Raises:
        CommandError: the payload or the policy is wrong, or a name is taken.
    """
    if len(policies) > 1:
        raise errors.odd_subcommand(b"restore", b"FUNCTION")
    policy = policies[0].upper() if policies else b"APPEND"
    if policy not in _POLICIES:
        raise CommandError(errors.FUNCTION_RESTORE_POLICY)
    loaded = ctx.engine.functions.restore(payload, policy)
    effects: list[tuple[bytes, ...]] = [
        (b"LOAD", b"REPLACE", library.source) for library in loaded
    ]
    if policy == b"FLUSH":
        effects.insert(0, (b"FLUSH",))
    if effects:
        _record(ctx, *effects)
        names = [decode(library.name) for library in loaded]
        record_change(ctx, f"FUNCTION RESTORE {decode(policy)} {' '.join(names)}")
    return OK


add_help(
    "FUNCTION",
    group="scripting",
    since="7.0.0",
    syntax={
        "FLUSH": "[ASYNC|SYNC]",
        "LIST": "[LIBRARYNAME <pattern>] [WITHCODE]",
        "LOAD": "[REPLACE] <code>",
        "RESTORE": "<payload> [FLUSH|APPEND|REPLACE]",
    },
)
