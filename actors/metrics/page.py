"""The page of the metrics: HTTP for one path, as little as Prometheus asks for.

It runs in the process of the metrics. A request has to come whole within five seconds,
in 8 KiB, and has one answer; eight are served at a time, and who comes then is closed.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.actors.sockets import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REQUEST_SECONDS: Final = 5.0
_REQUEST_BYTES_MAX: Final = 8192
_AT_A_TIME: Final = 8
_IDLE_MS: Final = 1000
_PARTS: Final = 3


class Request(NamedTuple):
    """What somebody asks for.

    Attributes:
        peer: the address of who asks.
        method: such as GET.
        path: without what follows a question mark.
        headers: by their names in small letters.
    """

    peer: str
    method: str
    path: str
    headers: dict[str, str]

    @property
    def is_local(self) -> bool:
        """Whether it comes from this machine, and no page from elsewhere made it.

        A browser that a foreign page has look here names that page's host.
        """
        host = self.headers.get("host", "localhost").strip().lower()
        name = host[1:].partition("]")[0] if host[:1] == "[" else host.split(":")[0]
        return is_loopback(self.peer) and (name == "localhost" or is_loopback(name))


class Response(NamedTuple):
    """What is answered."""

    status: str
    kind: str
    body: bytes


def plain(status: str, text: str) -> Response:
    """Return an answer that is a line of text."""
    return Response(status, "text/plain; charset=utf-8", f"{text}\n".encode())


def serve(
    fds: Sequence[int],
    respond: Callable[[Request], Response],
    meanwhile: Callable[[], bool],
) -> None:
    """Serve until standard input closes.

    Args:
        fds: listening sockets.
        respond: answers a request; no two at a time.
        meanwhile: called now and then between requests; whether it has more to do.
    """
    sockets = {fd: socket.socket(fileno=fd) for fd in fds}
    poll = select.poll()
    poll.register(0, 0)  # tells that it was closed, and no more
    for fd in fds:
        poll.register(fd, select.POLLIN)
    lock, room = threading.Lock(), threading.BoundedSemaphore(_AT_A_TIME)

    def answer(client: socket.socket, peer: str) -> None:
        try:
            with contextlib.suppress(OSError), client:
                _answer(client, peer, respond, lock)
        finally:
            room.release()

    is_busy = False
    while True:
        events = poll.poll(0 if is_busy else _IDLE_MS)
        if any(fd == 0 for fd, _ in events):
            return
        for fd, _ in events:
            with contextlib.suppress(OSError):
                client, address = sockets[fd].accept()
                if room.acquire(blocking=False):
                    words = (client, address[0])
                    threading.Thread(target=answer, args=words, daemon=True).start()
                else:
                    client.close()
        with lock:
            is_busy = meanwhile()


def _answer(
    client: socket.socket,
    peer: str,
    respond: Callable[[Request], Response],
    lock: threading.Lock,
) -> None:
    deadline = time.monotonic() + REQUEST_SECONDS
    request = read_request(client, peer, deadline)
    if request is None:
        response = plain("400 Bad Request", "this is no request")
    elif request.method not in {"GET", "HEAD"}:
        response = plain("405 Method Not Allowed", "only GET")
    else:
        with lock:
            response = respond(request)
    status, kind, body = response
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    is_head = request is not None and request.method == "HEAD"
    client.settimeout(REQUEST_SECONDS)
    client.sendall(head.encode("latin-1") + (b"" if is_head else body))


def read_request(client: socket.socket, peer: str, deadline: float) -> Request | None:
    """Return a request; None where it does not come whole, or is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        left = deadline - time.monotonic()
        if left <= 0 or len(data) > _REQUEST_BYTES_MAX:
            return None
        client.settimeout(left)
        try:
            more = client.recv(4096)
        except TimeoutError:
            return None
        if not more:
            return None
        data += more
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != _PARTS or not words[2].startswith("HTTP/1."):
        return None
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(peer, words[0], words[1].partition("?")[0], headers)
