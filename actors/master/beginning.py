"""Beginning: where the stream stands when it begins, or begins anew.

It begins when the first replica comes, and anew where this server becomes a master:
then it goes on from the offset of the one before, or its own where that is further.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from joblog.actors.master.histories import Mark, Standing, find_standing
from joblog.actors.master.steps import run_steps
from joblog.actors.messages import Tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.actors.inbox import Inbox
    from joblog.actors.loop import Loop
    from joblog.app.state.server_state import ServerState
    from joblog.storage.filesystem import FileSystem


class Beginning:
    """Finds out where the stream stands.

    Attributes:
        begun_seq: up to this record the log has what replicas were sent before.
    """

    def __init__(
        self, loop: Loop, server: ServerState, log: tuple[Path, FileSystem]
    ) -> None:
        """Look for nothing yet.

        Args:
            loop: the loop of the engine's actor.
            server: knows its replicas, and where it stopped to follow a master.
            log: the data folder, and the door to the disk.
        """
        self._loop = loop
        self._replication, self._replicas = server.replication, server.replicas
        self._log = log
        self._known: dict[str, Any] | None = None
        self._asked = self._number = self.begun_seq = 0

    def ask(self, log_writer: Inbox, keyspace: Inbox) -> None:
        """Have the keyspace be mailed what is appended, and from where on."""
        self._asked += 1
        log_writer.post(Tap(keyspace))

    def break_off(self) -> None:
        """Find nothing that is being looked for."""
        self._number += 1

    def begin_anew(self, begun_seq: int, known: dict[str, Any] | None = None) -> None:
        """Have what is found next be where it begins anew.

        Args:
            begun_seq: see the attribute.
            known: a note of where this server's own stream stood, if it had one.
        """
        self.begun_seq, self._known = begun_seq, known

    def find(self, seq: int, then: Callable[[Mark | None, Standing], None]) -> None:
        """Find where it stands behind a record, a slice at a time.

        Args:
            seq: the record; what is appended behind it is mailed.
            then: gets where this server stopped to follow a master, if it did, and
                where the stream stands; not called where that was broken off.
        """
        self._asked -= 1
        if self._asked:
            return  # it was asked again since
        replicas, replication, promoted = self._replicas, self._replication, None
        replicas.seq, replicas.offset, replicas.written = seq, 0, 0
        if replication.promoted_seq:
            offset = replication.second_offset - 1
            mark = Mark(replication.promoted_seq, offset)
            promoted = replication.second_id, mark
        known, self._known = self._known, None
        steps = find_standing(*self._log, self.begun_seq, seq, promoted, known)
        found = partial(self._take, self._number, promoted and promoted[1], then)
        run_steps(self._loop, steps, found)

    def _take(
        self,
        number: int,
        promoted: Mark | None,
        then: Callable[[Mark | None, Standing], None],
        standing: Standing | None,
    ) -> None:
        if number == self._number:
            # Without one nobody can go on, and all are sent everything.
            then(promoted, standing or Standing([], 0))
