"""Log digests: what two logs are compared by (LOG.DIGEST, LOG.SEGMENTS)."""

from __future__ import annotations

from bisect import bisect_right
from hashlib import sha256
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from joblog.storage.digests import find_digests
from joblog.storage.folder import LogFolder
from joblog.storage.segment import encode_header
from joblog.storage.segment_files import open_segment, require_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from joblog.app.state.inquiries import AskDigests, ListSegments
    from joblog.storage.filesystem import FileSystem

_CHUNK_BYTES: Final = 32 * 1024
"""So much is read and hashed in less than a millisecond."""

_SLICE_SECONDS: Final = 0.001


def tell_digests(
    folder: Path, filesystem: FileSystem, inquiry: AskDigests
) -> Generator[bool, None, list[bytes | None]]:
    """Find the digests at records, a slice at each step.

    Yields:
        True to go on.

    Returns:
        A digest for each record, in hexadecimal digits; None where there is none.

    Raises:
        PrunedError: a record is pruned.
        StorageError: the log cannot be read.
    """
    paths = LogFolder(folder, filesystem)
    require_kept(paths, min(inquiry.seqs), paths.find_segments())
    found: dict[int, str] = {}
    steps = find_digests(
        folder, inquiry.seqs, found, filesystem=filesystem, chunk_bytes=_CHUNK_BYTES
    )
    until = perf_counter() + _SLICE_SECONDS
    for _ in steps:
        if perf_counter() > until:
            yield True
            until = perf_counter() + _SLICE_SECONDS
    return [found[seq].encode() if seq in found else None for seq in inquiry.seqs]


def list_segments(
    folder: Path,
    filesystem: FileSystem,
    inquiry: ListSegments,
    last_seq: Callable[[], int],
) -> Generator[bool, None, list[dict[bytes, Any]]]:
    """List segments, a slice at each step.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        inquiry: which are wanted.
        last_seq: tells the number of the log's last record.

    Yields:
        True to go on.

    Returns:
        A map for each, in order; none where the log does not go so far.

    Raises:
        PrunedError: the first that is wanted is pruned.
        StorageError: the log cannot be read.
    """
    paths = LogFolder(folder, filesystem)
    begins = paths.find_segments()
    from_seq = inquiry.from_seq if inquiry.from_seq is not None else begins[0]
    require_kept(paths, from_seq, begins)
    end_seq = last_seq()
    if from_seq > end_seq:
        return []
    first = bisect_right(begins, from_seq) - 1
    found = []
    until = perf_counter() + _SLICE_SECONDS
    pairs = pairwise([*begins[first : first + inquiry.count + 1], end_seq + 1])
    for first_seq, following in list(pairs)[: inquiry.count]:
        found.append(_segment_reply(paths, filesystem, first_seq, following - 1))
        if perf_counter() > until:
            yield True
            until = perf_counter() + _SLICE_SECONDS
    return found


def _segment_reply(
    paths: LogFolder, filesystem: FileSystem, first_seq: int, last_seq: int
) -> dict[bytes, Any]:
    """Return a segment as clients see it."""
    reader = open_segment(paths, filesystem, first_seq)
    reader.close()
    header = reader.header
    return {
        b"first-seq": first_seq,
        b"last-seq": last_seq,
        b"created-at-ms": header.created_at_ms,
        b"epoch": header.epoch,
        b"previous-digest": header.previous_digest.hex().encode(),
        b"header-digest": sha256(encode_header(header)).hexdigest().encode(),
    }
