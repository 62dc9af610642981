"""Dialer: connects to a master, in a thread: names and TLS may take their time."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

import pykka

from joblog.actors.tls.transport import TlsTransport
from joblog.actors.transport import PlainTransport

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from joblog.actors.transport import Transport
    from joblog.app.state.replication import Address


class Reached(NamedTuple):
    """A connection to a server, and the addresses of both ends."""

    transport: Transport
    address: str
    local_address: str


def reached_over(connected: socket.socket) -> Reached:
    """Return a connection over a socket, with TLS or without."""
    peer, own = connected.getpeername(), connected.getsockname()
    transport: Transport = (
        TlsTransport(connected)
        if isinstance(connected, ssl.SSLSocket)
        else PlainTransport(connected)
    )
    return Reached(transport, _shown(peer), _shown(own))


def _shown(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if TYPE_CHECKING:
    Reach = Callable[[str, int, int], Reached]
    """Called with host, port and milliseconds; raises OSError."""


class Dial(NamedTuple):
    """Connect. Link -> dialer."""

    number: int
    address: Address
    wait_ms: int


class Dialed(NamedTuple):
    """The connection is there, or why it is not. Dialer -> link."""

    number: int
    reached: Reached | None
    error: str

    def drop(self) -> None:
        """Close the connection: nobody wants it any more."""
        if self.reached is not None:
            self.reached.transport.close()


class Dialer(pykka.ThreadingActor):
    """Connects, and says how it went."""

    use_daemon_thread = True

    def __init__(self, reach: Reach, tell: Callable[[Dialed], None]) -> None:
        """Say whom to ask for a connection, and whom to tell."""
        super().__init__()
        self._reach = reach
        self._tell = tell

    def on_receive(self, message: Dial) -> None:
        """Connect, for as long as is allowed."""
        reached, error = None, ""
        try:
            reached = self._reach(*message.address, message.wait_ms)
        except OSError as failure:
            error = failure.strerror or str(failure)
        with contextlib.suppress(pykka.ActorDeadError):
            self._tell(Dialed(message.number, reached, error))
