"""COMMAND: what the server can do, told from the command table.

Source: Redis 7.0.15 and Valkey 9.1; see tests/parity/test_command.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.keyspace.glob import compile_glob
from joblog.app.reply import BulkList
from joblog.app.table.categories import commands_in
from joblog.app.table.command_info import describe_command, document_command, flag_words
from joblog.app.table.table import COMMANDS, Command, Flag, command, every_command
from joblog.app.table.table import find_command as find_called
from joblog.app.table.tips import UNORDERED
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_ANYTIME: Final = Flag.LOADING | Flag.STALE
_FILTER_WORDS: Final = 3


@command(
    "COMMAND",
    arity=-1,
    flags=_ANYTIME,
    group="server",
    since="2.8.13",
    summary="Return arity, flags, keys and more of every command.",
    complexity="O(N) for N commands",
    acl=("connection",),
    tips=(UNORDERED,),
)
def command_all(_: Context, *_subcommand: bytes) -> list[Any]:
    """Return the details of every command."""
    return [describe_command(made) for made in COMMANDS.values()]


@command(
    "COMMAND COUNT",
    arity=2,
    flags=_ANYTIME,
    group="server",
    since="2.8.13",
    summary="Count the commands, without subcommands.",
    complexity="O(1)",
    acl=("connection",),
)
def command_count(_: Context) -> int:
    """Return how many commands there are."""
    return len(COMMANDS)


@command(
    "COMMAND LIST",
    arity=-2,
    flags=_ANYTIME,
    group="server",
    since="7.0.0",
    summary="List the names of all commands, or of those that a FILTERBY lets through.",
    complexity="O(N) for N commands",
    acl=("connection",),
    tips=(UNORDERED,),
)
def command_list(_: Context, *filterby: bytes) -> BulkList:
    """Return names, those of subcommands included."""
    if not filterby:
        return _names(every_command())
    if len(filterby) != _FILTER_WORDS or filterby[0].upper() != b"FILTERBY":
        raise CommandError(errors.SYNTAX)
    kind, wanted = filterby[1].upper(), filterby[2]
    if kind == b"MODULE":
        return BulkList()
    if kind == b"ACLCAT":
        return _names(commands_in(wanted.decode("utf-8", "replace").lower()))
    if kind == b"PATTERN":
        matches = compile_glob(wanted, ignore_case=True)
        return _names(made for made in every_command() if matches(made.name.encode()))
    raise CommandError(errors.SYNTAX)


def _names(commands: Any) -> BulkList:
    return BulkList([made.name.encode() for made in commands])


@command(
    "COMMAND INFO",
    arity=-2,
    flags=_ANYTIME,
    group="server",
    since="2.8.13",
    summary="Return arity, flags, keys and more of commands, of all if none is named.",
    complexity="O(N) for N commands",
    acl=("connection",),
    tips=(UNORDERED,),
)
def command_info(ctx: Context, *command_name: bytes) -> list[Any]:
    """Return an entry for each name, a null for those that are unknown."""
    if not command_name:
        return command_all(ctx)
    found = [_named(name) for name in command_name]
    return [None if made is None else describe_command(made) for made in found]


@command(
    "COMMAND DOCS",
    arity=-2,
    flags=_ANYTIME,
    group="server",
    since="7.0.0",
    summary="Return what commands do; of all commands where none is named.",
    complexity="O(N) for N commands",
    acl=("connection",),
    tips=(UNORDERED,),
)
def command_docs(_: Context, *command_name: bytes) -> dict[bytes, Any]:
    """Return a map from name to documentation, without names that are unknown."""
    if not command_name:
        found: list[Command | None] = list(COMMANDS.values())
    else:
        found = [_named(name) for name in command_name]
    return {
        made.name.encode(): document_command(made) for made in found if made is not None
    }


def _named(name: bytes) -> Command | None:
    """Return the command of a name such as `get` or `config|get`."""
    container, _, subcommand = name.upper().partition(b"|")
    made = COMMANDS.get(container)
    if made is None or not subcommand:
        return made
    return made.subcommands.get(subcommand)


@command(
    "COMMAND GETKEYS",
    arity=-3,
    flags=_ANYTIME,
    group="server",
    since="2.8.13",
    summary="Return the keys of a whole command.",
    complexity="O(N) for N arguments",
    acl=("connection",),
)
def command_getkeys(_: Context, command_name: bytes, *arg: bytes) -> BulkList:
    """Return the keys; an error where the command has none."""
    return BulkList([key for key, _ in _keys_of([command_name, *arg])])


@command(
    "COMMAND GETKEYSANDFLAGS",
    arity=-3,
    flags=_ANYTIME,
    group="server",
    since="7.0.0",
    summary="Return the keys of a whole command, and what it does with each.",
    complexity="O(N) for N arguments",
    acl=("connection",),
)
def command_getkeysandflags(_: Context, command_name: bytes, *arg: bytes) -> list[Any]:
    """Return [key, flags] for each key; an error where the command has none."""
    return [[key, flag_words(access)] for key, access in _keys_of([command_name, *arg])]


def _keys_of(argv: list[bytes]) -> list[tuple[bytes, str]]:
    made = find_called(argv)
    if made is None:
        raise CommandError(errors.INVALID_COMMAND)
    if not made.keys or made.keys[0].access == "NOT_KEY":
        raise CommandError(errors.NO_KEY_ARGUMENTS)
    wrong = len(argv) != made.arity if made.arity > 0 else len(argv) < -made.arity
    if wrong:
        raise CommandError(errors.INVALID_ARGUMENT_COUNT)
    if any(spec.names_none(argv) for spec in made.keys):  # `PFMERGE k`
        raise CommandError(errors.INVALID_KEY_ARGUMENTS)
    try:
        return made.key_accesses(argv)
    except CommandError:
        if made.flags & Flag.NO_MANDATORY_KEYS:
            return []
        raise


add_help("COMMAND", group="server", since="5.0.0", acl=("connection",))
