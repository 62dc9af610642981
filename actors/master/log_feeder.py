"""Log feeder: what a replica is sent that takes the log itself.

    +LOG id last-seq until-seq, then the bytes of the log behind last-seq

Only what is durable here is sent: so a replica never has what this server could lose
with its machine. It is read from the files, whoever wrote them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from joblog.actors.master.feeder import Feeder
from joblog.actors.master.steps import run_steps
from joblog.actors.messages import Order, Push
from joblog.app import errors
from joblog.app.state.replicas import LOG_ANEW, ONLINE
from joblog.storage.errors import StorageError
from joblog.storage.giving import LogBytes, Seal, find_place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator
    from pathlib import Path

    from joblog.actors.inbox import Inbox, Replies
    from joblog.actors.loop import Loop
    from joblog.actors.master.histories import Mark
    from joblog.actors.turn import Turn
    from joblog.app.engine.engine import Engine
    from joblog.app.state.replicas import Replica, Replicas, ServeReplica
    from joblog.storage.filesystem import FileSystem

logger = logging.getLogger(__name__)

_HELD_BYTES: Final = 1024 * 1024
_SLICE_BYTES: Final = 512 * 1024


class LogFeeder(Feeder):
    """Sends one replica the log."""

    def __init__(
        self,
        replica: Replica,
        mailbox: Inbox,
        log: tuple[Path, FileSystem],
        place: LogBytes,
        synced_seq: Callable[[], int],
        *,
        is_parting: bool,
    ) -> None:
        """Send nothing yet.

        Args:
            replica: what is known of it.
            mailbox: its connection's.
            log: the data folder, and the door to the disk.
            place: where to begin.
            synced_seq: says what is durable.
            is_parting: whether the replica is to find where its log parts from this.
        """
        super().__init__(replica, mailbox, log)
        self._bytes: LogBytes | None = place
        self._synced_seq = synced_seq
        self.is_parting = is_parting

    def begin(self, inquiry: ServeReplica, replicas: Replicas, steady_ms: int) -> None:
        """Say from where on the log comes."""
        place, replica = self._bytes, self.replica
        assert place is not None
        history, last_seq = replicas.id.encode(), place.next_seq - 1
        line = b"+LOG %b %d %d\r\n" % (history, last_seq, replicas.seq)
        self.push(line + (place.header() if inquiry.log == LOG_ANEW else b""))
        replica.state, replica.heard_ms = ONLINE, steady_ms
        if not self.is_parting:  # else it has what is not of this history
            replica.offset = max(replica.offset, inquiry.offset)

    def close(self) -> None:
        """Send nothing more."""
        if self._bytes is not None:
            self._bytes.close()
            self._bytes = None
        super().close()

    def take(
        self, first_seq: int, mark: Mark, data: bytes, young: Collection[bytes]
    ) -> None:
        """Leave it for later: what has just come is not durable yet."""

    def catch_up(self, live: Mark, steady_ms: int) -> bool:  # noqa: ARG002 - of the stream
        """Send some more of what is durable; say whether to go on soon.

        Raises:
            StorageError: the log is damaged, or no longer has it.
        """
        place, size = self._bytes, 0
        if place is None or self._held_bytes() > _HELD_BYTES:
            return False
        until_seq = self._synced_seq()
        while size < _SLICE_BYTES:
            piece = place.read(until_seq)
            if piece is None:
                return False
            data = b"".join(piece) if isinstance(piece, Seal) else piece.data
            size += len(data)
            self.push(data)
        return True


class LogGiving:
    """Gives replicas the log; the keyspace's part in being followed owns it."""

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        turn: Turn,
        commit: Callable[[Replies], None],
        log: tuple[Path, FileSystem],
        step_soon: Callable[[], None],
    ) -> None:
        """Give nobody anything yet.

        Args:
            loop: the loop of the engine's actor.
            engine: the engine.
            turn: knows what waits for the log to be durable.
            commit: mails what was made to the log writer.
            log: the data folder, and the door to the disk.
            step_soon: has all who lack something be sent it.
        """
        self._loop = loop
        self._server = engine.server
        self._turn = turn
        self._commit = commit
        self._log = log
        self._step_soon = step_soon
        self._is_syncing = False

    def gives_taken(self, replicas: Replicas) -> bool:
        """Say whether the log here is a master's, and is given on as it comes."""
        replication = self._server.replication
        if replication.is_taking:
            replicas.id, replicas.seq = replication.id, replication.log_synced()
        return replication.is_taking

    def sync_soon(self) -> None:
        """Have what was appended made durable, and sent then."""
        if not self._is_syncing:
            self._is_syncing = True
            self._turn.orders.append(Order(self._note_synced))
            self._commit([])

    def _note_synced(self) -> None:
        self._is_syncing = False
        self._step_soon()

    def find(
        self,
        inquiry: ServeReplica,
        replica: Replica,
        mailbox: Inbox,
        then: Callable[[LogFeeder | None], None],
    ) -> None:
        """Find the place from where a replica can take the log.

        Args:
            inquiry: says where its log ends.
            replica: what is known of it.
            mailbox: its connection's.
            then: gets what sends it; None where what it has is no beginning of what
                there is, or what comes next is pruned or redacted.
        """

        def begin(place: LogBytes | None) -> None:
            if place is None and self._server.replication.is_taking:
                mailbox.post(Push(b"-%b\r\n" % errors.LOG_IS_TAKEN))
            elif place is None:
                logger.warning(
                    "replica %s:%d asks for the log: it has another one, or what "
                    "comes next is pruned or redacted here: it is sent the stream",
                    replica.address,
                    replica.port,
                )
                then(None)
            elif replica is not self._server.replicas.known.get(replica.session.id):
                place.close()  # gone meanwhile
            else:
                feeder = LogFeeder(
                    replica,
                    mailbox,
                    self._log,
                    place,
                    self._server.replication.log_synced,
                    is_parting=_is_parting(inquiry, place),
                )
                how = "finds where its log parts from" if feeder.is_parting else "takes"
                logger.info("%s %s the log from %d on", feeder, how, place.next_seq)
                then(feeder)

        run_steps(self._loop, self._find(inquiry.log or ()), begin)

    def _find(self, ends: tuple[bytes, ...]) -> Generator[None, None, LogBytes | None]:
        """Find the place where a log ends, a chunk at each step."""
        server = self._server
        try:
            log_id, first_seq, last_seq, digest, *begins = ends
            begin, end, of_end = int(first_seq), int(last_seq), digest.decode()
            pairs = zip(begins[::2], begins[1::2], strict=True)
            headers = [(int(seq), of.decode()) for seq, of in pairs]
        except ValueError:
            return None
        if server.replication.log_place is None or not server.config.replica_log:
            return None
        if ends == LOG_ANEW:
            try:
                return LogBytes(*self._log, 1)
            except (StorageError, OSError):
                return None
        is_other = (
            log_id.decode(errors="replace") != server.replication.log_place().log_id
        )
        if is_other:
            return None
        found: LogBytes | None = None
        if end <= server.replication.log_synced():
            found = yield from find_place(*self._log, begin, end, of_end)
        for seq, of in headers:
            if found is not None:
                break
            found = yield from find_place(*self._log, seq, seq - 1, of)
        return found


def _is_parting(inquiry: ServeReplica, place: LogBytes) -> bool:
    """Say whether a replica goes on from elsewhere than its log ends."""
    assert inquiry.log is not None
    return place.next_seq - 1 != int(inquiry.log[2])
