"""Sets: each member's position in a list, and that list.

    {member: position}      membership is one look-up
    [member, member, ...]   `members[positions[m]] is m`, for each member

Removing a member moves the last one into its place, so both change in O(1) and the list
never has a hole. That gives two things which a plain Python set cannot: a uniformly
random member without a copy, and a scan whose cursor is a mere position. A scan goes
from the end to the start: a member that has not been returned yet lies below the cursor
and can only move further down.

The position dictionary is the object itself, so that `in`, `len` and iteration are
direct C calls. It keeps the order in which members came, which is also the order in
which Redis lists a small set that is not all integers: what returns a whole set goes
through the dictionary, not the list (`list_members`). Never use the dictionary's own
mutators on a set from outside.
"""

from __future__ import annotations

from itertools import chain, filterfalse, islice
from typing import TYPE_CHECKING, Final

from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterable

INTSET: Final = b"intset"
LISTPACK: Final = b"listpack"
HASHTABLE: Final = b"hashtable"


class Set(dict[bytes, int]):
    """A set of byte strings.

    Attributes:
        members: each member once, in the order of positions. Read only.
    """

    __slots__ = ("members",)

    def __init__(self, members: Iterable[bytes] = ()) -> None:
        """Make a set of the members given; doubles count once."""
        self.members: list[bytes] = []
        if members:
            self.add_all(members)

    def add(self, member: bytes) -> int:
        """Add a member; return 1 where it is new, else 0. O(1)."""
        if member in self:
            return 0
        members = self.members
        self[member] = len(members)
        members.append(member)
        return 1

    def add_all(self, members: Iterable[bytes]) -> int:
        """Add members; return how many are new. O(N) for N members."""
        before = len(self)
        new = list(filterfalse(self.__contains__, members)) if self else list(members)
        self.update(zip(new, range(before, before + len(new)), strict=True))
        if len(self) < before + len(new):
            # Some came twice, and have their last position. To look for them beforehand
            # would cost as much again where none does.
            new = list(dict.fromkeys(new))
            self.update(zip(new, range(before, before + len(new)), strict=True))
        self.members += new
        return len(new)

    def discard(self, member: bytes) -> int:
        """Remove a member; return 1 where it was there, else 0. O(1)."""
        position = self.pop(member, -1)
        if position < 0:
            return 0
        last = self.members.pop()
        if position != len(self.members):
            self.members[position] = last
            self[last] = position
        return 1

    def discard_all(self, members: Iterable[bytes]) -> int:
        """Remove members; return how many were there. O(N) for N members."""
        return sum(map(self.discard, members))

    def become(self, members: Iterable[bytes]) -> None:
        """Take other members in place of those there are.

        Members in both keep what a scan under way knows of them, so that it still
        returns each one that was there all along.
        """
        wanted = dict.fromkeys(members)
        self.discard_all(list(filterfalse(wanted.__contains__, self.members)))
        self.add_all(wanted)

    def pick(self, chance: random.Random) -> bytes:
        """Return a uniformly random member of a set that is not empty. O(1)."""
        return self.members[int(chance.random() * len(self.members))]

    def pick_distinct(self, count: int, chance: random.Random) -> list[bytes]:
        """Return random members, none twice; all where `count` is at least as many."""
        if count >= len(self.members):
            return list(self)
        return chance.sample(self.members, count)

    def pick_any(self, count: int, chance: random.Random) -> list[bytes]:
        """Return as many random members as asked for, any of them several times."""
        return chance.choices(self.members, k=count)

    def pop_random(self, count: int, chance: random.Random) -> list[bytes]:
        """Remove random members and return them. O(N) for N members removed."""
        if count >= len(self.members):
            popped = self.members
            self.members = []
            self.clear()
            return popped
        popped = []
        for _ in range(count):
            member = self.pick(chance)
            self.discard(member)
            popped.append(member)
        return popped

    def copy(self) -> Set:
        """Return a set with the same members."""
        return Set(self)

    def encoding(
        self,
        *,
        intset_entries: int = 512,
        listpack_entries: int = 128,
        listpack_value: int = 64,
    ) -> bytes:
        """Return the encoding that Redis 7.2 would have chosen for these members.

        Redis never goes back to a smaller encoding; here the answer always follows
        from the set as it is.

        Args:
            intset_entries: `set-max-intset-entries`.
            listpack_entries: `set-max-listpack-entries`.
            listpack_value: `set-max-listpack-value`, in bytes.
        """
        size = len(self)
        if are_integers(self, intset_entries):
            return INTSET
        if size <= listpack_entries and max(map(len, self)) <= listpack_value:
            return LISTPACK
        return HASHTABLE

    def check(self) -> None:
        """Assert that dictionary and list agree."""
        assert len(self) == len(self.members)
        for position, member in enumerate(self.members):
            assert type(member) is bytes
            assert self[member] == position


def are_integers(members: Collection[bytes], most: int) -> bool:
    """Say whether Redis keeps members as an intset: few, and integers all of them."""
    return len(members) <= most and all(
        parse_int64(member) is not None for member in members
    )


def list_members(members: Collection[bytes], intset_entries: int) -> Collection[bytes]:
    """Return members in the order in which Redis lists them: an intset is sorted."""
    if are_integers(members, intset_entries):
        return sorted(members, key=int)
    return members


def intersect(sets: list[Set], intset_entries: int) -> list[bytes]:
    """Return the members that all sets have; at least one set must be given.

    O(N*M), N being the size of the smallest set, M the number of sets.
    """
    smallest, *others = sorted(sets, key=len)
    found: Iterable[bytes] = list_members(smallest, intset_entries)
    for other in others:
        found = filter(other.__contains__, found)
    return list(found)


def count_common(sets: list[Set], limit: int) -> int:
    """Return how many members all sets have, up to a limit; 0 is no limit."""
    smallest, *others = sorted(sets, key=len)
    found: Iterable[bytes] = smallest
    for other in others:
        found = filter(other.__contains__, found)
    if limit and limit < len(smallest):
        found = islice(found, limit)
    return sum(1 for _ in found)


def unite(sets: list[Set], intset_entries: int) -> list[bytes]:
    """Return the members that any of the sets has, each once. O(N) for N in all."""
    listed = [list_members(each, intset_entries) for each in sets]
    if len(listed) == 1:
        return list(listed[0])
    united = list(dict.fromkeys(chain.from_iterable(listed)))
    return list(list_members(united, intset_entries))


def subtract(first: Set, others: list[Set], intset_entries: int) -> list[bytes]:
    """Return the members of the first set that no other has.

    O(N*M), N being the size of the first set, M the number of sets.
    """
    found: Iterable[bytes] = first
    for other in others:
        found = filterfalse(other.__contains__, found)
    return list(list_members(list(found), intset_entries))
