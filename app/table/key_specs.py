"""Key specs: where the keys of a command are, and what it does with them.

A command has one for each kind of access, in its registration; all that asks which keys
a command has, reads or changes derives from them, and so does what COMMAND tells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable


_DIGITS_MAX: Final = 9
_NUMBER: Final = re.compile(rb"[ \t-\r]*\+?([0-9]{1,9})(?![0-9])")


@dataclass(frozen=True, slots=True)
class KeySpec:
    """Some keys of a command: where they are in argv, and what happens to them.

    Attributes:
        access: Redis's flags: RO, RW, OW (overwrite) or RM, with ACCESS, UPDATE, ...
        first: position of the first key, or of the count of the keys; where a keyword
            is looked for, backwards if negative; 0 where no word names the keys.
        last: position of the last key; 0 for the first alone, negative counts from the
            end.
        step: distance from a key to the next.
        is_counted: the count of the keys comes first.
        keyword: the option that the keys follow, as COMMAND tells; `find` finds them.
        find: for keys that options move: argv -> positions; it goes before the rest.
        access_for: argv -> access, where that depends on options.
        is_read: whether the keys are looked up as a command that reads would, for
            keyspace_hits and the event keymiss; None: as the access says, and all keys
            of a command that only reads.
        is_changed: whether the keys may be other ones afterwards; None: as the access
            says.
        databases: (the client's database, argv) -> those in which the keys are
            changed, where that may be another one.
    """

    access: str = "RW"
    first: int = 1
    last: int = 0
    step: int = 1
    is_counted: bool = False
    keyword: bytes = b""
    find: Callable[[list[bytes]], list[int]] | None = None
    access_for: Callable[[list[bytes]], str] | None = None
    is_read: bool | None = None
    is_changed: bool | None = None
    databases: Callable[[int, list[bytes]], list[int]] | None = None

    def positions(self, argv: list[bytes]) -> list[int]:
        """Return the positions of these keys in one command.

        Raises:
            CommandError: the arguments do not say where the keys are.
        """
        if self.find is not None:
            return self.find(argv)
        if self.is_counted:
            return self._counted(argv)
        if not self.first:
            return []
        last = self.last or self.first
        if last < 0:
            last += len(argv)
        return list(range(self.first, min(last, len(argv) - 1) + 1, self.step))

    def _counted(self, argv: list[bytes]) -> list[int]:
        first, step = self.first, self.step
        number = _leading_number(argv[first]) if first < len(argv) else 0
        keys = range(first + 1, first + 1 + step * number, step)
        if not keys or keys[-1] >= len(argv):
            raise CommandError(errors.INVALID_KEY_ARGUMENTS)
        return list(keys)

    def names_none(self, argv: list[bytes]) -> bool:
        """Whether a command ends before the place where its keys would begin."""
        return self.is_fixed and self.find is None and not self.positions(argv)

    def access_in(self, argv: list[bytes]) -> str:
        """Return what one command does with these keys."""
        return self.access if self.access_for is None else self.access_for(argv)

    @property
    def is_movable(self) -> bool:
        """Whether the keys have no fixed place."""
        return self.find is not None or self.is_counted

    @property
    def is_fixed(self) -> bool:
        """Whether the keys are in the same places in every command."""
        return bool(self.first) and not self.keyword and not self.is_counted

    @property
    def is_only_first(self) -> bool:
        """Whether it is the first argument, and nothing else."""
        return not self.is_movable and self.first == 1 and self.last in (0, 1)

    @property
    def is_unnamed(self) -> bool:
        """Whether no word of the command names the keys."""
        return not self.first and self.find is None

    @property
    def may_change(self) -> bool:
        """Whether the keys may be other ones afterwards."""
        if self.is_changed is not None:
            return self.is_changed
        return not self.access.startswith(("RO", "NOT_KEY"))

    @property
    def may_matter(self) -> bool:
        """Whether what becomes of other keys depends on what these keys were."""
        return "ACCESS" in self.access or self.access == "OW INSERT"


def _leading_number(word: bytes) -> int:
    """Return the number that a word begins with, as C reads it (`+1`, `1x`), or 0.

    The handler refuses such a word; until then its keys are looked for.
    """
    if word.isdigit():
        return int(word) if len(word) <= _DIGITS_MAX else 0
    found = _NUMBER.match(word)
    return int(found[1]) if found is not None else 0


def numkeys_at(first: int, access: str = "RO ACCESS", step: int = 1) -> KeySpec:
    """Return the spec of keys that follow their count, which is at a position."""
    return KeySpec(access, first, step=step, is_counted=True)
