"""Handing over: the keyspace's part in FAILOVER.

A master waits until a replica has all that it was sent, follows that, and tells it to
be the master. No write gets in between: they wait (`joblog.app.engine.pause`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from joblog.app.state.failover import UNDER_WAY, WAITING
from joblog.app.state.replication import Address, Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.inbox import Replies
    from joblog.actors.loop import Loop
    from joblog.app.engine.engine import Engine

logger = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 0.02


class HandingOver:
    """Sees to a failover that was asked for."""

    def __init__(
        self, loop: Loop, engine: Engine, commit: Callable[[Replies], None]
    ) -> None:
        """See to none yet.

        Args:
            loop: the loop of the engine's actor.
            engine: the engine.
            commit: takes on what was made.
        """
        self._loop = loop
        self._engine = engine
        self._commit = commit
        self._state = engine.server.replication
        self._failover = engine.server.replication.failover
        self._looks = False

    def begin(self) -> None:
        """Look from now on whether a replica has all."""
        if not self._looks:
            self._look()

    def _look(self) -> None:
        failover, server = self._failover, self._engine.server
        self._looks = False
        if failover.state != WAITING:
            return
        self._engine.context.read_clock()
        found = self._find()
        if found is not None:
            logger.warning("failover: %s has all, and is to be the master", found)
            self._hand_over(found)
        elif not failover.end_ms or server.steady_ms() < failover.end_ms:
            self._looks = True
            self._loop.call_later(_AGAIN_SECONDS, self._look)
        elif failover.is_forced and failover.target is not None:
            target = Address(*failover.target)
            logger.warning("failover: time is over; %s is forced", target)
            self._hand_over(target)
        else:
            self._abort("no replica had all before the time was over")

    def _find(self) -> Address | None:
        """Return a replica that has all that there is."""
        server, replicas = self._engine.server, self._engine.server.replicas
        facts = server.log_facts
        is_sent = replicas.is_sent and not self._engine.outbox.entries
        if not is_sent or facts is None or facts()["last_seq"] != replicas.seq:
            return None  # what was written last is on its way
        for one in replicas.attached():
            has_all = one.is_online and one.offset == replicas.offset
            place = Address(one.address, one.port)
            if has_all and self._failover.target in (None, place):
                return place
        return None

    def _hand_over(self, target: Address) -> None:
        replicas, state = self._engine.server.replicas, self._state
        self._failover.state = UNDER_WAY
        state.follow(target)
        if replicas.is_sent:
            # Between two records database 0 is selected.
            state.take_position(Position(replicas.id, replicas.offset, 0))
        self._commit([])

    def look_at_link(self) -> None:
        """See whether the replica is the master now, or will not be."""
        if self._failover.state != UNDER_WAY:
            return
        link = self._state.link
        if link.state in ("sync", "connected"):
            logger.warning("failover: %s is the master now", self._state.master)
            self._failover.end(self._engine.pause)
            self._commit([])
        elif link.is_refused:
            self._abort(link.error)

    def _abort(self, why: str) -> None:
        logger.warning("failover is given up: %s", why)
        server = self._engine.server
        seq = 0 if server.log_facts is None else int(server.log_facts()["last_seq"])
        self._state.abort_failover(self._engine.pause, seq)
        self._commit([])
