"""Taking: the keyspace's part in following a master's log.

    what came -> log writer (writes it, durably) -> memory -> read on

Where that parts from what is here, both go back first: what memory was there is folded
beside it, the log keeps the history that it had, in a folder of its own, and memory is
exchanged.

The keyspace actor owns it. Nothing is applied before it is durable here, so memory is
never ahead of the log; while it is behind, nobody may write. See
docs/decisions/0057-joblog-to-joblog-sends-the-log.md.
"""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.master.histories import HISTORY_KIND
from joblog.actors.replica.mail import (
    Applied,
    EndTaking,
    GoBack,
    LogStretch,
    Refused,
    Take,
    Taken,
)
from joblog.actors.replica.place import find_history
from joblog.app.engine.replicated import ReplicatedError
from joblog.app.history.datasets import take_place
from joblog.app.history.propagation import STREAM_FORMAT, stream_of
from joblog.app.history.recovery import Fold, Recovery
from joblog.app.state.inquiries import ForgetHistory
from joblog.app.state.replicas import STREAM_KIND
from joblog.app.state.replication import Position
from joblog.storage.cutting import Beginning, Piece
from joblog.storage.disk import open_disk
from joblog.storage.errors import StorageError
from joblog.storage.reader import LogReader
from joblog.storage.redaction import REDACTION_KIND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.actors.inbox import Inbox
    from joblog.actors.replica.mail import Parts, WentBack
    from joblog.actors.turn import Turn
    from joblog.app.config import Config
    from joblog.app.engine.engine import Engine
    from joblog.app.engine.replicated import Replicated
    from joblog.app.state.session import Session
    from joblog.app.words import Argv
    from joblog.storage.cutting import LogPlace
    from joblog.storage.record import Note, Record

logger = logging.getLogger(__name__)

_SLICE_NS: Final = 4_000_000
_FRESH_RECORDS_MAX: Final = 1000
_SUMS_MAX: Final = 10_000
_SAYS_NOTHING: Final = frozenset(("client", "gone", "replication", "history", "stream"))
"""Kinds of notes that a server makes by itself before it has anything of its own."""

_PASSED_OVER: Final = frozenset((b"PING", b"REPLCONF"))


class Taking:
    """Takes what a master's log has."""

    def __init__(
        self, engine: Engine, turn: Turn, replicated: Replicated, inbox: Inbox
    ) -> None:
        """Take nothing yet.

        Args:
            engine: the engine.
            turn: knows the log writer.
            replicated: applies the effects.
            inbox: the keyspace's.
        """
        self._engine = engine
        self._turn = turn
        self._replicated = replicated
        self._inbox = inbox
        self._state = engine.server.replication
        self._stretch: LogStretch | None = None
        self._session: Session | None = None
        self._parts: tuple[Parts, Fold | None] | None = None
        self._sum = 0
        self._sums: deque[tuple[int, int]] = deque(maxlen=_SUMS_MAX)
        self._base: int | None = None

    def place(self) -> LogPlace | None:
        """Return where the log ends, if a master's can go on from there."""
        server = self._engine.server
        if server.replication.log_place is None or not server.config.replica_log:
            return None
        place: LogPlace = server.replication.log_place()
        if self._is_fresh(place):
            return place._replace(log_id="", last_seq=0, last_at_ms=0)
        assert server.replication.log_begins is not None
        return place._replace(begins=server.replication.log_begins())

    def _is_fresh(self, place: LogPlace) -> bool:
        """Say whether neither memory nor the log says anything."""
        keyspace, config = self._engine.keyspace, self._engine.server.config
        if any(map(len, keyspace.databases)) or keyspace.libraries:
            return False
        if place.segments > 1 or place.last_seq > _FRESH_RECORDS_MAX:
            return False
        disk = open_disk(config.log_encryption_key_file)
        reader = LogReader(Path(config.dir), filesystem=disk, from_seq=1)
        try:
            while records := reader.read_batch():
                if not all(map(_says_nothing, records)):
                    return False
        finally:
            reader.close()
        return True

    # --- the beginning and the end ----------------------------------------------------

    def begin(self, history: str, *, is_parting: bool) -> None:
        """Begin, or go on, in a history of the master's.

        Args:
            history: its id.
            is_parting: what is here is another one, from a record on.
        """
        state, server = self._state, self._engine.server
        if is_parting:
            self._base, state.offset, state.has_position = None, 0, False
            state.id = history
            state.take(is_taking=True)
            return
        if not state.is_taking:
            self._base, state.offset, state.has_position = None, 0, False
            state.take(is_taking=True)
            for _ in find_history(server.config, self._engine, state.log_synced()):
                continue
        # Behind what a note may say that it is: nothing, or what there is already.
        self._sums += ((0, self._sum), (state.log_synced(), self._sum))
        if self._base is None and state.has_position:
            self._base = state.offset - self._sum
        state.id = history

    def end(self, what: str) -> None:
        """Have the log go on as one of its own; what is written then comes behind."""
        assert self._turn.log_writer is not None
        self._state.take(is_taking=False)
        self._base = None
        note = {"kind": "replication", "what": what, "id": self._state.id}
        self._turn.log_writer.post(EndTaking(note))

    # --- going back ------------------------------------------------------------------

    def part(
        self, session: Session, message: Parts, post: Callable[[Refused], None]
    ) -> Iterator[int]:
        """Fold what memory was where the logs part, and have the log go back there.

        Args:
            session: the master's.
            message: says where that is.
            post: mails the link.

        Yields:
            After each slice, for how long one may be.
        """
        server, parting = self._engine.server, message.parting
        config, state = server.config, server.replication
        assert state.log_place is not None
        assert self._turn.log_writer is not None
        fold: Fold | None = None
        if parting.last_seq < state.log_place().last_seq:
            disk = open_disk(config.log_encryption_key_file)
            until = config.databases, parting.last_seq
            recovery = Recovery(Path(config.dir), disk, *until, packs_hashes=True)
            try:
                yield from _require_no_redaction(config, parting.last_seq)
                for _ in recovery.steps() if parting.last_seq else ():
                    yield _SLICE_NS
            except (StorageError, OSError) as error:
                why = f"the log here cannot go back: {error}"
                post(Refused(message.number, why, by_stream=True))
                return
            fold = recovery.fold
        self._parts, self._session = (message, fold), session
        state.is_swapping = True  # the log is about to be another than memory
        back = GoBack(parting, self._inbox, message.number)
        self._turn.log_writer.post(back)

    def go_on(self, message: WentBack) -> Iterator[int]:
        """Exchange memory where the log went back, and take what the master has.

        Yields:
            After each slice, for how long one may be.
        """
        assert self._parts is not None
        assert self._session is not None
        (parts, fold), self._parts = self._parts, None
        engine, state = self._engine, self._state
        if fold is not None:
            take_place(engine.keyspace, fold.keyspace)
            engine.functions.forget()
            engine.outbox.ask(ForgetHistory(self._session))
            logger.warning(
                "the master's log parts from the one here behind record %d: what was "
                "behind it here is kept in %s, where replay reads it",
                message.last_seq,
                message.kept,
            )
        self._sums.clear()
        self._sum = 0
        history = state.id
        for _ in find_history(engine.server.config, engine, message.last_seq):
            yield _SLICE_NS
        self._sums += ((0, 0), (message.last_seq, 0))
        if state.has_position:
            self._base = state.offset
        state.id = history
        self.take(self._session, LogStretch(parts.number, parts.cuts))

    # --- what comes ------------------------------------------------------------------

    def take(self, session: Session, message: LogStretch) -> None:
        """Have the log writer take what has come from a master, whose session it is."""
        assert self._turn.log_writer is not None
        server = self._engine.server
        assert server.replication.log_place is not None
        is_new = isinstance(message.cuts[0], Beginning)
        if is_new and not self._is_fresh(server.replication.log_place()):
            why = "there is data here now: the master's log is not begun"
            self._inbox.post(Taken(message.number, 0, why))
            return
        self._stretch, self._session = message, session
        self._state.is_swapping = True  # the log is about to be ahead of memory
        self._turn.log_writer.post(Take(message.cuts, self._inbox, message.number))

    def apply(
        self, message: Taken, post: Callable[[Applied | Refused], None]
    ) -> Iterator[int]:
        """Apply what the log has taken, and tell the link that it is.

        Also where the master has gone meanwhile: the log has it.

        Args:
            message: says up to which record the log has it.
            post: mails the link.

        Yields:
            After each record, for how long a slice of this may be.
        """
        stretch, self._stretch = self._stretch, None
        state, why, session = self._state, message.why, self._session
        assert session is not None
        try:
            for cut in () if stretch is None else stretch.cuts:
                for record in cut.records if isinstance(cut, Piece) else ():
                    if record.seq > message.last_seq:
                        break
                    self._apply(session, record)
                    yield _SLICE_NS
        except ReplicatedError as error:
            why = str(error)
            state.is_broken = True
            logger.error("what the master's log has cannot be applied: %s", why)  # noqa: TRY400 - it says all
        state.is_swapping = False
        session.note_end([b"PING"], self._engine.context.steady_ms)
        if why:
            post(Refused(message.number, why))
        else:
            place = Position(state.id, state.offset, 0)
            post(Applied(message.number, place))

    def _apply(self, session: Session, record: Record) -> None:
        note = record.origin.note
        self._count(record, note)
        commands: list[Argv] = record.effects
        if not commands and note is not None and note.get("kind") == STREAM_KIND:
            commands = [one for one in note["commands"] if one[0] not in _PASSED_OVER]
        if commands:
            end = self._state.offset
            self._replicated.apply_effects(session, record.db, commands, end)

    def _count(self, record: Record, note: Note | None) -> None:
        """Count the bytes of the stream, as the master counts them."""
        if note is not None and note.get("kind") == HISTORY_KIND:
            self._find_base(note)
        self._sum += len(stream_of(record.db, record.effects, record.origin))
        self._sums.append((record.seq, self._sum))
        if self._base is not None:
            self._state.offset = self._base + self._sum

    def _find_base(self, note: Note) -> None:
        """Learn of a note how far the stream was behind a record."""
        for seq, total in reversed(self._sums):
            if seq == note["at"] and note["format"] == STREAM_FORMAT:
                self._state.id = note["id"]
                self._base = note["offset"] - total
                self._state.has_position = True
                return


def _require_no_redaction(config: Config, last_seq: int) -> Iterator[int]:
    """Check that no record behind one says that something was made unreadable.

    What was, may lie before it, and would be damage without the record that says so.

    Yields:
        After each slice, for how long one may be.

    Raises:
        StorageError: one does.
    """
    disk, first_seq = open_disk(config.log_encryption_key_file), last_seq + 1
    reader = LogReader(Path(config.dir), filesystem=disk, from_seq=first_seq)
    try:
        while records := reader.read_batch():
            for record in records:
                if (record.origin.note or {}).get("kind") == REDACTION_KIND:
                    raise StorageError(f"record {record.seq} is that of a redaction")
            yield _SLICE_NS
    finally:
        reader.close()


def _says_nothing(record: Record) -> bool:
    note: Any = record.origin.note
    return not record.effects and note is not None and note["kind"] in _SAYS_NOTHING
