"""Sureness: whether this server knows that nobody has led since its claim.

Who has lost the lease may get it again after another had it, led, and died. Then its
memory is old. So a lease that is had anew counts only behind a look at the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joblog.actors.quorum.lease import Lease
    from joblog.actors.quorum.publisher import Publisher


class Sureness:
    """What is known of the lease's terms."""

    def __init__(self, lease: Lease) -> None:
        """Be sure of nothing."""
        self._lease = lease
        self._of_claim = self._sure = 0
        self._seen = (0, 0)

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can lead now, nor has led since the claim."""
        return self._lease.is_held and self._lease.term == self._sure

    def begin_claim(self) -> None:
        """Note that a claim is sent, under the lease as it is now."""
        self._of_claim = self._lease.term

    def note_claim(self) -> None:
        """Note that it was acknowledged: nobody has led until then."""
        self._sure = self._of_claim

    async def make_sure(self, publisher: Publisher) -> None:
        """See that nobody has led while this server had not the lease.

        Nothing stands behind its last message; or one of its own was acknowledged that
        was sent since.

        Raises:
            OvertakenError: somebody has.
            UnknownOutcomeError: nobody answered.
        """
        term, reached = self._lease.term, publisher.reached
        if term == self._sure or reached is None:
            return
        if self._seen[0] != term:
            self._seen = (term, reached.number)
        # One more than the one that may have been under way then.
        if await publisher.look() or reached.number > self._seen[1] + 1:
            self._sure = term
