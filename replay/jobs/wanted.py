"""The stories that are wanted of those that a tracker lets go; many of them are packed.

A story takes 3 KB, and who asks for all jobs of a long log wants a million.
"""

from __future__ import annotations

from heapq import merge
from operator import attrgetter
from typing import TYPE_CHECKING

import msgpack

from joblog.replay.jobs.ledger_pages import name_mark
from joblog.replay.jobs.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.replay.jobs.packing import Packer
    from joblog.replay.jobs.stories import JobName, Story

_UNPACKED_MAX = 5_000
_OFFSET_BITS = 64
_number_of = attrgetter("number")


class Wanted:
    """The stories that are wanted, of those that a tracker lets go."""

    def __init__(
        self, wants: Callable[[Story], bool], packer: Packer | None = None
    ) -> None:
        """Begin with none.

        Args:
            wants: whether a story is wanted.
            packer: packs those that are many; None where there are few.
        """
        self._wants = wants
        self._packer = packer
        self.clear()

    def clear(self) -> None:
        """Have none again."""
        self._stories: dict[JobName, Story] = {}
        self._places: dict[int, int] = {}
        self._spool = Spool()

    def add(self, name: JobName, story: Story) -> None:
        """Take a story, if it is wanted."""
        self.take_back(name)
        if not self._wants(story):
            return
        if self._packer is None or len(self._stories) < _UNPACKED_MAX:
            self._stories[name] = story
            return
        # Its number comes first: stories are asked for by that.
        place = story.number << _OFFSET_BITS | self._spool.size
        self._places[name_mark(name)] = place
        data = msgpack.packb(
            self._packer.pack(name, story), unicode_errors="surrogateescape"
        )
        self._spool.append(len(data).to_bytes(4, "big") + data)

    def take_back(self, name: JobName) -> None:
        """Forget a story."""
        if self._stories.pop(name, None) is None and self._places:
            self._places.pop(name_mark(name), None)

    def __contains__(self, name: JobName) -> bool:
        """Tell whether a story is among them."""
        return name in self._stories or (
            bool(self._places) and name_mark(name) in self._places
        )

    def stories(self) -> Iterator[Story]:
        """Return the stories, those that were known first to begin with."""
        whole = sorted(self._stories.values(), key=_number_of)
        packed = map(self._unpack, sorted(self._places.values()))
        return merge(whole, packed, key=_number_of)

    def _unpack(self, place: int) -> Story:
        assert self._packer is not None
        offset = place & ((1 << _OFFSET_BITS) - 1)
        length = int.from_bytes(self._spool.read_at(4, offset), "big")
        data = self._spool.read_at(length, offset + 4)
        packed = msgpack.unpackb(
            data, strict_map_key=False, unicode_errors="surrogateescape"
        )
        return self._packer.unpack(packed)[1]
