"""Opening a log to append: from whatever a crash left to a sound open segment.

Every step can be interrupted and done again: each looks only at what is on disk. The
folder is locked at once; what takes long, the check of the last segment, is done a
chunk at a time, so that a server can tell its clients meanwhile that it is loading.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from joblog.storage.errors import (
    CorruptLogError,
    EnvelopeError,
    MissingSegmentError,
    ReadOnlyError,
    StorageError,
)
from joblog.storage.filesystem import (
    sync_file,
    sync_names,
    write_all,
    write_aside,
    write_new,
)
from joblog.storage.folder import (
    LogFolder,
    SegmentInfo,
    read_chain,
    read_segment_info,
    require_link,
)
from joblog.storage.lock import FolderLock, require_same_log
from joblog.storage.parting import finish_parting
from joblog.storage.sealing import is_behind, next_header
from joblog.storage.segment import (
    HEADER_BYTES,
    LOG_ID_BYTES,
    NO_DIGEST,
    SegmentFooter,
    SegmentHeader,
    corrupt,
    decode_header,
    encode_footer,
    encode_header,
)
from joblog.storage.tail import Tail, TailProgress, TailReport, cut_tail, tail_steps

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

_Result = TypeVar("_Result")

_FIRST_EPOCH = 1


class OpenedLog(NamedTuple):
    """A log that is ready to be appended to.

    Attributes:
        sealed: its sealed segments, in order.
        tail: the end of its open segment.
        report: what was found and done there.
    """

    sealed: list[SegmentInfo]
    tail: Tail
    report: TailReport


class LogOpening:
    """A data folder that this process has locked, and whose log is not open yet.

    Attributes:
        folder: the data folder.
        lock: its lock; whoever finishes the opening has it from then on.
    """

    def __init__(self, folder: Path | str, filesystem: FileSystem) -> None:
        """Lock a data folder; missing folders are made.

        Raises:
            LogLockedError: another process has the folder open.
            StorageError: the disk refused something.
        """
        self.folder = LogFolder(folder, filesystem)
        self._filesystem = filesystem
        self._is_locked = False
        try:
            self.folder.require_no_archive()
            self.folder.make()
            self.lock = FolderLock(self.folder, filesystem)
        except OSError as error:
            raise self.refusal(error) from error
        self._is_locked = True

    def steps(self, now_ms: int) -> Generator[TailProgress, None, OpenedLog]:
        """Make the log ready to be appended to, a chunk at each step.

        Where it does not come to an end the folder is given back.

        Args:
            now_ms: the time, for the header of a new segment.

        Yields:
            Progress after each chunk.

        Raises:
            CorruptLogError: the log is damaged in a way that no crash explains.
            StorageError: the disk refused something.
        """
        try:
            opened = yield from _recover(
                self.folder, self._filesystem, self.lock, now_ms
            )
        except OSError as error:
            self.release()
            raise self.refusal(error) from error
        except BaseException:
            self.release()
            raise
        return opened

    def release(self) -> None:
        """Give the folder back."""
        if self._is_locked:
            self._is_locked = False
            self.lock.release()

    def refusal(self, error: OSError) -> StorageError:
        """Return what the system's refusal means for a data folder."""
        folder = self.folder.path
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            return ReadOnlyError(
                f"{folder}: the data folder is read-only for this process: {error}; a "
                f"server has to write there: mount it writable, or give it to this user"
            )
        return StorageError(f"{folder}: cannot be opened: {error}")


def finish(steps: Generator[TailProgress, None, _Result]) -> _Result:
    """Go through all steps in one go, and return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: _Result = ended.value
            return result


def _recover(
    folder: LogFolder, filesystem: FileSystem, lock: FolderLock, now_ms: int
) -> Generator[TailProgress, None, OpenedLog]:
    """Make a data folder's log ready to be appended to; begin one in an empty folder.

    Yields:
        Progress after each chunk of the last segment.

    Raises:
        CorruptLogError: the log is damaged in a way that no crash explains.
        OSError: the disk refused a read or a write.
        SyncFailedError: the disk refused to make something durable.
    """
    finish_parting(folder, filesystem)
    chain = read_chain(folder, filesystem)
    require_same_log(lock.log_id, folder, chain[0].header.log_id if chain else None)
    if not chain:
        chain = [_begin_log(folder, filesystem, now_ms)]
    elif chain[-1].footer is not None:
        _require_new_segment(folder, chain[-1])
    last = chain[-1]
    tail = yield from tail_steps(filesystem, last.path)
    report = cut_tail(filesystem, last.path, tail)
    if tail.footer is not None:
        last = _finish_seal(folder, filesystem, last, tail)
        chain.append(last)
        tail = yield from tail_steps(filesystem, last.path)
        if tail.rest:
            report = cut_tail(filesystem, last.path, tail)
    if filesystem.is_exposed(last.path) and tail.size > HEADER_BYTES:
        tail = _seal(folder, filesystem, last, tail, now_ms)
        chain[-1] = read_segment_info(filesystem, last.path)
        last = _finish_seal(folder, filesystem, chain[-1], tail)
        chain.append(last)
        tail = yield from tail_steps(filesystem, last.path)
    if filesystem.is_exposed(last.path):
        _write_anew(folder, filesystem, last)
    for first_seq in folder.find_new_segments():
        filesystem.unlink(folder.new_segment_path(first_seq))
    for first_seq in folder.find_next():
        filesystem.unlink(folder.next_path(first_seq))
    lock.write_owner(tail.header.log_id.hex())
    return OpenedLog(chain[:-1], tail, report)


def _begin_log(folder: LogFolder, filesystem: FileSystem, now_ms: int) -> SegmentInfo:
    """Make the first segment of a new log.

    A half-made one of an earlier start is replaced: nothing was ever in it.
    """
    for first_seq in folder.find_new_segments():
        if first_seq != 1:
            raise corrupt(
                folder.new_segment_path(first_seq),
                0,
                f"a new segment for seq {first_seq}",
                "the segments before it, which are missing",
                MissingSegmentError,
            )
    log_id = os.urandom(LOG_ID_BYTES)
    header = SegmentHeader(1, now_ms, _FIRST_EPOCH, log_id, NO_DIGEST)
    temporary = folder.new_segment_path(1)
    filesystem.close(write_new(filesystem, temporary, encode_header(header)))
    path = folder.segment_path(1)
    filesystem.rename(temporary, path)
    sync_names(filesystem, folder.log_path)
    return read_segment_info(filesystem, path)


def _require_new_segment(folder: LogFolder, last: SegmentInfo) -> None:
    """Check that a log which ends in a sealed segment was only just sealed.

    A file that tells of the seal is made, durably, before the footer is written: where
    there is none, and no next segment, somebody removed that.
    """
    assert last.footer is not None
    first_seq = last.footer.last_seq + 1
    if not folder.is_sealing(last.first_seq, first_seq):
        raise corrupt(
            folder.segment_path(first_seq),
            0,
            "no such file",
            f"the segment after {last.path.name}, which is sealed at "
            f"seq {last.footer.last_seq}",
            MissingSegmentError,
        )


def _finish_seal(
    folder: LogFolder, filesystem: FileSystem, last: SegmentInfo, tail: Tail
) -> SegmentInfo:
    """Take the next segment into use, where a crash came between that and the seal.

    Its header follows from the sealed segment. Where it is not there as a whole,
    nothing behind it was known to be durable, and the segment begins anew.
    """
    assert tail.footer is not None
    following_seq = tail.footer.last_seq + 1
    path = folder.segment_path(following_seq)
    temporary = folder.next_path(last.first_seq)
    if following_seq in folder.find_new_segments():
        temporary = folder.new_segment_path(following_seq)
    if not _is_begun(filesystem, last, tail.footer, temporary):
        temporary = folder.new_segment_path(following_seq)
        header = encode_header(next_header(tail.footer, last.header))
        filesystem.close(write_new(filesystem, temporary, header))
    filesystem.rename(temporary, path)
    sync_names(filesystem, folder.log_path)
    return read_segment_info(filesystem, path)


def _seal(
    folder: LogFolder,
    filesystem: FileSystem,
    last: SegmentInfo,
    tail: Tail,
    now_ms: int,
) -> Tail:
    """Seal the open segment, in the order in which a crash may come (`sealing`)."""
    temporary = folder.next_path(last.first_seq)
    filesystem.close(write_new(filesystem, temporary, b""))
    at_ms = max(now_ms, tail.last_at_ms)
    footer = SegmentFooter(tail.last_seq, at_ms, tail.digest.digest(), b"")
    file = filesystem.open_to_append(last.path)
    try:
        write_all(filesystem, file, encode_footer(footer, last.header.salt))
        sync_file(filesystem, file, last.path)
    finally:
        filesystem.close(file)
    return tail._replace(footer=footer)


def _write_anew(folder: LogFolder, filesystem: FileSystem, last: SegmentInfo) -> None:
    """Write a segment without a record as the disk writes it by now."""
    temporary = folder.new_segment_path(last.first_seq)
    write_aside(filesystem, temporary, last.path, encode_header(last.header))


def _is_torn(data: bytes, size: int, path: Path) -> bool:
    """Say whether a header was not written whole, and so has nothing behind it."""
    if not data.strip(b"\0"):
        return True
    if size > HEADER_BYTES:
        return False
    try:
        decode_header(data, path)
    except CorruptLogError:
        return True
    return False


def _is_begun(
    filesystem: FileSystem, last: SegmentInfo, footer: SegmentFooter, path: Path
) -> bool:
    """Say whether a file has the header of the segment that comes next, and sync it.

    Raises:
        CorruptLogError: it has that of another one.
    """
    try:
        file = filesystem.open_to_append(path)
    except EnvelopeError:
        return False
    try:
        size = filesystem.size(file)
        if size < HEADER_BYTES:
            return False
        reader_file = filesystem.open_to_read(path)
        try:
            data = filesystem.read_at(reader_file, HEADER_BYTES, 0)
        finally:
            filesystem.close(reader_file)
        if is_behind(data, footer, last.header):
            sync_file(filesystem, file, path)
            return True
    finally:
        filesystem.close(file)
    if path.name.endswith(".next") or _is_torn(data, size, path):
        return False
    # With a record behind it, it was durable, whole, before the footer was written.
    require_link(last.header, footer, decode_header(data, path), path)
    return False
