"""A TCP port of a test's own: threads that serve it, and sockets that end with it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 10


class Listening:
    """Takes connections, each in the thread that accepts, until it is closed.

    Attributes:
        port: the port, on 127.0.0.1.
    """

    def __init__(self) -> None:
        """Listen."""
        self._threads: list[threading.Thread] = []
        self._opened: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]

    def begin(self, run: Callable[..., None], *arguments: object) -> None:
        """Run something in a thread that `close` waits for."""
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def accept_all(self, serve: Callable[[socket.socket], None]) -> None:
        """Call a function with each connection; what fails in it ends that one."""
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.keep(client)
            with contextlib.suppress(OSError):
                serve(client)

    def keep(self, connected: socket.socket) -> None:
        """Close a socket with all others at the end."""
        self._opened.append(connected)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything, and wait for the threads."""
        shut_down(self._listening)
        self._listening.close()
        for one in [*self._opened]:
            shut_down(one)
        for thread in self._threads:
            thread.join(_SECONDS)
        for one in self._opened:
            one.close()


def shut_down(connected: socket.socket) -> None:
    """Let whoever reads or writes here, or at the other end, come to an end."""
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
