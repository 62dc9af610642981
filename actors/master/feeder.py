"""Feeder: what one replica is sent.

    a dataset, if it needs one  ->  what it has missed, from the log  ->  what comes

A replica that does not read what comes is sent nothing more before it has; then it goes
on from the log. So it costs no memory, and nobody else waits.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from joblog.actors.log_place import LogPlace
from joblog.actors.master.histories import HISTORY_KIND, Mark, Redacted, bytes_of
from joblog.actors.master.spool import let_go
from joblog.actors.messages import Close, Push
from joblog.app.history.propagation import YOUNG, young_of
from joblog.app.state.replicas import LOADING, ONLINE
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from joblog.actors.inbox import Inbox
    from joblog.app.state.replicas import Replica
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record

logger = logging.getLogger(__name__)

HIGH_BYTES: Final = 4 * 1024 * 1024
"""So much may wait for a replica; what comes then it is sent when it has read that."""

_LOW_BYTES: Final = 1024 * 1024
_SLICE_BYTES: Final = 256 * 1024
_VALKEY: Final = 9


class OtherStreamError(StorageError):
    """The log does not hold any more what the stream was: records were redacted.

    Attributes:
        offset: from here on it is as it was.
    """

    def __init__(self, text: str, offset: int) -> None:
        """Say what is other than it was."""
        super().__init__(text)
        self.offset = offset


class Dataset:
    """A file that replicas are sent.

    Attributes:
        mark: where the stream goes on behind it.
        size: how many bytes it has. version: of its format.
        users: how many replicas are still to be sent some of it.
    """

    def __init__(self, path: Path, mark: Mark, version: int) -> None:
        """Open a file, and let it go with the last who is sent it.

        Raises:
            OSError: it cannot be opened.
        """
        self._file = os.open(path, os.O_RDONLY)
        let_go(path)
        self.mark, self.version = mark, version
        self.size = os.fstat(self._file).st_size
        self.users = 0

    def read(self, offset: int) -> bytes:
        """Return what is to be sent next."""
        return os.pread(self._file, _SLICE_BYTES, offset)

    def release(self) -> None:
        """Note that one is sent no more of it."""
        self.users -= 1
        if not self.users:
            self.close()

    def close(self) -> None:
        """Let it go; nobody is sent it."""
        os.close(self._file)


class Feeder:
    """Sends one replica what it is to have.

    Attributes:
        replica: what is known of it.
        is_old: it asked with SYNC, and may acknowledge nothing.
        was_sent_dataset: whether it was, or is.
        next_seq: the record that it is to be sent next.
        is_live: it is sent what comes as it comes.
    """

    def __init__(
        self, replica: Replica, mailbox: Inbox, log: tuple[Path, FileSystem]
    ) -> None:
        """Send nothing yet.

        Args:
            replica: what is known of it.
            mailbox: its connection's.
            log: the data folder, and the door to the disk.
        """
        self.replica = replica
        self._mailbox = mailbox
        self._log = log
        self._redacted = Redacted(*log)
        self._place: LogPlace | None = None
        self._dataset: Dataset | None = None
        self._sent = 0
        self._offset = self._wanted = 0
        self.is_old = self.was_sent_dataset = False
        self._told: set[bytes] = set()
        self.next_seq = 0
        self.is_live = False

    def __str__(self) -> str:
        """Return whom it feeds, for people."""
        return f"the replica {self.replica.session.address} (port {self.replica.port})"

    def close(self) -> None:
        """Send nothing more."""
        if self._place is not None:
            self._place.close()
            self._place = None
        if self._dataset is not None:
            self._dataset.release()
            self._dataset = None
        self.is_live = False

    def end(self) -> None:
        """Close the connection once all is sent."""
        self.close()
        self._mailbox.post(Close())

    def push(self, data: bytes) -> None:
        """Send bytes, behind those that wait."""
        self._mailbox.post(Push(data))

    # --- where it begins -----------------------------------------------------------

    def begin_dataset(self, dataset: Dataset, history: str) -> None:
        """Send a dataset, and then what comes behind it."""
        dataset.users += 1
        self._dataset, self._sent = dataset, 0
        self.was_sent_dataset = True
        self.replica.state = LOADING
        head = b"$%d\r\n" % dataset.size
        if not self.is_old:
            offset = dataset.mark.offset
            head = b"+FULLRESYNC %b %d\r\n" % (history.encode(), offset) + head
        self.push(head)

    def go_on(self, mark: Mark, offset: int, steady_ms: int) -> None:
        """Send what comes behind an offset, which is at a mark or behind it."""
        self.next_seq, self._offset = mark.seq + 1, mark.offset
        self._wanted = offset
        self.replica.state = ONLINE
        self.replica.offset = max(self.replica.offset, offset)
        self.replica.heard_ms = steady_ms

    # --- what it is sent -----------------------------------------------------------

    def take(
        self, first_seq: int, mark: Mark, data: bytes, young: Collection[bytes]
    ) -> None:
        """Send what has just come, or leave it for later.

        Args:
            first_seq: the first of the records.
            mark: the last of them, and the offset behind it.
            data: what is sent for them.
            young: effects in it that it may not know.
        """
        if not self.is_live or self.next_seq != first_seq:
            return
        if self.replica.session.backlog_bytes > HIGH_BYTES:
            self.is_live = False
            self._offset = self._wanted = mark.offset - len(data)
            return
        self.next_seq = mark.seq + 1
        if data:
            self.push(data)
        if young:
            self._tell_of(young)

    def _tell_of(self, young: Collection[bytes]) -> None:
        """Say once of each command that the replica may not know it."""
        for name in sorted(set(young) - self._told):
            self._told.add(name)
            since = YOUNG[name]
            # A Valkey says its version, and a joblog that of a Valkey.
            major = self.replica.version.partition(b".")[0]
            if "Valkey 9" in since and major.isdigit() and int(major) >= _VALKEY:
                continue
            text = "%s is sent %s, which servers before %s do not know and pass over"
            logger.warning(text, self, name.decode(), since)

    def catch_up(self, live: Mark, steady_ms: int) -> bool:
        """Send some more of what it lacks; say whether to go on soon.

        Args:
            live: the last record of which the others were sent what there is.
            steady_ms: the time, of the clock that nobody sets.

        Raises:
            StorageError: the log is damaged, or no longer has it.
        """
        if self.is_live or not self.replica.state:
            return False
        if self._held_bytes() > _LOW_BYTES:
            return False
        if self._dataset is not None:
            self._send_dataset(self._dataset, steady_ms)
            return True
        if self.replica.state != ONLINE:
            return False
        has_more = self.next_seq <= live.seq and self._send_log()
        if self.next_seq == live.seq + 1:
            # Now, and not at the next step: where something comes all the time it would
            # lack that again by then, and be sent each write behind the reply to it.
            self._compare(live, self.next_seq)
            self._become_live()
        return has_more and not self.is_live

    def _held_bytes(self) -> int:
        return self.replica.session.buffers().replies

    def _send_dataset(self, dataset: Dataset, steady_ms: int) -> None:
        data = dataset.read(self._sent)
        self._sent += len(data)
        if data:
            self.push(data)
        if self._sent >= dataset.size:
            dataset.release()
            self._dataset = None
            self.go_on(dataset.mark, dataset.mark.offset, steady_ms)

    def _become_live(self) -> None:
        self.is_live = True
        if self._place is not None:
            self._place.close()
            self._place = None

    def _send_log(self) -> bool:
        """Send records from the log; say whether there may be more."""
        if self._place is None:
            self._place = LogPlace(*self._log, self.next_seq)
        size = 0
        while size < _SLICE_BYTES and (records := self._place.read()):
            data = b"".join(map(self._next, records))
            self.next_seq = records[-1].seq + 1
            size += len(data)
            if data:
                self.push(data)
        return size >= _SLICE_BYTES

    def _next(self, record: Record) -> bytes:
        """Return what the replica lacks of what is sent for a record."""
        note = record.origin.note
        if note is not None and note.get("kind") == HISTORY_KIND:
            self._compare(Mark(note["at"], note["offset"]), record.seq)
        data = bytes_of(record)
        if young := young_of(record.effects):
            self._tell_of(young)
        before, self._offset = self._offset, self._offset + len(data)
        if before < self._wanted:
            if self._redacted.has(record.seq):
                raise OtherStreamError(
                    f"seq {record.seq} was redacted: where offset {self._wanted} was "
                    "behind it is not known",
                    self._wanted + 1,
                )
            return data[self._wanted - before :]
        return data

    def _compare(self, mark: Mark, seq: int) -> None:
        if mark.seq == seq - 1 and mark.offset != self._offset:
            raise OtherStreamError(
                f"seq {seq}: the stream of replicas is at {self._offset} here, and was "
                f"at {mark.offset} when it was written",
                mark.offset,
            )
