"""Subscriptions: what one client listens to; see `joblog.app.engine.pubsub`."""

from __future__ import annotations

from typing import Final, NamedTuple

Names = dict[bytes, None]
"""Names of channels, or patterns, in the order in which they came."""


class Subscriptions(NamedTuple):
    """What one client is subscribed to."""

    channels: Names
    patterns: Names
    shard_channels: Names

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing left that the client is subscribed to."""
        return not (self.channels or self.patterns or self.shard_channels)

    def count(self, kind: Kind) -> int:
        """Return the number that confirms a subscription of a kind.

        Channels and patterns are counted together, shard channels by themselves.
        """
        if kind is SHARD_CHANNEL:
            return len(self.shard_channels)
        return len(self.channels) + len(self.patterns)


class Kind(NamedTuple):
    """What a client may subscribe to.

    Attributes:
        prefix: what distinguishes its commands and messages: nothing, `p` or `s`.
        place: where it is in `Subscriptions`.
    """

    prefix: bytes
    place: int


CHANNEL: Final = Kind(b"", 0)
PATTERN: Final = Kind(b"p", 1)
SHARD_CHANNEL: Final = Kind(b"s", 2)
