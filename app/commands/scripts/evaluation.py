"""EVAL and its family, and SCRIPT; `joblog.app.engine.scripts` does the work.

Source: Redis 7.2; see tests/parity/test_scripting.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.state.operator_lines import note_change, record_change
from joblog.app.state.script_sources import count_keys
from joblog.app.table.key_specs import numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ALL, AND, NODES, ONE, SHARDS
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_EVAL: Final = (
    Flag.NOSCRIPT
    | Flag.SKIP_MONITOR
    | Flag.MAY_REPLICATE
    | Flag.NO_MANDATORY_KEYS
    | Flag.STALE
    | Flag.MOVABLEKEYS
)
_EVAL_READ: Final = (
    Flag.NOSCRIPT
    | Flag.SKIP_MONITOR
    | Flag.NO_MANDATORY_KEYS
    | Flag.STALE
    | Flag.READONLY
    | Flag.MOVABLEKEYS
)
_SHA_BYTES: Final = 40
_KEYS: Final = numkeys_at(2, "RW ACCESS UPDATE")
_KEYS_READ: Final = numkeys_at(2)
_BY_EVAL: Final = [b"EVAL"]
_BY_EVALSHA: Final = [b"EVALSHA"]
_BY_EVAL_RO: Final = [b"EVAL_RO"]
_BY_EVALSHA_RO: Final = [b"EVALSHA_RO"]


def _require_script(
    ctx: Context, sha: bytes, numkeys: bytes, rest: tuple[bytes, ...]
) -> tuple[Any, int]:
    """Return the script that a SHA1 names, and how many of the rest are keys.

    Raises:
        CommandError: it is not loaded, or the count is wrong.
    """
    if len(sha) != _SHA_BYTES:
        raise CommandError(errors.NO_SCRIPT)
    count = count_keys(numkeys, rest)
    script = ctx.scripts.find(sha)
    if script is None:
        raise CommandError(errors.NO_SCRIPT)
    return script, count


@command(
    "EVAL",
    arity=-3,
    flags=_EVAL,
    keys=_KEYS,
    group="scripting",
    since="2.6.0",
    summary="Run a Lua script; all that it does happens at one moment.",
    complexity="As of the commands of the script",
)
def eval_(ctx: Context, script: bytes, numkeys: bytes, *rest: bytes) -> Any:
    """Return what the script returns.

    Raises:
        CommandError: it does not compile, or fails.
    """
    scripts = ctx.scripts
    count = count_keys(numkeys, rest)
    return scripts.evaluate(scripts.load(script), count, rest, _BY_EVAL)


@command(
    "EVALSHA",
    arity=-3,
    flags=_EVAL,
    keys=_KEYS,
    group="scripting",
    since="2.6.0",
    summary="Run a Lua script that is loaded, by its SHA1.",
    complexity="As of the commands of the script",
)
def evalsha(ctx: Context, sha: bytes, numkeys: bytes, *rest: bytes) -> Any:
    """Return what the script returns.

    Raises:
        CommandError: there is no such script, or it fails.
    """
    script, count = _require_script(ctx, sha, numkeys, rest)
    return ctx.scripts.evaluate(script, count, rest, _BY_EVALSHA)


@command(
    "EVAL_RO",
    arity=-3,
    flags=_EVAL_READ,
    keys=_KEYS_READ,
    group="scripting",
    since="7.0.0",
    summary="Run a Lua script that may not write.",
    complexity="As of the commands of the script",
)
def eval_ro(ctx: Context, script: bytes, numkeys: bytes, *rest: bytes) -> Any:
    """Return what the script returns; see `eval_`."""
    scripts = ctx.scripts
    count = count_keys(numkeys, rest)
    return scripts.evaluate(
        scripts.load(script), count, rest, _BY_EVAL_RO, is_read_only=True
    )


@command(
    "EVALSHA_RO",
    arity=-3,
    flags=_EVAL_READ,
    keys=_KEYS_READ,
    group="scripting",
    since="7.0.0",
    summary="Run a Lua script that is loaded and may not write, by its SHA1.",
    complexity="As of the commands of the script",
)
def evalsha_ro(ctx: Context, sha: bytes, numkeys: bytes, *rest: bytes) -> Any:
    """Return what the script returns; see `evalsha`."""
    script, count = _require_script(ctx, sha, numkeys, rest)
    return ctx.scripts.evaluate(script, count, rest, _BY_EVALSHA_RO, is_read_only=True)


@command(
    "SCRIPT LOAD",
    arity=3,
    flags=Flag.NOSCRIPT | Flag.STALE,
    group="scripting",
    since="2.6.0",
    summary="Compile a Lua script, for EVALSHA.",
    complexity="O(N) for a script of N bytes",
    tips=(NODES, ALL),
)
def script_load(ctx: Context, script: bytes) -> bytes:
    """Return the script's SHA1.

    Raises:
        CommandError: it does not compile.
    """
    loaded = ctx.scripts.load(script)
    if not loaded.is_told:  # workers do it at each start
        loaded.is_told = True
        record_change(ctx, f"SCRIPT LOAD {loaded.sha.decode()}")
    return loaded.sha


@command(
    "SCRIPT EXISTS",
    arity=-3,
    flags=Flag.NOSCRIPT,
    group="scripting",
    since="2.6.0",
    summary="Say which scripts are loaded.",
    complexity="O(N) for N scripts",
    tips=(SHARDS, AND),
)
def script_exists(ctx: Context, sha: bytes, *shas: bytes) -> list[int]:
    """Return 1 or 0 for each SHA1."""
    find = ctx.scripts.find
    return [int(find(each) is not None) for each in (sha, *shas)]


@command(
    "SCRIPT FLUSH",
    arity=-2,
    flags=Flag.NOSCRIPT,
    group="scripting",
    since="2.6.0",
    summary="Forget all scripts that are loaded.",
    complexity="O(N) for N scripts",
    tips=(NODES, ALL),
)
def script_flush(ctx: Context, *mode: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: the mode is neither SYNC nor ASYNC.
    """
    if mode and (len(mode) > 1 or mode[0].upper() not in (b"SYNC", b"ASYNC")):
        raise CommandError(errors.SCRIPT_FLUSH_OPTION)
    scripts = ctx.scripts.status()["scripts"]
    ctx.scripts.flush()
    note_change(ctx, f"SCRIPT FLUSH removed {scripts} scripts")
    return OK


@command(
    "SCRIPT KILL",
    arity=2,
    flags=Flag.NOSCRIPT | Flag.ALLOW_BUSY,
    group="scripting",
    since="2.6.0",
    summary="End the script that runs, unless it has written.",
    complexity="O(1)",
    tips=(SHARDS, ONE),
)
def script_kill(ctx: Context) -> SimpleString:
    """Return OK; the script ends soon after.

    Raises:
        CommandError: no script runs, or it has written already.
    """
    ctx.scripts.kill(is_function=False)
    note_change(ctx, "SCRIPT KILL")
    return OK


@command(
    "SCRIPT DEBUG",
    arity=3,
    flags=Flag.NOSCRIPT,
    group="scripting",
    since="3.2.0",
    summary="Switch Redis's script debugger, which there is none of here.",
    complexity="O(1)",
)
def script_debug(_: Context, mode: bytes) -> SimpleString:
    """Return OK for NO.

    Raises:
        CommandError: the debugger is asked for, or the mode is unknown.
    """
    if mode.upper() == b"NO":
        return OK
    if mode.upper() in (b"YES", b"SYNC"):
        raise CommandError(errors.SCRIPT_DEBUG_UNSUPPORTED)
    raise CommandError(errors.SCRIPT_DEBUG_OPTION)


add_help(
    "SCRIPT",
    group="scripting",
    since="5.0.0",
    syntax={
        "DEBUG": "<YES|SYNC|NO>",
        "FLUSH": "[ASYNC|SYNC]",
    },
)
