"""Whom the loop calls for the link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.actors.inbox import Receiver

if TYPE_CHECKING:
    from joblog.actors.replica.link import Link


class LinkReceiver(Receiver):
    """Leads from the loop to the link; a failure costs the connection."""

    def __init__(self, link: Link) -> None:
        """Lead to a link."""
        self._link = link

    def on_ready(self, events: int) -> None:
        """Let the link read."""
        self._link.read(events)

    def on_failure(self, error: Exception) -> bool:
        """Let the link give the connection up."""
        return self._link.contain(error)
