"""Connection: owns one client's socket.

It parses what a read brings, mails it to the keyspace as one batch, and sends what
comes back. One batch is under way at a time: while it is, the socket is not read, which
holds a client back that sends faster than it is served.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from actors.cooperative import CooperativeActor, CooperativeInbox
from actors.loop import GONE, HANG_UP, READ, WRITE, Loop, Timer
from actors.messages import (
    Admit,
    Backlog,
    Batch,
    ClientClosed,
    ClientOpened,
    ClientWaits,
    Close,
    Limits,
    Push,
)
from actors.sockets import has_hung_up
from app.protocol.parser import RequestParser

if TYPE_CHECKING:
    import socket
    from collections import deque
    from collections.abc import Callable

    from app.config import Config

logger = logging.getLogger(__name__)

READ_BYTES = 64 * 1024
_new = tuple.__new__
_OUTPUT_LIMIT_LOG = (
    "client id=%d address=%s closed for overcoming of output buffer limits: %d bytes"
)


class Connection(CooperativeActor):
    """One client."""

    def __init__(
        self,
        loop: Loop,
        client_id: int,
        client: socket.socket,
        addresses: tuple[str, str],
        keyspace: CooperativeInbox,
        config: Config,
        on_gone: Callable[[int], None],
    ) -> None:
        """Take over a connected socket.

        Args:
            loop: the loop that serves the socket.
            client_id: the number of this client.
            client: a connected, non-blocking socket.
            addresses: the peer's and our own, as `ip:port` or a path.
            keyspace: where batches go.
            config: the server's settings.
            on_gone: called with the client's id when the connection is closed.
        """
        super().__init__(loop)
        self._client_id = client_id
        self._socket = client
        # Bound once: the two calls of every request.
        self._recv = client.recv
        self._send_bytes = client.send
        self._fd = client.fileno()
        self._addresses = addresses
        self._keyspace = keyspace
        self._config = config
        self._parser = RequestParser(config.proto_max_bulk_len)
        self._parser.is_authenticated = not config.requirepass
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._is_busy = False
        self._is_waiting = False
        self._is_reading = True
        self._is_closing = False
        self._limits = "normal"
        self._soft_limit: Timer | None = None
        self._on_gone = on_gone

    def on_start(self) -> None:
        """Begin to read."""
        self._keyspace.post(
            ClientOpened(
                self._client_id,
                self.inbox,
                *self._addresses,
                self._fd,
                self.has_hung_up,
            )
        )
        self.loop.watch(self._fd, READ, self._on_ready)

    def on_stop(self) -> None:
        """Close the socket and tell the keyspace."""
        self.loop.unwatch(self._fd)
        self._socket.close()
        if self._soft_limit is not None:
            self._soft_limit.cancel()
        self._keyspace.post(ClientClosed(self._client_id))
        self._on_gone(self._client_id)

    def receive_all(self, mail: deque[Any]) -> None:
        """Take all mail: nearly always the replies to the one batch under way."""
        if len(mail) == 1 and type(mail[0]) is bytes and self._is_reading:
            # The road of every request, without the calls that on_receive would take.
            self._is_busy = self._is_waiting = False
            data = mail.popleft()
            if data and not self.actor_stopped.is_set():
                self._send(data)
        else:
            super().receive_all(mail)

    def _take_replies(self, data: bytes) -> None:
        if self.actor_stopped.is_set():
            return
        self._is_busy = self._is_waiting = False
        if data:
            self._send(data)
        if not self._is_reading and not self._is_closing:
            self._is_reading = True
            self._choose_events()

    def on_receive(self, message: Any) -> None:
        """Send replies and pushes, or close."""
        if type(message) is bytes:
            self._take_replies(message)
        elif isinstance(message, Push):
            self._send(message.data)
        elif isinstance(message, Limits):
            self._limits = message.name
        elif isinstance(message, ClientWaits):
            self._is_waiting = True
            if not self._is_reading:
                self._choose_events()
        elif isinstance(message, Close):
            self._is_closing = True
            if message.at_once or not self._output:
                self.stop_now()
            else:
                self._choose_events()
        elif isinstance(message, Admit):
            self._parser.is_authenticated = True
        else:
            super().on_receive(message)

    def stop_now(self) -> None:
        """Stop without waiting for mail that is still in the inbox."""
        if not self.actor_stopped.is_set():
            self._stop()

    def has_hung_up(self) -> bool:
        """Say whether the peer has closed the connection, or it is broken.

        Also where that is not noticed yet, as what came before was not read.
        """
        return self.actor_stopped.is_set() or has_hung_up(self._socket)

    # --- reading -----------------------------------------------------------------

    def _on_ready(self, events: int) -> None:
        if events != READ or self._is_busy or self._is_closing:
            if events & WRITE:
                self._flush()
                if self.actor_stopped.is_set() or not events & ~WRITE:
                    return
            if self._is_busy or self._is_closing:
                # A broken connection is reported at every poll until it is closed.
                if events & GONE or (self._is_waiting and self.has_hung_up()):
                    self.stop_now()
                    return
                # More came before the last batch was answered: it waits in the kernel.
                self._is_reading = False
                self._choose_events()
                return
        try:
            data = self._recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            logger.debug("client id=%d: %s", self._client_id, error)
            data = b""
        if not data:
            self.stop_now()
            return
        parser = self._parser
        commands = parser.feed(data)
        if commands or parser.error is not None:
            self._is_busy = True
            batch = (self._client_id, commands, parser.error, len(data))
            # Making a NamedTuple by its class costs twice as much, for every read.
            self._keyspace.post(_new(Batch, batch))
        elif parser.buffered_bytes > self._config.client_query_buffer_limit:
            logger.warning(
                "client id=%d address=%s closed: it reached the query buffer limit",
                self._client_id,
                self._addresses[0],
            )
            self.stop_now()

    # --- sending -----------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        if self._output:
            self._keep(data)
            return
        try:
            sent = self._send_bytes(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            logger.debug("client id=%d: %s", self._client_id, error)
            self.stop_now()
            return
        if sent < len(data):
            self._keep(data[sent:])
            self._choose_events()

    def _keep(self, data: bytes) -> None:
        """Hold back what the socket does not take now, up to the client's limit."""
        self._output.append(data)
        self._output_bytes += len(data)
        self._report_backlog()
        hard, soft, seconds = self._config.client_output_buffer_limit[self._limits]
        if hard and self._output_bytes > hard:
            self._give_up()
        elif soft and self._output_bytes > soft and self._soft_limit is None:
            self._soft_limit = self.loop.call_later(seconds, self._give_up_if_over)

    def _report_backlog(self) -> None:
        self._keyspace.post(
            Backlog(self._client_id, self._output_bytes, len(self._output))
        )

    def _give_up_if_over(self) -> None:
        self._soft_limit = None
        soft = self._config.client_output_buffer_limit[self._limits][1]
        if soft and self._output_bytes > soft:
            self._give_up()

    def _give_up(self) -> None:
        logger.warning(
            _OUTPUT_LIMIT_LOG, self._client_id, self._addresses[0], self._output_bytes
        )
        self.stop_now()

    def _flush(self) -> None:
        data = b"".join(self._output)
        try:
            sent = self._send_bytes(data)
        except BlockingIOError:
            return
        except OSError as error:
            logger.debug("client id=%d: %s", self._client_id, error)
            self.stop_now()
            return
        self._output_bytes -= sent
        self._output = [data[sent:]] if sent < len(data) else []
        self._report_backlog()
        if not self._output:
            if self._is_closing:
                self.stop_now()
            else:
                self._choose_events()

    def _choose_events(self) -> None:
        if self.actor_stopped.is_set():
            return
        events = WRITE if self._output else 0
        if self._is_reading and not self._is_closing:
            events |= READ
        elif self._is_waiting:
            events |= HANG_UP
        self.loop.change(self._fd, events)
