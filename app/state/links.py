"""Links: connections to other servers, which MIGRATE asks whoever runs us for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Link(Protocol):
    """A connection to another server; each call takes so long at the most.

    The methods raise OSError where the time is over or the connection broken.
    """

    def send(self, data: bytes) -> None:
        """Send bytes, all of them."""

    def read_line(self) -> bytes:
        """Return the next line, without its end."""

    def close(self) -> None:
        """Close the connection."""


if TYPE_CHECKING:
    Dial = Callable[[str, int, int], Link]
    """Called with host, port and milliseconds; raises OSError."""
