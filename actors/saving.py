"""Saving: what the keyspace actor does about snapshots.

A snapshot is begun once all that was written is durable: the log writer holds the order
back like any reply that waits for that (`HeldReply`), and lets it go to the snapshotter
instead of to a client. Clients of SAVE are answered when the snapshot has ended.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from actors.messages import HeldReply, SnapshotEnded, SnapshotProgress
from app.commands.holds import Hold

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.engine import Engine

logger = logging.getLogger(__name__)


class Order:
    """Stands in for a mailbox: what is posted to it begins a snapshot."""

    def __init__(self, begin: Callable[[], None]) -> None:
        """Make an order that begins a snapshot when it is delivered."""
        self._begin = begin

    def post(self, _: Any) -> None:
        """Begin it."""
        self._begin()


class Saving:
    """Has snapshots made for an engine, and holds the replies of those who wait."""

    def __init__(self, engine: Engine, begin: Callable[[], None] | None) -> None:
        """Make the saving of an engine.

        Args:
            engine: the engine, which says when a snapshot is due.
            begin: has one made of all that is durable; None without a log.
        """
        self._engine = engine
        self._begin = begin
        self._waiting: list[tuple[int, HeldReply]] = []

    def order(self) -> HeldReply:
        """Return what the log writer is to let go when everything is durable."""
        self._engine.server.saves.is_due = False
        assert self._begin is not None
        return HeldReply(Order(self._begin), b"", Hold(ends_when_durable=True))

    def note_log(self, fields: dict[str, Any]) -> None:
        """Take what INFO says of the log each second; the `save` rules may ask."""
        server = self._engine.server
        server.log_status.update(fields)
        if self._begin is not None and not server.is_loading:
            now_ms = self._engine.context.now_ms
            last_seq = fields.get("log_last_seq", 0)
            server.saves.consider(server.config.save, last_seq, now_ms)

    def hold(self, reply: HeldReply) -> None:
        """Let a reply wait for the snapshot that was asked for last."""
        self._waiting.append((self._engine.server.saves.asked, reply))

    def take(self, news: SnapshotProgress | SnapshotEnded) -> list[tuple[Any, bytes]]:
        """Note what the snapshotter says.

        Returns:
            The replies that may go: each with its mailbox.
        """
        saves = self._engine.server.saves
        if isinstance(news, SnapshotProgress):
            saves.progress.update(news.fields)
            return []
        covered = saves.covered
        self._engine.read_clock()
        now_ms = self._engine.context.now_ms
        saves.end(news.seq, now_ms, is_ok=news.error is None)
        ended = [reply for asked, reply in self._waiting if asked <= covered]
        self._waiting = [each for each in self._waiting if each[0] > covered]
        return [
            (
                reply.mailbox,
                reply.data if news.error is None else reply.hold.late_data(reply.data),
            )
            for reply in ended
        ]
