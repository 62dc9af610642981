"""Effects without the keys that had to go, and where data would have flowed on.

An effect on such keys alone is left out. One that also changes others stays for those,
where what it did to them does not depend on what the keys held; else these have it too,
and have to be named as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.commands.writers import find_writer
from joblog.app.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.table.table import Command

_REMOVING = frozenset({b"DEL", b"UNLINK"})
_PAIRS = frozenset({b"MSET"})
_TAKING = {
    b"RPOPLPUSH": lambda argv: [b"RPOP", argv[1]],
    b"BRPOPLPUSH": lambda argv: [b"RPOP", argv[1]],
    b"LMOVE": lambda argv: [_pop(argv[3]), argv[1]],
    b"BLMOVE": lambda argv: [_pop(argv[3]), argv[1]],
    b"SMOVE": lambda argv: [b"SREM", argv[1], argv[3]],
    b"RENAME": lambda argv: [b"DEL", argv[1]],
    b"RENAMENX": lambda argv: [b"DEL", argv[1]],
}
"""What is left of effects that move something into a key that has to go."""


class FlowError(Exception):
    """What one of the keys held went into others.

    Attributes:
        keys: those others.
    """

    def __init__(self, name: bytes, keys: list[bytes]) -> None:
        super().__init__(name, keys)
        self.name = name
        self.keys = keys


def without_keys(
    argv: list[bytes], is_gone: Callable[[bytes], bool]
) -> list[bytes] | None:
    """Return what is left of an effect; the same list where it does not concern keys.

    Args:
        argv: the effect.
        is_gone: whether a key has to go.

    Returns:
        None where nothing is left.

    Raises:
        FlowError: it made other keys of what these held.
    """
    if not any(map(is_gone, argv[1:])):
        return argv
    command = find_writer(argv)
    if command is None:
        return argv
    named, changed = _positions(command, argv)
    gone = {at for at in named if is_gone(argv[at])}
    if not gone:
        return argv
    kept = [argv[at] for at in changed if at not in gone]
    if not kept:
        return None
    name = argv[0].upper()
    if name in _REMOVING:
        return [word for at, word in enumerate(argv) if at not in gone]
    if name in _PAIRS:
        return [
            word
            for at, word in enumerate(argv)
            if at not in gone and at - 1 not in gone
        ]
    if name in _TAKING and gone == {2}:
        return _TAKING[name](argv)
    raise FlowError(name, kept)


def keys_of(argv: list[bytes]) -> list[bytes]:
    """Return all keys that an effect names."""
    command = find_writer(argv)
    return [argv[at] for at in _positions(command, argv)[0]] if command else []


def _positions(command: Command, argv: list[bytes]) -> tuple[set[int], list[int]]:
    """Return where the keys of an effect are, and where those that it may change."""
    try:
        named = {at for spec in command.keys for at in spec.positions(argv)}
        return named, list(command.changed_positions(argv))
    except (CommandError, IndexError):
        return set(), []


def _pop(side: bytes) -> bytes:
    return b"LPOP" if side.upper() == b"LEFT" else b"RPOP"
