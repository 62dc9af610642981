"""A TCP port before a server's Unix socket, whose connections can be cut anywhere."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class CuttingRelay:
    """Passes bytes on, until it is told to cut.

    Attributes:
        port: the port, on 127.0.0.1.
        heard: what clients have sent, of all connections; said: what they got.
    """

    def __init__(self, path: str) -> None:
        """Listen before a Unix socket."""
        self.path = path
        self._lock = threading.Lock()
        self._left: int | None = None
        self._is_shut = False
        self._sockets: list[socket.socket] = []
        self._opened: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.heard = bytearray()
        self.said = bytearray()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._begin(self._accept)

    def cut(self) -> None:
        """Close all connections now."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            _shut_down(one)

    def cut_after(self, size: int) -> None:
        """Close all connections once so many more bytes of replies have passed."""
        with self._lock:
            self._left = size

    def shut(self, *, is_shut: bool) -> None:
        """Let nobody through any more, or let them again."""
        self._is_shut = is_shut
        if is_shut:
            self.cut()

    def _begin(self, run, *arguments) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect("/nowhere" if self._is_shut else self.path)
            except OSError:
                client.close()
                server.close()
                continue
            with self._lock:
                self._sockets += (client, server)
                self._opened += (client, server)
            self._begin(self._pass_on, client, server, self.heard)
            self._begin(self._pass_on, server, client, self.said)

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
        _shut_down(source)
        _shut_down(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, and close all connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)
        for one in self._opened:
            one.close()


def _shut_down(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
