"""Digests at many records at once: each segment is read once, up to the last one."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from joblog.storage.errors import CorruptLogError
from joblog.storage.folder import LogFolder
from joblog.storage.frame import FRAME_HEAD_BYTES
from joblog.storage.segment import CHUNK_BYTES
from joblog.storage.segment_files import open_segment

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentReader

_END_SEQ = 1 << 63


def compute_digests(
    folder: Path, seqs: Iterable[int], *, filesystem: FileSystem
) -> dict[int, str]:
    """Return the log's digests at some records; those that it lacks are left out.

    See `verify.compute_digest`.

    Raises:
        PrunedError: pruning overtook this.
        StorageError: this is not a data folder.
    """
    found: dict[int, str] = {}
    for _ in find_digests(folder, seqs, found, filesystem=filesystem):
        pass
    return found


def find_digests(
    folder: Path,
    seqs: Iterable[int],
    found: dict[int, str],
    *,
    filesystem: FileSystem,
    chunk_bytes: int = CHUNK_BYTES,
) -> Generator[None]:
    """Find the log's digests at some records, a chunk at each step.

    Args:
        folder: the data folder.
        seqs: the records.
        found: gets the digests of those that the log has.
        filesystem: the door to the disk.
        chunk_bytes: how much is read at a time.

    Raises:
        PrunedError: pruning overtook this.
        StorageError: this is not a data folder.
    """
    paths = LogFolder(folder, filesystem)
    wanted = sorted(set(seqs))
    for first_seq, following in pairwise([*paths.find_segments(), _END_SEQ]):
        here = [seq for seq in wanted if first_seq <= seq < following]
        if not here:
            continue
        try:
            reader = open_segment(paths, filesystem, first_seq)
        except CorruptLogError:
            continue
        reader.chunk_bytes = chunk_bytes
        try:
            yield from _read(reader, here, found)
        finally:
            reader.close()


def _read(
    reader: SegmentReader, wanted: list[int], found: dict[int, str]
) -> Generator[None]:
    """Find the digests at records of one segment, as far as it is sound."""
    digest = reader.new_hash()
    digest.update(reader.read_at(reader.offset, 0))
    seq = reader.header.first_seq - 1
    places = iter(wanted)
    place = next(places, None)
    while place is not None:
        start = reader.offset
        payloads = reader.read_payloads()
        if not payloads:
            return
        data = memoryview(reader.read_at(reader.offset - start, start))
        done = 0
        last_seq = seq + len(payloads)
        ends = None
        while place is not None and place <= last_seq:
            if ends is None:
                sizes = (FRAME_HEAD_BYTES + len(payload) for payload in payloads)
                ends = list(accumulate(sizes, initial=0))
            end = ends[place - seq]
            digest.update(data[done:end])
            done = end
            found[place] = digest.hexdigest()
            place = next(places, None)
        digest.update(data[done:])
        seq = last_seq
        yield
