"""Sets: a dictionary of the members, and a list to pick from while somebody picks.

    {member: None}          membership is one look-up; in the order in which they came
    [member, member, ...]   `picks`: what random members are picked from, or None
    {member, ...}           `gone`: what is in that list and is no member any more

Most sets are never asked for a random member, so the list is made when one is. Then it
holds the members and what is `gone`, each once: SPOP fills the hole that it makes with
the last one, SREM leaves one behind, and a member that comes back is taken from `gone`.
When many are gone the list goes too. A random place of the list that holds one who is
gone is not counted, so that all members are equally likely.

The dictionary is the object itself, so that `in`, `len` and iteration are direct C
calls. Its order is also the one in which Redis lists a small set that is not all
integers (`list_members`), and the one that a scan goes by (`joblog.app.keyspace.scan`).
Never use the dictionary's own mutators on a set from outside.
"""

from __future__ import annotations

from itertools import chain, filterfalse, islice
from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterable

INTSET: Final = b"intset"
LISTPACK: Final = b"listpack"
HASHTABLE: Final = b"hashtable"

_GONE_SHARE: Final = 4
"""The list goes where more than a quarter of it is gone."""

_NOBODY: Final[set[bytes]] = set()
"""What all sets share of which nobody is gone; nothing is ever put in it."""


class Set(dict[bytes, None]):
    """A set of byte strings.

    Attributes:
        scan_index: the places of an SSCAN under way, or None (see keyspace/scan.py).
    """

    __slots__ = ("_gone", "_picks", "scan_index")

    def __init__(self, members: Iterable[bytes] = ()) -> None:
        """Make a set of the members given; doubles count once."""
        super().__init__(dict.fromkeys(members))
        self.scan_index: Any = None
        self._picks: list[bytes] | None = None
        self._gone: set[bytes] = _NOBODY

    def parts(self) -> list[Any]:
        """Return the containers that it consists of, to be freed one by one."""
        return [] if self._picks is None else [self._picks]

    # --- changes -----------------------------------------------------------------

    def add(self, member: bytes) -> int:
        """Add a member; return 1 where it is new, else 0. O(1)."""
        if member in self:
            return 0
        self[member] = None
        if self._picks is not None:
            self._offer(member)
        return 1

    def add_all(self, members: Iterable[bytes]) -> int:
        """Add members; return how many are new. O(N) for N members."""
        if self._picks is not None:
            return sum(map(self.add, members))
        before = len(self)
        self.update(dict.fromkeys(members))
        return len(self) - before

    def discard(self, member: bytes) -> int:
        """Remove a member; return 1 where it was there, else 0. O(1)."""
        if self.pop(member, 0) == 0:
            return 0
        if self._picks is not None:
            self._leave_behind(member)
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
        self.discard_all(list(filterfalse(wanted.__contains__, self)))
        self.add_all(wanted)

    # --- chance ------------------------------------------------------------------

    def _offer(self, member: bytes) -> None:
        """Let a new member be picked."""
        assert self._picks is not None
        if member in self._gone:
            self._gone.remove(member)
        else:
            self._picks.append(member)

    def _leave_behind(self, member: bytes) -> None:
        """Note that one in the list is no member; let go of the list where many are."""
        assert self._picks is not None
        if len(self._gone) * _GONE_SHARE >= len(self._picks):
            self._forget_picks()
        elif self._gone:
            self._gone.add(member)
        else:
            self._gone = {member}

    def _forget_picks(self) -> None:
        self._picks = None
        self._gone = _NOBODY

    def _pickable(self) -> list[bytes]:
        """Return the list to pick from; make it where there is none. O(N) then."""
        picks = self._picks
        if picks is None:
            picks = self._picks = list(self)
        return picks

    def _random_place(self, chance: random.Random) -> int:
        """Return the place of a random member in the list, which is not gone."""
        picks, gone = self._pickable(), self._gone
        size = len(picks)
        place = int(chance.random() * size)
        while gone and picks[place] in gone:
            place = int(chance.random() * size)
        return place

    def pick(self, chance: random.Random) -> bytes:
        """Return a uniformly random member of a set that is not empty."""
        place = self._random_place(chance)
        return self._pickable()[place]

    def pick_distinct(self, count: int, chance: random.Random) -> list[bytes]:
        """Return random members, none twice; all where `count` is at least as many."""
        if count >= len(self):
            return list(self)
        picks, gone = self._pickable(), self._gone
        if not gone:
            return chance.sample(picks, count)
        # As many more as may be gone. Any members of a random order are as random.
        found = chance.sample(picks, min(count + len(gone), len(picks)))
        return list(islice(filterfalse(gone.__contains__, found), count))

    def pick_any(self, count: int, chance: random.Random) -> list[bytes]:
        """Return as many random members as asked for, any of them several times."""
        picks = self._pickable()
        if not self._gone:
            return chance.choices(picks, k=count)
        return [picks[self._random_place(chance)] for _ in range(count)]

    def pop_random(self, count: int, chance: random.Random) -> list[bytes]:
        """Remove random members and return them. O(N) for N members removed."""
        if count >= len(self):
            popped = list(self)
            self.clear()
            self._forget_picks()
            return popped
        popped = []
        for _ in range(count):
            place = self._random_place(chance)
            picks = self._pickable()
            last = picks.pop()
            member = last
            if place != len(picks):
                member, picks[place] = picks[place], last
            del self[member]
            popped.append(member)
        return popped

    # --- the whole ---------------------------------------------------------------

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
        """Assert that the list has the members, and who is gone, each once."""
        for member in self:
            assert type(member) is bytes
        if self._picks is None:
            assert not self._gone
        else:
            assert len(self._picks) == len(self) + len(self._gone)
            assert set(self._picks) == self._gone | self.keys()


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
