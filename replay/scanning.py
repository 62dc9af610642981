"""Reading many records to keep few: undecoded payloads are sieved first.

Decoding is most of what reading costs, so what a record cannot match without (a piece
of text, say) is looked for in its payload's bytes. Backward the log is read in windows,
each twice as long as the one before it: the last few records cost little, and all of
them cost no more than a few times what they cost forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from storage.errors import CorruptLogError
from storage.reader import LogReader
from storage.record import RecordDecoder

if TYPE_CHECKING:
    from pathlib import Path

    from storage.filesystem import FileSystem
    from storage.record import Record

Sieve = Callable[[bytes], object]

_WINDOW_FIRST = 4096
_WINDOW_MAX = 1 << 18
_DECODED_MAX = 4096


def read_batches(
    reader: LogReader, sieve: Sieve | None, until_seq: int | None
) -> Iterator[list[Record]]:
    """Yield what a reader comes upon, a chunk at a time, up to the log's end.

    Args:
        reader: where reading begins; it can be read on later.
        sieve: given a payload, whether its record is wanted; None for all.
        until_seq: the last record to yield; None for all that there are.

    Yields:
        Lists of records, also empty ones.

    Raises:
        CorruptLogError: the log is damaged; all records before it were yielded.
    """
    decoder = RecordDecoder()
    while until_seq is None or reader.next_seq <= until_seq:
        payloads = reader.read_payloads()
        if not payloads:
            return
        if until_seq is not None and reader.next_seq - 1 > until_seq:
            del payloads[until_seq + 1 - reader.next_seq :]
        if sieve is not None:
            payloads = list(filter(sieve, payloads))
        try:
            records = decoder.decode_all(payloads)
        except ValueError as error:
            raise CorruptLogError(
                f"before seq {reader.next_seq}: a sound frame: {error}"
            ) from error
        yield records


def read_window(
    folder: Path,
    filesystem: FileSystem,
    low_seq: int,
    high_seq: int,
    sieve: Sieve | None = None,
) -> Iterator[Record]:
    """Yield the records from one number to another that a sieve lets through."""
    reader = LogReader(folder, filesystem=filesystem, from_seq=low_seq)
    try:
        for batch in read_batches(reader, sieve, high_seq):
            yield from batch
    finally:
        reader.close()


def read_backward(
    folder: Path,
    filesystem: FileSystem,
    low_seq: int,
    high_seq: int,
    sieve: Sieve | None,
) -> Iterator[list[Record]]:
    """Yield the records from one number back to another, in lists, the last first.

    Each list is in order. What is read is held undecoded, which takes little memory.
    """
    reader = LogReader(folder, filesystem=filesystem, from_seq=low_seq)
    held: list[bytes] = []
    try:
        while reader.next_seq <= high_seq and (payloads := reader.read_payloads()):
            if reader.next_seq - 1 > high_seq:
                del payloads[high_seq + 1 - reader.next_seq :]
            held += payloads if sieve is None else filter(sieve, payloads)
    finally:
        reader.close()
    decoder = RecordDecoder()
    while held:
        yield decoder.decode_all(held[-_DECODED_MAX:])
        del held[-_DECODED_MAX:]


def windows_before(end_seq: int, floor_seq: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of ever longer windows, from just before a number backward.

    Args:
        end_seq: the windows end before this.
        floor_seq: they begin no lower than here.
    """
    size = _WINDOW_FIRST
    while end_seq > floor_seq:
        low = max(end_seq - size, floor_seq)
        yield low, end_seq - 1
        end_seq = low
        size = min(2 * size, _WINDOW_MAX)
