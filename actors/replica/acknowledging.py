"""Acknowledging: telling a master what is durable here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.actors.replica.mail import TellDurable
from joblog.app.protocol.encoder import encode_bulks

if TYPE_CHECKING:
    from joblog.actors.inbox import Inbox
    from joblog.actors.replica.log_stream import LogStream
    from joblog.actors.replica.stream import Stream
    from joblog.app.config import Config


class Acknowledging:
    """What the master of one connection is told, and is to be told."""

    def __init__(self, config: Config, keyspace: Inbox, number: int) -> None:
        """Begin with nothing; the number is the connection's."""
        self._config = config
        self._keyspace = keyspace
        self._number = number
        self._durable_offset = 0
        self._is_asked = False

    def ask(self) -> None:
        """Have the keyspace say when what was applied is durable."""
        if not self._is_asked:
            self._is_asked = True
            self._keyspace.post(TellDurable(self._number))

    def answer(self, stream: Stream | LogStream) -> None:
        """Have it say so at once: the master wants to know."""
        stream.asks = False
        self._is_asked = False
        self.ask()

    def take(self, offset: int) -> bytes:
        """Note what is durable; return what to send to the master."""
        self._is_asked = False
        self._durable_offset = offset
        return self._said()

    def again(self) -> bytes:
        """Return what to send where the answer is still to come: we are there."""
        return self._said() if self._is_asked and self._durable_offset else b""

    def _said(self) -> bytes:
        offset = b"%d" % self._durable_offset
        words = [b"REPLCONF", b"ACK", offset, b"FACK", offset]
        return encode_bulks(words if self._config.appendonly else words[:3])
