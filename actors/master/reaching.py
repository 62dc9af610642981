"""Reaching: how far enough replicas are, where replies wait for that.

`reply-after-replicas N` holds each reply until N replicas have durably what was written
before it. They are asked how far they are (GETACK) behind what was appended: once, then
again when one has answered and there is more. So many clients wait for one question, as
they do for one sync.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from joblog.actors.master.histories import Mark
from joblog.actors.master.mail import Hold, Reached, Release
from joblog.app.state.replicas import GETACK, STREAM_KIND

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.inbox import Replies
    from joblog.actors.turn import Turn
    from joblog.app.engine.engine import Engine


class Reaching:
    """Tells the log writer what enough replicas have."""

    def __init__(
        self, engine: Engine, turn: Turn, commit: Callable[[Replies], None]
    ) -> None:
        """Ask for nothing yet.

        Args:
            engine: has the settings, and what replicas say of themselves.
            turn: knows the log writer.
            commit: mails what was made to it.
        """
        self._server = engine.server
        self._outbox = engine.outbox
        self._turn = turn
        self._commit = commit
        self._replicas = engine.server.replicas
        self._wanted = 0
        self._was_master = False
        self._marks: deque[Mark] = deque()
        self._asked_seq = 0
        self._is_answered = True

    def judge(self) -> None:
        """See how many replicas there have to be: the settings or the part changed."""
        log_writer, server = self._turn.log_writer, self._server
        if log_writer is None or server.log_facts is None or server.is_loading:
            return
        if server.config.log_store:
            self._turn.is_holding = True  # the log writer has a gate of its own
        is_master = not server.replication.is_replica
        wanted = server.config.reply_after_replicas if is_master else 0
        before, self._wanted = self._wanted, wanted
        if wanted and not before:
            self._turn.is_holding = True
            log_writer.post(Hold())
        elif before and not wanted:
            log_writer.post(Release(is_lost=not is_master))
        self.settle()

    def begin_stream(self) -> None:
        """Note where the stream begins: what is there is wanted, nothing before it."""
        self._marks.clear()
        self._marks.append(Mark(self._replicas.seq, self._replicas.offset))

    def note(self) -> None:
        """Note that something was appended that changes something."""
        if self._wanted:
            self._marks.append(Mark(self._replicas.seq, self._replicas.written))
            self._ask()

    def take_answer(self) -> None:
        """Note that a replica has said how far it is."""
        self._is_answered = True

    def settle(self) -> None:
        """Tell how far enough replicas are, if they are further on."""
        marks, seq = self._marks, 0
        if not self._wanted:
            marks.clear()
            return
        while marks and self._has(marks[0].offset):
            seq = marks.popleft().seq
        if seq:
            assert self._turn.log_writer is not None
            self._turn.log_writer.post(Reached(seq))
        self._ask()

    def _has(self, offset: int) -> bool:
        return self._replicas.reached(offset, is_durable=True) >= self._wanted

    def _ask(self) -> None:
        """Ask replicas how far they are, if they were not asked about all."""
        marks = self._marks
        if not (self._is_answered and marks and marks[-1].seq > self._asked_seq):
            return
        if any(one.is_online for one in self._replicas.known.values()):
            self._asked_seq, self._is_answered = marks[-1].seq, False
            note = {"kind": STREAM_KIND, "commands": [GETACK]}
            self._outbox.note_of_server(note)
            self._commit([])
