"""Waits: clients that wait until replicas have what was written (WAIT, WAITAOF).

The handler records that replicas are asked how far they are. Up to where that stands in
the stream they have to have come; what they answer is looked at as it comes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.messages import Order
from joblog.app.state.replicas import GETACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.loop import Loop
    from joblog.actors.turn import Turn
    from joblog.app.engine.blocking import Blocking
    from joblog.app.state.replicas import AwaitReplicas, Replicas

_LOOK_SECONDS: Final = 1.0


class Waits:
    """Answers those who wait, once enough replicas have come so far."""

    def __init__(
        self,
        replicas: Replicas,
        loop: Loop,
        blocking: Blocking,
        turn: Turn,
        settle_soon: Callable[[], None],
    ) -> None:
        """Begin with nobody.

        Args:
            replicas: tells how far each is.
            loop: the loop of the engine's actor.
            blocking: lets those go on who wait.
            turn: has what waits for the log to be durable.
            settle_soon: has `settle` called, and what it made committed.
        """
        self._replicas = replicas
        self._loop = loop
        self._blocking = blocking
        self._turn = turn
        self._settle_soon = settle_soon
        self._waiting: list[AwaitReplicas] = []
        self._unplaced: deque[AwaitReplicas] = deque()
        self._is_looking = False

    def add(self, inquiry: AwaitReplicas) -> None:
        """Let a client wait."""
        self._waiting.append(inquiry)
        if not self._is_looking:
            self._is_looking = True
            self._loop.call_later(_LOOK_SECONDS, self._forget_the_gone)
        if inquiry.asks:
            self._unplaced.append(inquiry)
        else:
            inquiry.offset = 0
        if inquiry.local > 0:

            def note_local() -> None:
                inquiry.is_local = True
                self._settle_soon()

            self._turn.orders.append(Order(note_local))

    def look(self, origin: Any, offset: int) -> None:
        """See whether a record asks replicas for one who waits.

        Args:
            origin: the record's, as it is in a draft.
            offset: behind the last record before it that changed something.
        """
        if self._unplaced and _asks(origin):
            self._unplaced.popleft().offset = offset
            self._settle_soon()

    def _forget_the_gone(self) -> None:
        """Forget those who wait no more, also where no replica ever answers."""
        self._waiting = [inquiry for inquiry in self._waiting if inquiry.is_wanted]
        self._is_looking = bool(self._waiting)
        if self._is_looking:
            self._loop.call_later(_LOOK_SECONDS, self._forget_the_gone)

    def settle(self) -> None:
        """Answer those for whom enough replicas have come far enough."""
        still = []
        for inquiry in self._waiting:
            if not inquiry.is_wanted:
                continue
            reply = inquiry.reply(self._replicas)
            if inquiry.is_satisfied(self._replicas):
                inquiry.answer = reply
                self._blocking.retry(inquiry.session)
                continue
            waiter = inquiry.session.waiter
            if waiter is not None:
                waiter.at_timeout = reply
            still.append(inquiry)
        self._waiting = still


def _asks(origin: Any) -> bool:
    """Say whether a record asks replicas how far they are."""
    if isinstance(origin, int):
        return False
    note = origin[2]
    return isinstance(note, dict) and note.get("commands") == [GETACK]
