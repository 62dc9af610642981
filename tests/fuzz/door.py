"""The door to a server: connections that may end in every way in which one can."""

from __future__ import annotations

import contextlib
import errno
import itertools
import socket
import struct
import threading
import time
from random import Random

from tests.fuzz.findings import Finding
from tests.parity.wire import encode, find_end

PATIENCE_SECONDS = 60.0
"""What is not answered after this long is a finding, also on a busy machine."""

_RESET = struct.pack("ii", 1, 0)
_BUSY = b"-BUSY "


class Client:
    """One connection, of good faith or not.

    Attributes:
        address: its own, as the server knows it; empty for a Unix socket, where all
            have the same.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.settimeout(PATIENCE_SECONDS)
        self.address = ""
        if connected.family != socket.AF_UNIX:
            self.address = "{}:{}".format(*connected.getsockname())
        self._buffer = b""
        self._is_torn = False

    def send(self, data: bytes) -> bool:
        """Send bytes, also slowly; return whether the server took them all."""
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise Finding(f"the server did not read for {PATIENCE_SECONDS} s") from None
        except OSError:
            return False
        return True

    def send_what_fits(self, data: bytes) -> None:
        """Send as much as the server takes at once."""
        with contextlib.suppress(OSError):
            self._socket.send(data, socket.MSG_DONTWAIT)

    def wait_for(self, marker: bytes, seconds: float = PATIENCE_SECONDS) -> bool:
        """Read replies until one has the marker, or says that the server is busy.

        Returns:
            Whether one came; else the connection was closed, or the time is up.

        Raises:
            Finding: what came is no RESP, or an internal error.
        """
        deadline = time.monotonic() + seconds
        while True:
            while (end := self._find_end()) is not None:
                reply, self._buffer = self._buffer[:end], self._buffer[end:]
                if marker in reply or reply.startswith(_BUSY):
                    return True
            if not self._receive(deadline - time.monotonic()):
                return False

    def read_to_end(self) -> None:
        """Read until the server closes the connection.

        Raises:
            Finding: it does not, or what came is no RESP.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._receive(deadline - time.monotonic()):
            while (end := self._find_end()) is not None:
                self._buffer = self._buffer[end:]
        if time.monotonic() >= deadline:
            raise Finding(
                f"the server kept a half-closed connection for {PATIENCE_SECONDS} s"
            )

    def read_a_little(self, size: int) -> bool:
        """Read some bytes if there are any; return whether more may come.

        What comes later begins anywhere: it is not looked at.
        """
        self._is_torn = True
        self._socket.settimeout(0.01)
        try:
            return bool(self._socket.recv(size))
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)

    def ask(self, *words: object) -> bytes:
        """Send a command and return its reply; where it is BUSY, ask again.

        Raises:
            Finding: there is no reply.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.send(encode(words))
            while (end := self._find_end()) is None:
                if not self._receive(deadline - time.monotonic()):
                    raise Finding(f"{words[0]} got no reply, but {self._buffer[:80]!r}")
            reply, self._buffer = self._buffer[:end], self._buffer[end:]
            if not reply.startswith(_BUSY):
                return reply
            time.sleep(0.01)

    def _find_end(self) -> int | None:
        if self._is_torn:
            self._buffer = b""
        if not self._buffer:
            return None
        try:
            return find_end(self._buffer)
        except (AssertionError, ValueError):
            raise Finding(f"no RESP: {self._buffer[:200]!r}") from None

    def _receive(self, seconds: float) -> bool:
        self._socket.settimeout(max(seconds, 0.001))
        try:
            data = self._socket.recv(1 << 18)
        except OSError:  # a timeout is one, too
            return False
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)
        self._buffer += data
        if b"internal error" in data:
            raise Finding(f"an internal error: {data[:200]!r}")
        return bool(data)

    # --- the end ----------------------------------------------------------------------

    def close(self) -> None:
        """Close it, whatever was not read."""
        self._socket.close()

    def reset(self) -> None:
        """Close it with a reset; a Unix socket knows none but for unread replies."""
        if self.address:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def stop_reading(self) -> None:
        """Say that nothing more will be read, which a TCP peer is not told."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)


class Door:
    """Opens connections to one server, by TCP and by its Unix socket.

    Attributes:
        opened: how many were opened.
        alone: held by a behaviour of which one at a time is enough.
    """

    def __init__(self, path: str, port: int) -> None:
        """Make the door of a server on this machine."""
        self._path = path
        self._port = port
        self._kept: list[Client] = []
        self._numbers = itertools.count(1)
        self.opened = 0
        self.alone = threading.Lock()

    def open(self, random: Random | None = None) -> Client:
        """Connect by one of the two ways; the Unix socket where it is for oneself.

        Raises:
            Finding: the server does not accept.
        """
        is_tcp = random is not None and random.random() < 0.6
        self.opened = next(self._numbers)
        try:
            return Client(self._connect(is_tcp=is_tcp))
        except OSError as error:
            raise Finding(f"the server takes no connection: {error}") from error

    def _connect(self, *, is_tcp: bool) -> socket.socket:
        if is_tcp:
            try:
                return socket.create_connection(
                    ("127.0.0.1", self._port), PATIENCE_SECONDS
                )
            except OSError as error:
                # Too many that were closed a moment ago: the system has no port left.
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(PATIENCE_SECONDS)
        try:
            connected.connect(self._path)
        except OSError:
            connected.close()
            raise
        return connected

    def keep(self, client: Client) -> None:
        """Leave a connection open until the next rest."""
        self._kept.append(client)

    def close_kept(self) -> None:
        """Close all that were left open."""
        while self._kept:
            self._kept.pop().reset()
