"""Connection: owns one client's connection, a `Transport`.

Its wire (`joblog.actors.wire`) parses what a read brings, mails it to the keyspace as
one batch, and sends what comes back. One batch is under way at a time: while it is, the
socket is not read, which holds a client back that sends faster than it is served.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.cooperative import CooperativeActor
from joblog.actors.loop import READ, Loop, Timer
from joblog.actors.messages import (
    Admit,
    Backlog,
    ClientClosed,
    ClientOpened,
    Close,
    Limits,
    Push,
)
from joblog.actors.wire import Wire
from joblog.app.protocol.parser import RequestParser

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.failures import Failures
    from joblog.actors.inbox import Inbox
    from joblog.actors.transport import Transport
    from joblog.app.config import Config
    from joblog.app.words import Argv

logger = logging.getLogger(__name__)

_OUTPUT_LIMIT_LOG = (
    "client id=%d address=%s closed for overcoming of output buffer limits: %d bytes"
)

UNKNOWN_BYTES_MAX: Final = 64 * 1024
"""How much output may wait for a client that has not logged in, and does not read."""

_END_BYTES: Final = 2
"""The CR and LF behind an argument wait with it, and count as in Redis."""


class Connection(CooperativeActor):
    """One client."""

    def __init__(
        self,
        loop: Loop,
        client_id: int,
        transport: Transport,
        addresses: tuple[str, str],
        keyspace: Inbox,
        config: Config,
        failures: Failures,
        on_gone: Callable[[int], None],
    ) -> None:
        """Take over a client's connection.

        Args:
            loop: the loop that serves it.
            client_id: the number of this client.
            transport: the connection.
            addresses: the peer's and our own, as `ip:port` or a path.
            keyspace: where batches go.
            config: the server's settings.
            failures: is told what goes wrong.
            on_gone: called with the client's id when the connection is closed.
        """
        super().__init__(loop)
        self._client_id = client_id
        self._transport = transport
        self._fd = transport.fileno()
        self._addresses = addresses
        self._keyspace = keyspace
        self._config = config
        self._failures = failures
        parser = RequestParser(config.proto_max_bulk_len)
        parser.is_authenticated = not config.asks_password
        self._wire = Wire(loop, client_id, transport, parser, keyspace, self)
        self.actor_inbox.bind(self._wire, loop)
        self._limits = "normal"
        self._soft_limit: Timer | None = None
        self._cut_off = ""
        self._on_gone = on_gone

    def on_start(self) -> None:
        """Begin to read.

        Raises:
            OSError: the socket cannot be watched; nothing is known of the client then.
        """
        self.loop.serve(self._fd, READ, self._wire)
        self._keyspace.post(
            ClientOpened(
                self._client_id,
                self.inbox,
                *self._addresses,
                self._fd,
                self.has_hung_up,
                self._wire.buffers,
            )
        )

    def on_stop(self) -> None:
        """Close the socket and tell the keyspace; nothing stays in memory."""
        self._wire.close()
        self.loop.unwatch(self._fd)
        self._transport.close()
        if self._soft_limit is not None:
            self._soft_limit.cancel()
            self._soft_limit = None
        self._keyspace.post(ClientClosed(self._client_id, self._cut_off))
        self._on_gone(self._client_id)

    def on_receive(self, message: Any) -> None:
        """Send a push, or do what else is mailed besides replies."""
        wire = self._wire
        if isinstance(message, Push):
            wire.send(message.data)
        elif isinstance(message, Limits):
            self._limits = message.name
            traffic = self.loop.traffic
            wire.traffic = traffic.links if message.name == "slave" else traffic.clients
        elif isinstance(message, Close):
            wire.is_closing = True
            if message.at_once or not wire.output:
                self.stop_now()
            else:
                wire.choose_events()
        elif isinstance(message, Admit):
            wire.parser.is_authenticated = True
        else:
            super().on_receive(message)

    def stop_now(self) -> None:
        """Stop without waiting for mail that is still in the inbox."""
        if not self.actor_stopped.is_set():
            self._stop()

    def fail(self, error: Exception) -> None:
        """Close: something that is only about this client went wrong."""
        self._failures.note_client(self._client_id, self._addresses[0], error)
        self._cut_off = "client_errors"
        self.stop_now()

    def has_hung_up(self) -> bool:
        """Say whether the peer has closed the connection, or it is broken.

        Also where that is not noticed yet, as what came before was not read.
        """
        return self.actor_stopped.is_set() or self._transport.has_hung_up()

    # --- what the wire asks --------------------------------------------------------

    def on_half_read(self, buffered_bytes: int) -> None:
        """Report what waits for the rest of its command; close where it is too much."""
        self._report(buffered_bytes)
        if buffered_bytes > self._config.client_query_buffer_limit:
            self._refuse()

    def refuses(self, read_bytes: int, commands: list[Argv]) -> bool:
        """Close where an argument that is whole now is larger than what may wait.

        Args:
            read_bytes: the size of what waited and of what the last read brought.
            commands: those that are whole now.

        Returns:
            Whether it does; the commands are not to run then.
        """
        limit = self._config.client_query_buffer_limit
        if read_bytes <= limit:
            return False
        longest = max((len(word) for argv in commands for word in argv), default=0)
        if longest + _END_BYTES <= limit:
            return False
        self._refuse()
        return True

    def _refuse(self) -> None:
        logger.warning(
            "client id=%d address=%s closed: it reached the query buffer limit",
            self._client_id,
            self._addresses[0],
        )
        self._cut_off = "client_query_buffer_limit_disconnections"
        self.stop_now()

    def on_backlog(self) -> None:
        """Report what the socket does not take; hold it to the client's limit."""
        size = self._wire.output_bytes
        self._report(0)
        hard, soft, seconds = self._config.client_output_buffer_limit[self._limits]
        is_known = self._wire.parser.is_authenticated
        if (hard and size > hard) or (size > UNKNOWN_BYTES_MAX and not is_known):
            self._give_up()
        elif soft and size > soft and self._soft_limit is None:
            self._soft_limit = self.loop.call_later(
                seconds, self._give_up_if_over, self._wire
            )

    def _report(self, query_bytes: int) -> None:
        size = self._wire.output_bytes
        self._keyspace.post(Backlog(self._client_id, size, query_bytes))

    def _give_up_if_over(self) -> None:
        self._soft_limit = None
        soft = self._config.client_output_buffer_limit[self._limits][1]
        if soft and self._wire.output_bytes > soft:
            self._give_up()

    def _give_up(self) -> None:
        logger.warning(
            _OUTPUT_LIMIT_LOG,
            self._client_id,
            self._addresses[0],
            self._wire.output_bytes,
        )
        self._cut_off = "client_output_buffer_limit_disconnections"
        self.stop_now()
