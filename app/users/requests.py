"""What a command asks for, as rules are held against it: its keys and its channels."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app.errors import CommandError

if TYPE_CHECKING:
    from joblog.app.table.table import Command
    from joblog.app.words import Argv

READ: Final = 1
WRITE: Final = 2
READ_WRITE: Final = READ | WRITE
_PATTERN_COMMAND: Final = "psubscribe"
_DEEDS: Final = {"ACCESS": READ, "INSERT": WRITE, "DELETE": WRITE, "UPDATE": WRITE}


class Reason(enum.IntEnum):
    """What a denial is about; the higher says more of what was meant."""

    COMMAND = 1
    KEY = 2
    CHANNEL = 3


class Denial(NamedTuple):
    """Why a user may not do something.

    Attributes:
        reason: what it is about.
        position: where in argv the key or the channel is; 0 for the command.
        word: the key, the channel, or the command's name.
    """

    reason: Reason
    position: int
    word: bytes


class KeyUse(NamedTuple):
    """A key of a command: where in argv it is, and what is done to it."""

    position: int
    key: bytes
    deeds: int


def deeds_of(access: str) -> int:
    """Return what an access, such as `RW ACCESS UPDATE`, does with a key's value.

    Nothing for one that tells no more than whether the key is there, and of what type.
    """
    deeds = 0
    for word in access.split():
        deeds |= _DEEDS.get(word, 0)
    return deeds


NOTHING: Final = -1
"""The plan of a command that names no key and no channel."""
FIRST: Final = -2
"""That of one whose only key is its first argument; what is done to it depends."""
ODD: Final = -3
"""That of any other, but for those with one key, where the plan says what is done."""

_PLANS: Final[dict[int, int]] = {}
_DEEDS_OF: Final[dict[str, int]] = {}


def plan_of(command: Command) -> int:
    """Return how to ask about a command the quick way."""
    plan = _PLANS.get(command.number)
    if plan is None:
        plan = _PLANS[command.number] = _make_plan(command)
    return plan


def _make_plan(command: Command) -> int:
    if command.channels is not None or len(command.keys) > 1:
        return ODD
    if not command.keys:
        return NOTHING
    (spec,) = command.keys
    if not spec.is_only_first or spec.keyword or spec.access.startswith("NOT_KEY"):
        return ODD
    return deeds_of(spec.access) if spec.access_for is None else FIRST


def first_deeds(command: Command, argv: Argv) -> int:
    """Return what a call does to its only key, for the plan FIRST."""
    access = command.keys[0].access_in(argv)
    deeds = _DEEDS_OF.get(access)
    if deeds is None:
        deeds = _DEEDS_OF[access] = deeds_of(access)
    return deeds


def keys_of(command: Command, argv: Argv) -> list[KeyUse]:
    """Return the keys that a command names.

    They are those of the table's key specs; none where the arguments do not say which
    they are, which the handler refuses.
    """
    found: list[KeyUse] = []
    try:
        for spec in command.keys:
            access = spec.access_in(argv)
            if not access.startswith("NOT_KEY"):
                deeds = deeds_of(access)
                found += [KeyUse(at, argv[at], deeds) for at in spec.positions(argv)]
    except CommandError:
        return []
    return found


def channels_of(command: Command, argv: Argv) -> list[tuple[int, bytes]]:
    """Return the channels that a command names, each with where in argv it is."""
    named = command.channels
    if named is None:
        return []
    places = range(*named.indices(len(argv)))
    return [(place, argv[place]) for place in places]


def names_patterns(command: Command) -> bool:
    """Say whether the channels of a command are patterns of channels."""
    return command.name == _PATTERN_COMMAND
