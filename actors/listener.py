"""Listener: owns the listening sockets, and starts a connection for each client.

accepted -> (under TLS: a handshake) -> let in -> a connection
"""

from __future__ import annotations

import errno
import logging
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.actors.connection import Connection
from joblog.actors.cooperative import CooperativeActor
from joblog.actors.loop import READ, Loop, Timer
from joblog.actors.relistening import Relistener
from joblog.actors.sockets import TlsSocket, is_loopback
from joblog.actors.tls.handshakes import Handshakes
from joblog.actors.tls.transport import TlsTransport
from joblog.actors.transport import PlainTransport, Transport, close
from joblog.app import errors
from joblog.app.config import SettingError

if TYPE_CHECKING:
    import ssl

    import pykka

    from joblog.actors.failures import Failures
    from joblog.actors.inbox import Inbox
    from joblog.actors.tls.contexts import Contexts
    from joblog.app.config import Config
    from joblog.app.state.server_state import ServerState

logger = logging.getLogger(__name__)

_ACCEPTED_A_TICK = 100
_BEGUN_A_TICK = 8
"""To make room for a handshake takes a tenth of a millisecond."""

_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 0.25
_LOOK_SECONDS = 0.005

_ABOUT_ONE = frozenset(
    {
        *(errno.ECONNABORTED, errno.ECONNRESET, errno.EPROTO, errno.EPERM),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
        *(errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EINTR),
    }
)
"""What accept says of the one connection that it was about: the next may be well."""

_REASONS = {
    errors.MAX_CLIENTS: "there are as many clients as maxclients allows",
    errors.PROTECTED_MODE: "protected-mode lets only this machine's clients in while "
    "no requirepass is set",
}


class Listener(CooperativeActor):
    """Accepts clients."""

    def __init__(
        self,
        loop: Loop,
        sockets: list[socket.socket],
        keyspace: Inbox,
        config: Config,
        failures: Failures,
        contexts: Contexts,
        server: ServerState,
    ) -> None:
        """Take over bound, listening, non-blocking sockets; `contexts` are of TLS.

        The `server` has the numbers of clients to come, and knows whether it loads.
        """
        super().__init__(loop)
        self._contexts = contexts
        self._handshakes = Handshakes(loop, config, failures, self._end_handshake)
        self._sockets = sockets
        self._relistener = Relistener(sockets, config, self._begin, self._end)
        self._keyspace = keyspace
        self._config = config
        self._failures = failures
        self._pause: Timer | None = None
        self._ids = server.client_ids
        self._server = server
        self._patient_until = time.monotonic() + _PATIENCE_SECONDS
        self._connections: dict[int, pykka.ActorRef[Connection]] = {}

    def on_start(self) -> None:
        """Begin to accept."""
        self._begin_when_loaded()
        self._config.on_change(self._move_port, "port")
        self._config.on_change(self._move_tls_port, "tls_port")
        self._config.on_change(self._move_addresses, "bind")

    def _begin_when_loaded(self) -> None:
        """Accept, but not at once where the data may be loaded in a moment.

        Of a short log Redis's clients are never told LOADING: they wait for so long.
        """
        if self._server.is_loading and time.monotonic() < self._patient_until:
            again = self._begin_when_loaded
            self._pause = self.loop.call_later(_LOOK_SECONDS, again)
        else:
            self._go_on()

    def _move_port(self) -> None:
        """Listen as the settings say now; CONFIG SET has changed the port.

        Raises:
            SettingError: that cannot be; nothing has changed.
        """
        if not self._relistener.listen_anew():
            raise SettingError("Unable to listen on this port. Check server logs.")

    def _move_tls_port(self) -> None:
        """Do the same for the port of TLS, whose settings may be bad."""
        self._contexts.require()
        self._move_port()

    def _move_addresses(self) -> None:
        """Do the same for addresses."""
        if not self._relistener.listen_anew():
            raise SettingError("Failed to bind to specified addresses.")

    def _begin(self, listening: socket.socket) -> None:
        if self._pause is None:
            self._watch(listening)

    def _end(self, listening: socket.socket) -> None:
        self.loop.unwatch(listening.fileno())
        close(listening)

    def _watch(self, listening: socket.socket) -> None:
        def ready(_: int) -> None:
            self._accept_from(listening)

        self.loop.watch(listening.fileno(), READ, ready)

    def on_stop(self) -> None:
        """Close the listening sockets, then every connection."""
        if self._pause is not None:
            self._pause.cancel()
        for listening in self._sockets:
            self.loop.unwatch(listening.fileno())
            if listening.family == socket.AF_UNIX:
                path = Path(self._config.unixsocket)
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    logger.warning("the socket %s cannot be removed: %s", path, error)
            close(listening)
        self._handshakes.close()
        for connection in list(self._connections.values()):
            connection.stop(block=False)

    def _accept_from(self, listening: socket.socket) -> None:
        is_tls = isinstance(listening, TlsSocket)
        for _ in range(_BEGUN_A_TICK if is_tls else _ACCEPTED_A_TICK):
            if is_tls and self._handshakes.is_behind:
                return
            try:
                client, address = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _ABOUT_ONE:
                    self._failures.note_accept(error)
                    continue
                self._stop_for_a_moment(error)
                return
            try:
                client.setblocking(False)  # noqa: FBT003 - the socket module's signature
                if is_tls:
                    self._begin_handshake(client, address)
                else:
                    self._open(client, address)
            except Exception as error:  # noqa: BLE001 - it costs this client
                # Mostly it is gone already: reset before it was accepted.
                self._failures.note_accept(error)
                close(client)

    def _stop_for_a_moment(self, error: OSError) -> None:
        """Accept nobody for a moment: there are no descriptors, or no memory.

        The sockets stay ready, so that the loop would do nothing but try again.
        """
        self._failures.note_pause(error, _PAUSE_SECONDS)
        for listening in self._sockets:
            self.loop.unwatch(listening.fileno())
        if self._pause is None:
            self._pause = self.loop.call_later(_PAUSE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        try:
            for listening in self._sockets:
                self._watch(listening)
        except OSError as error:
            self._stop_for_a_moment(error)

    def _open(self, client: socket.socket, address: Any) -> None:
        is_unix = client.family == socket.AF_UNIX
        host = None if is_unix else address[0]
        refusal = self._full() or self._refusal(host)
        if refusal is not None:
            who = self._config.unixsocket if is_unix else _format(address)
            self._refuse(PlainTransport(client), who, refusal)
            return
        if is_unix:
            path = self._config.unixsocket
            addresses = (f"{path}:0", f"{path}:0")
        else:
            addresses = self._settle(client, address)
        self._start(PlainTransport(client), addresses)

    def _begin_handshake(self, client: socket.socket, address: Any) -> None:
        refusal = self._full()
        if refusal is not None:
            # There is no way yet to say why.
            self._failures.note_refused(_format(address), _REASONS[refusal])
            close(client)
            return
        context = self._contexts.of_clients
        assert context is not None, "a port of TLS without a certificate"
        self._handshakes.begin(client, address, context)

    def _end_handshake(self, tls: ssl.SSLSocket, address: Any) -> None:
        """Take over a connection under TLS whose handshake is done."""
        refusal = self._refusal(address[0])
        if refusal is not None:
            self._refuse(TlsTransport(tls), _format(address), refusal)
            return
        self._start(TlsTransport(tls), self._settle(tls, address))

    def _refuse(self, transport: Transport, who: str, refusal: bytes) -> None:
        self._failures.note_refused(who, _REASONS[refusal])
        try:
            transport.send(b"-" + refusal + b"\r\n")
        finally:
            transport.close()

    def _settle(self, client: socket.socket, address: Any) -> tuple[str, str]:
        """Set what TCP is to do; return the addresses of both ends."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._config.tcp_keepalive:
            _keep_alive(client, self._config.tcp_keepalive)
        return _format(address), _format(client.getsockname())

    def _start(self, transport: Transport, addresses: tuple[str, str]) -> None:
        client_id = next(self._ids)
        self._connections[client_id] = Connection.start(
            self.loop,
            client_id,
            transport,
            addresses,
            self._keyspace,
            self._config,
            self._failures,
            self._forget,
        )

    def _full(self) -> bytes | None:
        """Return why nobody more is served; a handshake counts as a client."""
        count = len(self._connections) + len(self._handshakes)
        return errors.MAX_CLIENTS if count >= self._config.maxclients else None

    def _refusal(self, host: str | None) -> bytes | None:
        """Return why a client at an address (None: a Unix socket) is not served."""
        config = self._config
        is_protected = config.protected_mode and not config.has_password
        if is_protected and host is not None and not is_loopback(host):
            return errors.PROTECTED_MODE
        return None

    def _forget(self, client_id: int) -> None:
        self._connections.pop(client_id, None)


def _format(address: Any) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _keep_alive(client: socket.socket, seconds: int) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        interval = max(1, seconds // 3)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
