"""A TCP port before a Unix socket: for what can only be reached by host and port."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class Relay:
    """Passes bytes on between a TCP port of the system's choice and a Unix socket.

    Attributes:
        port: the port, on 127.0.0.1.
    """

    def __init__(self, path: str, replies_max: int | None = None) -> None:
        """Listen.

        Args:
            path: the Unix socket.
            replies_max: after so many bytes of replies a connection is closed.
        """
        self._path = path
        self._left = replies_max
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._path)
            self._sockets += (client, server)
            pairs = ((client, server, None), (server, client, self._left))
            made = [threading.Thread(target=_pass_on, args=pair) for pair in pairs]
            self._threads += made
            for thread in made:
                thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, and close all connections, cached ones too."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for one in self._sockets:
            _shut_down(one)
        for thread in self._threads:
            thread.join()
        for one in (self._listening, *self._sockets):
            one.close()


def _pass_on(source: socket.socket, target: socket.socket, left: int | None) -> None:
    with contextlib.suppress(OSError):  # the other direction may have ended it
        while data := source.recv(65536):
            if left is not None:
                data, left = data[:left], left - len(data)
            target.sendall(data)
            if left is not None and left <= 0:
                break
    _shut_down(source)
    _shut_down(target)


def _shut_down(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


class Mute:
    """A TCP port that takes connections and never says anything.

    Attributes:
        port: the port, on 127.0.0.1.
    """

    def __enter__(self) -> Self:
        """Listen; the system's queue takes the connections."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._listening.close()
