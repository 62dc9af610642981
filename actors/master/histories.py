"""Histories: places in the log, by the offsets of the stream that replicas are sent.

What is sent for a record depends on that record alone, so an offset is a sum. A note
`history` says what the sum is behind a record, and in which history; there is one at
least in each segment that was written while replicas were sent something. A server that
starts begins a history of its own: the log may lack the end of the one before, which a
replica has, if the machine went down. Up to where the log goes they are the same.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.actors.log_place import LogPlace
from joblog.app.history.propagation import STREAM_FORMAT, stream_of
from joblog.storage.folder import LogFolder
from joblog.storage.reader import LogReader
from joblog.storage.record import RecordDecoder
from joblog.storage.redacted_segments import RedactedRecords, find_latest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record

HISTORY_KIND: Final = "history"
ELDERS_MAX: Final = 100
_SIGN: Final = b"history"
_SLICE_SECONDS: Final = 0.001


class Mark(NamedTuple):
    """The offset behind a record."""

    seq: int
    offset: int


class Elder(NamedTuple):
    """A history before the one that is written, which is the same up to an offset.

    Attributes:
        since: from which offset on its bytes can be had; of a master that this server
            followed that is the last alone.
    """

    id: str
    until: int
    since: int = 0


class Standing(NamedTuple):
    """Where the stream of a log stands.

    Attributes:
        elders: the histories that it goes on from, the eldest first.
        offset: behind the last record that was asked about.
    """

    elders: list[Elder]
    offset: int


def history_note(history: str, mark: Mark, elders: list[Elder]) -> dict[str, Any]:
    """Return the note that says what the offset is behind a record."""
    return {
        "kind": HISTORY_KIND,
        "id": history,
        "at": mark.seq,
        "offset": mark.offset,
        "format": STREAM_FORMAT,
        "elder": [list(elder) for elder in elders[-ELDERS_MAX:]],
    }


def bytes_of(record: Record) -> bytes:
    """Return what replicas are sent for a record that was read."""
    return stream_of(record.db, record.effects, record.origin)


class Redacted:
    """Knows records that were redacted: replicas were sent something else for them."""

    def __init__(self, folder: Path, filesystem: FileSystem) -> None:
        """Look at nothing yet.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
        """
        self._records = RedactedRecords(LogFolder(folder, filesystem), filesystem)

    def has(self, seq: int) -> bool:
        """Say whether a record is one.

        Raises:
            StorageError: the log is damaged.
        """
        return find_latest(self._records.around(seq), seq) is not None


def find_standing(
    folder: Path,
    filesystem: FileSystem,
    begun_seq: int,
    until_seq: int,
    promoted: tuple[str, Mark] | None = None,
    known: dict[str, Any] | None = None,
) -> Generator[None, None, Standing]:
    """Find out where the stream stands, a slice at each step.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        begun_seq: the last record that was there when this server started.
        until_seq: the record behind which the offset is wanted.
        promoted: where this server stopped to follow a master, and in which history of
            that; it is gone on with where that is further than this server's own: of
            two servers the one that has more is to have the greater offset, also for
            who followed the master before.
        known: a note of where this server's own stands, which need not be looked for.

    Raises:
        StorageError: the log is damaged.
    """
    note = known or (yield from _find_note(folder, filesystem, until_seq))
    own = yield from _own_standing(folder, filesystem, note, begun_seq, until_seq)
    if promoted is None:
        return own or Standing([], 0)
    history, mark = promoted
    offset = mark.offset
    for behind, _ in _marks_behind(folder, filesystem, mark, until_seq):
        offset = behind.offset
        yield
    if own is not None and own.offset >= offset:
        return own
    return Standing([Elder(history, mark.offset, mark.offset)], offset)


def _find_note(
    folder: Path, filesystem: FileSystem, until_seq: int
) -> Generator[None, None, dict[str, Any] | None]:
    """Return the last note of where this server's stream stood; None for none."""
    note: dict[str, Any] | None = None
    segments = LogFolder(folder, filesystem).find_segments()
    for at in range(len(segments) - 1, -1, -1):
        behind = segments[at + 1] if at + 1 < len(segments) else until_seq + 1
        for found in _notes(folder, filesystem, segments[at], behind):
            if found is None:
                yield
            else:
                note = found
        if note is not None:
            break
    return note


def _own_standing(
    folder: Path,
    filesystem: FileSystem,
    note: dict[str, Any] | None,
    begun_seq: int,
    until_seq: int,
) -> Generator[None, None, Standing | None]:
    """Return where the stream of this server itself stands; None where it has none."""
    if note is None or note["format"] != STREAM_FORMAT:
        return None
    begun = Mark(note["at"], note["offset"])
    offset = until = begun.offset
    is_same = True
    for mark, is_whole in _marks_behind(folder, filesystem, begun, until_seq):
        is_same = is_same and is_whole and mark.seq <= begun_seq
        if is_same:
            until = mark.offset
        offset = mark.offset
        yield
    elders = [Elder(*elder) for elder in note["elder"]]
    return Standing([*elders, Elder(note["id"], until)], offset)


def _marks_behind(
    folder: Path, filesystem: FileSystem, mark: Mark, until_seq: int
) -> Iterator[tuple[Mark, bool]]:
    """Yield the offsets behind records, up to one, and whether each is as it was."""
    offset = mark.offset
    redacted = Redacted(folder, filesystem)
    place = LogPlace(folder, filesystem, mark.seq + 1)
    try:
        while place.next_seq <= until_seq and (records := place.read()):
            for record in records:
                if record.seq > until_seq:
                    break
                offset += len(bytes_of(record))
                yield Mark(record.seq, offset), not redacted.has(record.seq)
    finally:
        place.close()


def find_mark(
    folder: Path, filesystem: FileSystem, offset: int
) -> Generator[None, None, Mark | None]:
    """Find a record that ends at an offset of the stream or before, a slice a step.

    Returns:
        The last of those that the log has notes of; None where it has none.

    Raises:
        StorageError: the log is damaged.
    """
    segments = LogFolder(folder, filesystem).find_segments()
    for at in range(len(segments) - 1, -1, -1):
        behind = segments[at + 1] if at + 1 < len(segments) else None
        best: Mark | None = None
        for note in _notes(folder, filesystem, segments[at], behind):
            if note is None:
                yield
            elif note["format"] != STREAM_FORMAT or note["offset"] > offset:
                break
            else:
                best = Mark(note["at"], note["offset"])
        if best is not None:
            return best if best.seq + 1 >= segments[0] else None
    return None


def _notes(
    folder: Path, filesystem: FileSystem, first_seq: int, behind: int | None
) -> Iterator[dict[str, Any] | None]:
    """Yield the notes of histories in a segment; None now and then."""
    decoder = RecordDecoder()
    reader = LogReader(folder, filesystem=filesystem, from_seq=first_seq)
    until = perf_counter() + _SLICE_SECONDS
    try:
        while behind is None or reader.next_seq < behind:
            payloads = reader.read_payloads()
            if not payloads:
                break
            for record in decoder.decode_all(one for one in payloads if _SIGN in one):
                note = record.origin.note
                if behind is not None and record.seq >= behind:
                    break
                if note is not None and note.get("kind") == HISTORY_KIND:
                    yield note
            if perf_counter() > until:
                yield None
                until = perf_counter() + _SLICE_SECONDS
    finally:
        reader.close()
