"""Failover: a master hands over to a replica that has all, and follows it (FAILOVER).

    waiting-for-sync        writes wait until a replica has all that was written
    failover-in-progress    this server follows it, and tells it to be the master

Source: Redis 7.0.15; see tests/replication/test_handing_over.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.state.inquiries import Inquiry

if TYPE_CHECKING:
    from joblog.app.state.engine_parts import PausePart

NONE: Final = "no-failover"
WAITING: Final = "waiting-for-sync"
UNDER_WAY: Final = "failover-in-progress"


class Failover:
    """The one that is under way, or none.

    Attributes:
        state: as INFO has it.
        target: where the replica listens; None for the first that has all.
        end_ms: until when to wait for that, by the steady clock; 0 for ever.
        is_forced: whether it is to be the master then though it lacks something.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.state = NONE
        self.target: tuple[str, int] | None = None
        self.end_ms = 0
        self.is_forced = False

    @property
    def is_on(self) -> bool:
        """Whether one is under way."""
        return self.state != NONE

    def begin(
        self,
        pause: PausePart,
        target: tuple[str, int] | None,
        end_ms: int,
        *,
        is_forced: bool,
    ) -> None:
        """Let writes wait, until a replica has all."""
        self.state, self.target = WAITING, target
        self.end_ms, self.is_forced = end_ms, is_forced
        pause.hold(is_held=True)

    def end(self, pause: PausePart) -> None:
        """Let writes go on: they are refused if this server is a replica now."""
        self.state, self.target = NONE, None
        pause.hold(is_held=False)


class HandOver(Inquiry):
    """A master is to hand over; nobody waits for an answer."""
