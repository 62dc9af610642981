"""Connections that the server itself makes: MIGRATE moves keys over them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from joblog.actors.transport import close

if TYPE_CHECKING:
    import ssl

_CHUNK_BYTES: Final = 64 * 1024
_LINE_BYTES_MAX: Final = 64 * 1024


class Link:
    """A connection to another server, and its reply lines; it blocks the caller.

    Every step may take the time given at the most, as in Redis: each chunk that is
    sent, and each piece that is read.
    """

    def __init__(
        self, host: str, port: int, wait_ms: int, context: ssl.SSLContext | None = None
    ) -> None:
        """Connect, under TLS where there is a context.

        Raises:
            OSError: it takes too long, or nobody is there; as from all methods.
        """
        try:
            self._socket = socket.create_connection((host, port), wait_ms / 1000)
        except (ValueError, LookupError) as error:
            # A name with a NUL, or one whose codec cannot be loaded.
            raise OSError(f"no name of a host: {error}") from error
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
        except OSError:
            self.close()
            raise
        self._read = b""

    def send(self, data: bytes) -> None:
        """Send bytes, all of them."""
        view = memoryview(data)
        for at in range(0, len(view), _CHUNK_BYTES):
            self._socket.sendall(view[at : at + _CHUNK_BYTES])

    def read_line(self) -> bytes:
        """Return the next line, without its end; a long one is an error."""
        while b"\n" not in self._read:
            if len(self._read) > _LINE_BYTES_MAX:
                raise ConnectionAbortedError("the other server's reply has no end")
            piece = self._socket.recv(_CHUNK_BYTES)
            if not piece:
                raise ConnectionResetError("the other server closed the connection")
            self._read += piece
        line, self._read = self._read.split(b"\n", 1)
        return line.removesuffix(b"\r")

    def detach(self) -> socket.socket:
        """Return the socket, which never blocks from now on."""
        self._socket.settimeout(0)
        return self._socket

    def close(self) -> None:
        """Close the connection."""
        close(self._socket)
