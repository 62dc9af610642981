"""Transport: what the wire asks of a client's connection, whatever it goes over.

A plain socket is one. Another may hold bytes that it has already read (TLS, which
decrypts a record at a time): no poll tells of those, so it is asked. And its calls may
wait for the other direction: to read, something has to be written first.
"""

from __future__ import annotations

import logging
import select
import socket
from typing import TYPE_CHECKING, Any, Final, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

_HANG_UP: Final = getattr(select, "POLLRDHUP", 0)


class OtherWayError(BlockingIOError):
    """A call waits for the other direction: `recv` to write, a send to read.

    It is tried again as soon as that can be.
    """


class Transport(Protocol):
    """A connection that never blocks.

    Attributes:
        has_pending: says whether `recv` has bytes that no poll tells of; None where
            that is never so. The wire keeps it, as it does `recv`, `send`, `sendmsg`.
    """

    @property
    def has_pending(self) -> Callable[[], bool] | None:
        """What says whether bytes are pending."""

    def recv(self, size: int, /) -> bytes:
        """Return what there is, `size` bytes at the most; b"" at the end.

        Raises:
            BlockingIOError: nothing is there yet.
            OtherWayError: it has to write first.
            OSError: the connection is broken.
        """

    def send(self, data: bytes, /) -> int:
        """Send some of the bytes; return how many.

        What a call did not send, whether it returned or raised, comes again at the
        front of the next one, which may give more or less behind it.

        Raises:
            BlockingIOError: it takes none now.
            OtherWayError: it has to read first.
            OSError: the connection is broken.
        """

    def sendmsg(self, pieces: Sequence[Any], /) -> int:
        """Send some of what the pieces hold, one behind the other, as `send` does."""

    def fileno(self) -> int:
        """Return what the loop polls."""

    def has_hung_up(self) -> bool:
        """Say whether the peer has closed its side, or the connection is broken."""

    def close(self) -> None:
        """Close the connection; nothing is to be done about what goes wrong then."""


class Crossing:
    """Which way the calls of one transport wait, where it is not the usual one.

    Attributes:
        is_over: both wait the usual way again.
    """

    def __init__(self, read: int, write: int) -> None:
        """Make one; the two are the loop's events."""
        self._usual = read, write
        self._read_on, self._send_on = read, write

    @property
    def is_over(self) -> bool:
        """Whether both calls wait the usual way."""
        return (self._read_on, self._send_on) == self._usual

    def note(self, direction: int, *, is_crossed: bool) -> None:
        """Note which way a call waits, or would: reading or writing."""
        read, write = self._usual
        on = read + write - direction if is_crossed else direction
        if direction == read:
            self._read_on = on
        else:
            self._send_on = on

    def events(self, wanted: int) -> int:
        """Return what to poll for, in place of what is wanted."""
        read, write = self._usual
        events = wanted & ~(read | write)
        if wanted & read:
            events |= self._read_on
        if wanted & write:
            events |= self._send_on
        return events

    def tries(self, events: int, *, has_output: bool) -> int:
        """Return what can be tried now, by what the poll says."""
        read, write = self._usual
        tries = events & ~(read | write)
        if events & self._read_on:
            tries |= read
        if has_output and events & self._send_on:
            tries |= write
        return tries


@final
class PlainTransport:
    """A socket, with nothing between it and the wire."""

    __slots__ = ("_socket",)

    has_pending: Final = None

    def __init__(self, connected: socket.socket) -> None:
        """Take over a connected, non-blocking socket."""
        self._socket = connected

    # The socket's own methods, so that a call costs nothing more.

    @property
    def recv(self) -> Callable[[int], bytes]:
        """What reads."""
        return self._socket.recv

    @property
    def send(self) -> Callable[[bytes], int]:
        """What sends one piece."""
        return self._socket.send

    @property
    def sendmsg(self) -> Callable[[Sequence[Any]], int]:
        """What sends several."""
        return self._socket.sendmsg

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._socket.fileno()

    def has_hung_up(self) -> bool:
        """Say whether the peer has closed its side, or the connection is broken."""
        return has_hung_up(self._socket)

    def close(self) -> None:
        """Close the socket."""
        close(self._socket)


def has_hung_up(one: socket.socket) -> bool:
    """Say whether a socket's peer has closed its side, or the connection is broken.

    What the peer sent before and nobody has read yet does not hide it, except on
    systems that know no POLLRDHUP.
    """
    try:
        if _HANG_UP:
            poll = select.poll()
            poll.register(one, _HANG_UP)
            return bool(poll.poll(0))
        return not socket.socket.recv(one, 1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except (OSError, ValueError):  # the latter where it is closed
        return True


def close(one: socket.socket) -> None:
    """Close a socket; the system may say that something was wrong, it is closed then.

    Python forgets the file descriptor before it says so, and Linux has given it back:
    there is nothing to try again.
    """
    try:
        one.close()
    except OSError as error:
        logger.debug("a socket was closed with an error: %s", error)
