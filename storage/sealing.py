"""Sealing: how the log goes from one segment to the next.

The order is what makes a removed segment noticeable. The next segment is on disk, as
`.log.new`, before this one gets its footer, and gets its name after that is durable: a
log that ends in a footer, with no next segment under either name, has lost one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from storage.errors import SyncFailedError
from storage.filesystem import sync_file, sync_names, write_all, write_new
from storage.segment import SegmentHeader, decode_header, encode_footer, encode_header

if TYPE_CHECKING:
    from pathlib import Path

    from storage.filesystem import FileSystem
    from storage.folder import LogFolder
    from storage.segment import SegmentFooter


class BegunSegment(NamedTuple):
    """A segment that was just begun.

    Attributes:
        file: open to append.
        header: its header.
        digest: the running SHA-256 of its bytes so far.
    """

    file: int
    header: SegmentHeader
    digest: hashlib._Hash


def seal_segment(
    filesystem: FileSystem,
    folder: LogFolder,
    file: int,
    header: SegmentHeader,
    footer: SegmentFooter,
) -> BegunSegment:
    """Seal the open segment and begin the next one, both durably.

    Args:
        filesystem: the door to the disk.
        folder: the data folder.
        file: the open segment, open to append; the caller closes it.
        header: its header.
        footer: what to seal it with.

    Raises:
        OSError: the disk did not take the new segment or the footer. What there is of
            both has to go, the footer first, before the segment is appended to again.
        SyncFailedError: the disk refused to make something durable, or to rename.
    """
    sealed = encode_footer(footer, header.salt)
    first_seq = footer.last_seq + 1
    begun = encode_header(
        SegmentHeader(
            first_seq,
            footer.sealed_at_ms,
            header.epoch,
            header.log_id,
            hashlib.sha256(sealed).digest(),
        )
    )
    temporary = folder.new_segment_path(first_seq)
    path = folder.segment_path(first_seq)
    begun_file = write_new(filesystem, temporary, begun)
    try:
        write_all(filesystem, file, sealed)
        sync_file(filesystem, file, folder.segment_path(header.first_seq))
        _take_into_use(filesystem, temporary, path)
    except BaseException:
        filesystem.close(begun_file)
        raise
    return BegunSegment(begun_file, decode_header(begun, path), hashlib.sha256(begun))


def _take_into_use(filesystem: FileSystem, temporary: Path, path: Path) -> None:
    """Give the next segment its name.

    Raises:
        SyncFailedError: that failed. The footer is durable by now, so that the open
            segment can't be gone on with; the next start finishes this.
    """
    try:
        filesystem.rename(temporary, path)
    except OSError as error:
        raise SyncFailedError(f"{temporary}: rename failed: {error}") from error
    sync_names(filesystem, path.parent)
