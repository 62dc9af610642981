"""Replicating: the keyspace's parts in replication, to follow and to be followed.

The keyspace actor owns it. It hands each part the mail that is for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.actors.handing_over import HandingOver
from joblog.actors.master.mail import Made
from joblog.actors.master.serving import Serving
from joblog.actors.messages import Appended, Tapped
from joblog.actors.replica.applying import Applying
from joblog.actors.replica.mail import FromLink, LinkNews, Taken
from joblog.app.state.failover import HandOver

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.inbox import Inbox, Replies
    from joblog.actors.loop import Loop
    from joblog.actors.mailboxes import Mailboxes
    from joblog.actors.quorum.following import Following
    from joblog.actors.replica.dialer import Reach
    from joblog.actors.turn import Turn
    from joblog.app.engine.engine import Engine
    from joblog.app.state.inquiries import Inquiry

_OF_SERVING: Final = (Appended, Tapped, Made)


class Replicating:
    """Follows a master or a store of the log, and serves replicas.

    Attributes:
        begin_segment, note_gone, note_backlog: see `Serving`.
    """

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        turn: Turn,
        mailboxes: Mailboxes,
        commit: Callable[[Replies], None],
        inbox: Inbox,
        reach: Reach | None,
        store: Following | None,
    ) -> None:
        """Make its parts; see them for the arguments."""
        shared = (loop, engine, turn, mailboxes, commit, inbox)
        self._serving = Serving(*shared)
        self._applying = Applying(*shared, reach, self._serving.begin_anew)
        self._handing_over = HandingOver(loop, engine, commit)
        self._store = store
        if store is not None:
            store.open(loop, engine, turn, commit)
        self.begin_segment = self._serving.begin_segment
        self.note_gone = self._serving.note_gone
        self.note_backlog = self._serving.note_backlog

    def begin(self) -> None:
        """Begin: what was there is loaded."""
        self._serving.begin()
        if self._store is not None:
            self._store.begin()

    def takes_on(self, inquiry: Inquiry) -> bool:
        """Take on an inquiry of a replica, or about them; say whether it is one."""
        if isinstance(inquiry, HandOver):
            self._handing_over.begin()
            return True
        return self._serving.takes_on(inquiry)

    def follow(self) -> None:
        """Have the link follow whom the engine was told to follow."""
        was_taken = self._applying.is_taken
        self._applying.follow()
        self._serving.change_part(was_taken=was_taken)

    def takes(self, message: Any) -> bool:
        """Take mail that is about replication; say whether it is."""
        if isinstance(message, _OF_SERVING):
            self._serving.take(message)
        elif isinstance(message, FromLink):
            self._applying.take(message)
            if isinstance(message, Taken):
                self._serving.step_soon()
            if isinstance(message, LinkNews):
                self._handing_over.look_at_link()
        else:
            return False
        return True

    def stop(self) -> None:
        """Follow nobody any more, and serve nobody."""
        self._applying.stop()
        self._serving.stop()
