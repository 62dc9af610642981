"""Reading an encrypted file: its bytes by their offset, as they were written.

What is damaged reads as zeroes, as long as it was, where sound cells lie behind it, so
that who reads can tell damage from the end of the file. What lies behind the last sound
cell, which a crash left or a writer is about to finish, reads as zeroes too, fewer than
were to be written. So a torn write looks as it does in a file that is not encrypted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.encryption.cells import CELL_BYTES, HEAD, Stripe, stripe_begin
from joblog.storage.encryption.envelope import STRIPE_BYTES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from joblog.storage.filesystem import FileSystem


class Ending(NamedTuple):
    """How an encrypted file ends.

    Attributes:
        end: the offset behind its last sound cell.
        place: where in the file that cell ends.
        torn: how many bytes lie behind it that are no cell.
    """

    end: int
    place: int
    torn: int

    @property
    def size(self) -> int:
        """How long the file is for those who read it."""
        return self.end + (max(1, self.torn - CELL_BYTES) if self.torn else 0)


class _Run(NamedTuple):
    """Which offsets a stripe has, and to which its cells go.

    They go further than `end` where the stripe behind it cuts the file. `head` is what
    the stripe said when it was looked at, sound or not.
    """

    start: int
    end: int
    number: int
    full_end: int
    head: int


class CellReader:
    """Reads an encrypted file, which may grow meanwhile."""

    def __init__(self, filesystem: FileSystem, file: int, cipher: AESGCM) -> None:
        """Read an open file.

        Args:
            filesystem: the door to the disk.
            file: open to read.
            cipher: of its own key.
        """
        self._filesystem = filesystem
        self._file = file
        self._cipher = cipher
        self._kept = Stripe(cipher, 0)
        self._runs: list[_Run] = []
        self._settled = 0
        self._last_place = stripe_begin(0)

    def read(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes from an offset; fewer only at the end."""
        pieces: list[bytes] = []
        while length > 0:
            piece = self._read_some(length, offset)
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def size(self) -> int:
        """Return how long the file is for those who read it."""
        return self.ending().size

    def ending(self) -> Ending:
        """Return how the file ends."""
        size = self._filesystem.size(self._file)
        last = self._last_stripe(size)
        if last.start >= 0:
            return _ending(last.end, last.place, size)
        self._settle(self._count(size))
        end = self._runs[-1].end if self._runs else 0
        return _ending(end, self._last_place, size)

    def stripes(self) -> list[int]:
        """Return the numbers of the file's stripes."""
        return list(range(self._count(self._filesystem.size(self._file))))

    def stripe(self, number: int) -> Stripe:
        """Return what is in a stripe; the last one that was asked for is kept."""
        kept = self._kept
        if kept.number != number or not self._is_there(kept):
            kept = self._kept = Stripe(self._cipher, number)
        if not kept.is_full:
            rest = self._filesystem.read_at(
                self._file, kept.limit - kept.place, kept.place
            )
            kept.feed(rest)
        return kept

    def _is_there(self, stripe: Stripe) -> bool:
        """Say whether a stripe's last cell still lies where it lay.

        A writer cuts off a write that failed, and writes something else there.
        """
        tag = stripe.last_tag
        place = stripe.place - len(tag)
        return self._filesystem.read_at(self._file, len(tag), place) == tag

    # --- finding a stripe ---------------------------------------------------------

    def _read_some(self, length: int, offset: int) -> bytes:
        size = self._filesystem.size(self._file)
        stripe = self._find(size, offset)
        if stripe is not None:
            at = offset - stripe.start
            return bytes(stripe.content[at : at + length])
        return self._read_carefully(size, length, offset)

    def _find(self, size: int, offset: int) -> Stripe | None:
        """Return the stripe that has an offset, where all is as it should be there."""
        count = self._count(size)
        kept = self._kept
        number = kept.number
        if not kept.start <= offset < kept.end:
            number += offset == kept.end
            if number >= count or self._head(number) > offset or offset < kept.end:
                number = self._bisect(count, offset)
        stripe = self.stripe(number)
        if not stripe.is_whole or not stripe.start <= offset < stripe.end:
            return None
        is_last = number + 1 >= count
        return stripe if is_last or self._head(number + 1) == stripe.end else None

    def _bisect(self, count: int, offset: int) -> int:
        """Return the last stripe that does not begin behind an offset."""
        low, high = 0, max(count - 1, 0)
        while low < high:
            middle = (low + high + 1) // 2
            if self._head(middle) <= offset:
                low = middle
            else:
                high = middle - 1
        return low

    def _head(self, number: int) -> int:
        """Return the offset that a stripe says it begins with; nothing vouches for it.

        Returns:
            The offset; one behind all others where the stripe has no beginning.
        """
        data = self._filesystem.read_at(self._file, HEAD.size, stripe_begin(number))
        return HEAD.unpack(data)[0] if len(data) == HEAD.size else 1 << 64

    def _read_carefully(self, size: int, length: int, offset: int) -> bytes:
        """Read where a file is damaged, was cut, or ends."""
        ending = self.ending()
        length = min(length, ending.size - offset)
        if length <= 0:
            return b""
        if offset >= ending.end:
            return bytes(length)
        for _ in range(2):
            self._settle(self._count(size))
            piece = self._read_run(length, offset)
            if piece is not None:
                return piece
            self._forget_runs()
        return bytes(length)

    def _read_run(self, length: int, offset: int) -> bytes | None:
        """Return bytes by what was learnt; None where somebody cut the file since."""
        for at, run in enumerate(self._runs):
            if run.start > offset:
                return bytes(min(length, run.start - offset))
            if offset < run.end:
                stripe = self.stripe(run.number)
                if (stripe.start, stripe.end) != (run.start, run.full_end) or any(
                    self._head(each.number) != each.head
                    for each in self._runs[at + 1 : at + 2]
                ):
                    break
                start, end = offset - run.start, run.end - run.start
                return bytes(stripe.content[start : min(start + length, end)])
        return None

    def _forget_runs(self) -> None:
        self._settled = 0
        self._runs.clear()
        self._last_place = stripe_begin(0)

    def _settle(self, count: int) -> None:
        """Learn of all stripes which offsets they have; what is learnt stays known.

        The last one may grow, so it is looked at each time.
        """
        if count <= self._settled:
            self._forget_runs()
        self._drop_last()
        for number in range(self._settled, count):
            stripe = self.stripe(number)
            if stripe.start >= 0:
                self._add(stripe)
        self._settled = max(count - 1, 0)

    def _drop_last(self) -> None:
        while self._runs and self._runs[-1].number >= self._settled:
            self._runs.pop()

    def _add(self, stripe: Stripe) -> None:
        runs = self._runs
        while runs and runs[-1].start >= stripe.start:
            runs.pop()
        if runs and runs[-1].end > stripe.start:
            runs[-1] = runs[-1]._replace(end=stripe.start)
        head = self._head(stripe.number)
        runs.append(_Run(stripe.start, stripe.end, stripe.number, stripe.end, head))
        self._last_place = stripe.place

    def _last_stripe(self, size: int) -> Stripe:
        return self.stripe(max(self._count(size) - 1, 0))

    @staticmethod
    def _count(size: int) -> int:
        return -(-size // STRIPE_BYTES)


def _ending(end: int, place: int, size: int) -> Ending:
    """Return how a file ends; what fills up a stripe is no part of a torn write."""
    room = STRIPE_BYTES - place % STRIPE_BYTES
    filled = place + room if room <= CELL_BYTES else place
    return Ending(end, place, max(size - filled, 0))
