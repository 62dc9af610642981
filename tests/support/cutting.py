"""A TCP port before a server's Unix socket, whose connections can be cut anywhere."""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.support.listening import Listening, shut_down


class CuttingRelay(Listening):
    """Passes bytes on, until it is told to cut.

    Attributes:
        heard: what clients have sent, of all connections; said: what they got.
    """

    def __init__(self, path: str) -> None:
        """Listen before a Unix socket."""
        super().__init__()
        self.path = path
        self._lock = threading.Lock()
        self._left: int | None = None
        self._is_shut = False
        self._sockets: list[socket.socket] = []
        self.heard = bytearray()
        self.said = bytearray()
        self.begin(self.accept_all, self._connect)

    def cut(self) -> None:
        """Close all connections now."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            shut_down(one)

    def cut_after(self, size: int) -> None:
        """Close all connections once so many more bytes of replies have passed."""
        with self._lock:
            self._left = size

    def shut(self, *, is_shut: bool) -> None:
        """Let nobody through any more, or let them again."""
        self._is_shut = is_shut
        if is_shut:
            self.cut()

    def _connect(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect("/nowhere" if self._is_shut else self.path)
        except OSError:
            client.close()
            server.close()
            return
        self.keep(server)
        with self._lock:
            self._sockets += (client, server)
        self.begin(self._pass_on, client, server, self.heard)
        self.begin(self._pass_on, server, client, self.said)

    def _pass_on(self, source, target, noted) -> None:
        is_reply = noted is self.said
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                is_last = False
                with self._lock:
                    if is_reply and self._left is not None:
                        data = data[: self._left]
                        self._left -= len(data)
                        is_last = self._left <= 0
                        if is_last:
                            self._left = None
                noted += data
                target.sendall(data)
                if is_last:
                    self.cut()
        shut_down(source)
        shut_down(target)
