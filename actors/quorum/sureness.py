"""Sureness: whether this server knows that nobody has led since its claim.

Who has lost the lease may get it again after another had it, led, and died. Then its
memory is old. So in each term of the lease a message of its own has to be taken by the
stream that was sent since: it is taken only behind this server's last one, so nobody
has appended in between, nor can who had the lease before append a claim any more.
To look what the stream's end is would not do: its servers answer that without asking
their quorum (docs/decisions/0071).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joblog.actors.quorum.lease import Lease


class Sureness:
    """What is known of the lease's terms."""

    def __init__(self, lease: Lease) -> None:
        """Be sure of nothing."""
        self._lease = lease
        self._term = self._sent = self._sure = 0

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can lead now, nor has led since the claim."""
        return self._lease.is_held and self._lease.term == self._sure

    def begin_claim(self) -> None:
        """Note that a claim is about to be sent, under the lease as it is now."""
        self._term, self._sent, self._sure = self._lease.term, 0, 0

    def begin_term(self, sent: int) -> bool:
        """Say whether the lease's term is a new one: then something is to be appended.

        Args:
            sent: the number of the last message that was sent: it may be older than
                the term.
        """
        if self._lease.term == self._term:
            return False
        self._term, self._sent = self._lease.term, sent
        return True

    def note_reached(self, number: int) -> None:
        """Note that the stream has taken a message of this server."""
        if number > self._sent:
            self._sure = self._term
