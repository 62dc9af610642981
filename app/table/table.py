"""The command table: all that is known of each command, said once.

A module of handlers registers each with `@command(...)`. Arity errors, key extraction,
COMMAND, COMMAND DOCS, ACL categories and docs/reference/commands.md derive from it.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from joblog.app import errors
from joblog.app.errors import CommandError, ErrorKind
from joblog.app.table.arities import UNLIMITED, check_arity, most_words
from joblog.app.table.key_specs import KeySpec

if TYPE_CHECKING:
    from joblog.app.table.arguments import Converter

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


class Flag(enum.IntFlag):
    """What the server has to know of a command; Redis's names, but for `OWN`."""

    WRITE = enum.auto()
    READONLY = enum.auto()
    DENYOOM = enum.auto()
    ADMIN = enum.auto()
    PUBSUB = enum.auto()
    NOSCRIPT = enum.auto()
    BLOCKING = enum.auto()
    LOADING = enum.auto()
    STALE = enum.auto()
    SKIP_MONITOR = enum.auto()
    SKIP_SLOWLOG = enum.auto()
    FAST = enum.auto()
    NO_AUTH = enum.auto()
    MAY_REPLICATE = enum.auto()
    NO_ASYNC_LOADING = enum.auto()
    NO_MULTI = enum.auto()
    ALLOW_BUSY = enum.auto()
    MOVABLEKEYS = enum.auto()
    NO_MANDATORY_KEYS = enum.auto()
    PROTECTED = enum.auto()
    ASKING = enum.auto()
    NEVER_QUEUED = enum.auto()
    WHILE_SUBSCRIBED = enum.auto()
    LOOKS_UP = enum.auto()
    OF_PRESENT = enum.auto()


OWN: Final = Flag.NEVER_QUEUED | Flag.WHILE_SUBSCRIBED | Flag.LOOKS_UP | Flag.OF_PRESENT
"""Flags that nobody is told of: the command runs at once inside of a MULTI too; a RESP2
client with subscriptions may call it; its look-ups count as hits and misses though
neither READONLY nor a key spec says so; a client that looks at the past calls it in the
present all the same, since it decides who the client is, or whether it goes."""


@dataclass(slots=True)
class Command:
    """One command or subcommand.

    Attributes:
        name: Redis's name in lower case; a subcommand as `config|get`.
        arity: the words of a call, the name included; negative is a least.
        least, most: fewest and most words of a call.
        skip: how many words the handler is not given: those of the name; see `command`.
        handler: `handler(context, *arguments)`.
        converters: (position among the arguments, converter), in order.
        is_never_queued: whether it runs, or is refused, at once inside of a MULTI too.
        is_fast: whether a call of a few words cannot take long.
        is_in_rows: whether `joblog.app.engine.rows` may run it with others of its kind.
        is_protected: whether a setting has to admit the client (DEBUG, MODULE).
        is_reading: whether its look-ups count as hits and misses.
        keys: where its keys are, for each kind of access.
        effects: what may be recorded for a call instead of the call as given: the names
            of effects, in capitals; its own where its words may be others then.
        tips: what it tells clients of a cluster; see `joblog.app.table.tips`.
        channels: where in argv the channels are that it speaks on or listens to.
        plain_most: most words of a call whose handler takes argv as it is, or 0.
        invoke: the handler again, as mypyc looks it up the quick way.
        subcommands: by name in upper case; empty for a command that has none.
        number: its place in `REGISTERED`, by which a server counts its calls.
    """

    name: str
    arity: int
    flags: Flag
    keys: tuple[KeySpec, ...]
    group: str
    since: str
    summary: str
    complexity: str
    handler: Handler
    skip: int = 1
    least: int = 0
    most: int = UNLIMITED
    acl: tuple[str, ...] = ()
    effects: frozenset[bytes] = frozenset()
    tips: tuple[str, ...] = ()
    channels: slice | None = None
    converters: tuple[tuple[int, Converter], ...] = ()
    subcommands: dict[bytes, Command] = field(default_factory=dict)
    is_write: bool = False
    is_protected: bool = False
    is_fast: bool = False
    is_in_rows: bool = False
    is_never_queued: bool = False
    is_reading: bool = False
    plain_most: int = 0
    invoke: Any = None
    number: int = 0

    def key_positions(self, argv: list[bytes]) -> list[int]:
        """Return where in argv the keys are; empty for a command without keys.

        Raises (as do the next three):
            CommandError: the arguments do not say where the keys are.
        """
        return [at for spec in self.keys for at in spec.positions(argv)]

    def key_accesses(self, argv: list[bytes]) -> list[tuple[bytes, str]]:
        """Return the keys, each with what is done to it, such as `RW ACCESS UPDATE`."""
        return [
            (argv[at], spec.access_in(argv))
            for spec in self.keys
            for at in spec.positions(argv)
        ]

    def changed_positions(self, argv: list[bytes]) -> list[int]:
        """Return where the keys are that may be other ones afterwards."""
        return [
            at for spec in self.keys if spec.may_change for at in spec.positions(argv)
        ]

    def read_positions(self, argv: list[bytes]) -> list[int]:
        """Return where the keys are that are looked up as by a command that reads."""
        return [
            at for spec in self.keys if self.reads(spec) for at in spec.positions(argv)
        ]

    def reads(self, spec: KeySpec) -> bool:
        """Tell whether some of its keys are looked up as by a command that reads."""
        if spec.is_read is not None:
            return spec.is_read
        return bool(self.flags & Flag.READONLY) or spec.access.startswith("RO")

    def apply(self, context: Any, argv: list[bytes]) -> Any:
        """Run the handler on the words of a call, whose number is right.

        Raises:
            CommandError: an argument is not of its type, or the handler refuses.
        """
        words = len(argv)
        if words > self.plain_most:
            return self.invoke(context, *self.arguments(argv))
        # Spelled out for the usual counts: a star costs a list and a tuple.
        if words == 2:  # noqa: PLR2004 - the name and one argument
            return self.invoke(context, argv[1])
        if words == 3:  # noqa: PLR2004 - the name and two arguments
            return self.invoke(context, argv[1], argv[2])
        if words == 4:  # noqa: PLR2004 - the name and three arguments
            return self.invoke(context, argv[1], argv[2], argv[3])
        if words == 5:  # noqa: PLR2004 - the name and four arguments
            return self.invoke(context, argv[1], argv[2], argv[3], argv[4])
        if words == 6:  # noqa: PLR2004 - EVAL with two keys and an argument
            return self.invoke(context, argv[1], argv[2], argv[3], argv[4], argv[5])
        if words == 8:  # noqa: PLR2004 - HSET of three fields
            return self.invoke(
                context, argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], argv[7]
            )
        return self.invoke(context, *argv[1:])

    def arguments(self, argv: list[bytes]) -> list[Any]:
        """Return the arguments for the handler, converted.

        Raises:
            CommandError: an argument is not of its type.
        """
        if len(argv) > self.most:  # in Redis the handler sees to it, when it runs
            raise CommandError(errors.wrong_arity(self.name.encode()))
        arguments: list[Any] = argv[self.skip :]
        for position, convert in self.converters:
            if position < len(arguments):
                arguments[position] = convert(arguments[position])
        return arguments


COMMANDS: Final[dict[bytes, Command]] = {}
"""Every command, by its name in upper case; subcommands are inside their command."""

LOOKUP: Final[dict[bytes, Command]] = {}
"""Every command that a client may run unasked, unless it is limited: those without
subcommands that no setting has to admit, by name in upper case and in lower case."""

REGISTERED: Final[list[Command]] = []
"""Every command and subcommand, switched off or not, in order of registration."""

SWITCHED_OFF: Final[dict[bytes, Command]] = {}
"""Commands that are in neither of the two any more, by name (`rename-command X ""`)."""


def command(  # noqa: PLR0913 - a parameter for each fact
    name: str,
    *,
    arity: int,
    flags: Flag,
    group: str,
    since: str,
    summary: str,
    complexity: str,
    keys: KeySpec | tuple[KeySpec, ...] = (),
    effects: tuple[str, ...] = (),
    convert: Mapping[str, Converter] | None = None,
    acl: tuple[str, ...] = (),
    tips: tuple[str, ...] = (),
    channels: slice | None = None,
) -> Callable[[H], H]:
    """Register a handler under a command's name; the function comes back unchanged.

    A first parameter called `given_name` is for the name, as the client wrote it.

    Args:
        name: Redis's name in capitals; a subcommand as `"CLIENT SETNAME"`.
        arity: Redis's count of words, the name included (both words of a subcommand).
        flags: what the server has to know.
        group: Redis's group, such as `"sorted-set"`.
        since: the Redis version that introduced it.
        summary: one line, in our own words.
        complexity: one line.
        keys: where the keys are, for each kind of access.
        effects: see `Command`.
        convert: converters for arguments that are not byte strings, by parameter name.
        acl: ACL categories beyond those that follow from flags and group; with a minus
            those that do not.
        tips: see `Command`.
        channels: see `Command`.

    Raises:
        AssertionError: the arity does not agree with the handler's parameters.
    """

    def register(handler: H) -> H:
        words = name.split()
        parameters = list(inspect.signature(handler).parameters.values())[1:]
        skip = len(words) if [p.name for p in parameters[:1]] != ["given_name"] else 0
        converters = dict(convert or {})
        made = Command(
            name="|".join(words).lower(),
            arity=arity,
            flags=flags,
            keys=(keys,) if isinstance(keys, KeySpec) else keys,
            group=group,
            since=since,
            summary=summary,
            complexity=complexity,
            handler=handler,
            skip=skip,
            least=abs(arity),
            most=most_words(arity, skip, parameters),
            acl=acl,
            effects=frozenset(effect.encode() for effect in effects),
            tips=tips,
            channels=channels,
            converters=tuple(
                (position, converters.pop(parameter.name))
                for position, parameter in enumerate(parameters)
                if parameter.name in converters
            ),
        )
        _derive(made)
        assert not converters, f"{name}: no parameter named {', '.join(converters)}"
        check_arity(made, parameters)
        _add(words, made)
        return handler

    return register


def _derive(made: Command) -> None:
    """Note of a command what each call of it asks for."""
    flags = made.flags
    made.is_write = bool(flags & Flag.WRITE)
    made.is_protected = bool(flags & Flag.PROTECTED)
    made.is_fast = bool(flags & Flag.FAST)
    is_data = flags & (Flag.WRITE | Flag.READONLY) and not flags & Flag.BLOCKING
    is_quick = made.is_fast or flags & Flag.LOOKS_UP
    made.is_in_rows = bool(made.keys and is_data and is_quick)
    made.is_never_queued = bool(flags & (Flag.NO_MULTI | Flag.NEVER_QUEUED))
    made.is_reading = bool(
        flags & (Flag.READONLY | Flag.LOOKS_UP) or any(map(made.reads, made.keys))
    )
    if made.skip == 1:
        first = [position for position, _ in made.converters[:1]]
        made.plain_most = min(first[0] + 1 if first else UNLIMITED, made.most)
    made.invoke = made.handler


def _add(words: list[str], made: Command) -> None:
    name = words[0].encode()
    if len(words) == 1:
        assert name not in COMMANDS, f"{made.name} is registered twice"
        COMMANDS[name] = made
        if not made.is_protected:
            LOOKUP[name] = LOOKUP[name.lower()] = made
        _number(made)
        return
    container = COMMANDS.get(name)
    if container is None:
        container = Command(
            name=words[0].lower(),
            arity=-2,
            flags=Flag(0),
            keys=(),
            group=made.group,
            since=made.since,
            summary=f"A container for {words[0]} commands.",
            complexity="Depends on subcommand.",
            handler=made.handler,
            least=2,
        )
        COMMANDS[name] = container
        _number(container)
    LOOKUP.pop(name, None)
    LOOKUP.pop(name.lower(), None)
    subcommand = words[1].encode()
    assert subcommand not in container.subcommands, f"{made.name} is registered twice"
    container.subcommands[subcommand] = made
    _number(made)


def _number(made: Command) -> None:
    made.number = len(REGISTERED)
    REGISTERED.append(made)


def every_command() -> Iterator[Command]:
    """Go through all commands and subcommands."""
    for made in COMMANDS.values():
        yield made
        yield from made.subcommands.values()


def switch_off(name: bytes) -> None:
    """Make a command unknown to clients and scripts; records that hold it still fold.

    Raises:
        KeyError: there is no such command.
    """
    name = name.upper()
    if name not in SWITCHED_OFF:
        SWITCHED_OFF[name] = COMMANDS.pop(name)
        LOOKUP.pop(name, None)
        LOOKUP.pop(name.lower(), None)


def find_command(argv: list[bytes]) -> Command | None:
    """Return the command that argv calls, or the subcommand, or None."""
    found = COMMANDS.get(argv[0].upper())
    if found is not None and found.subcommands and len(argv) > 1:
        return found.subcommands.get(argv[1].upper())
    return found


def require_command(argv: list[bytes]) -> Command:
    """Return the command that argv calls, with the right number of words.

    Raises:
        CommandError: no such command or subcommand, or a wrong number of arguments.
    """
    return _require(COMMANDS.get(argv[0].upper()), argv)


def require_effect(argv: list[bytes]) -> Command:
    """Return the command that an effect calls, whether clients may call it or not.

    Raises:
        CommandError: see `require_command`.
    """
    name = argv[0].upper()
    return _require(COMMANDS.get(name) or SWITCHED_OFF.get(name), argv)


def _require(found: Command | None, argv: list[bytes]) -> Command:
    if found is None:
        raise CommandError(errors.unknown_command(argv))
    if found.subcommands and len(argv) > 1:
        subcommand = found.subcommands.get(argv[1].upper())
        if subcommand is None:
            raise CommandError(errors.unknown_subcommand(found.name.encode(), argv[1]))
        found = subcommand
    if len(argv) < found.least or (found.arity > 0 and len(argv) > found.most):
        text = errors.wrong_arity(found.name.encode())
        raise CommandError(text, ErrorKind.WRONG_ARITY)
    return found
