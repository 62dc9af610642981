"""Handshakes: connections that are not clients yet.

    accepted -> handshake, a step whenever the socket is ready -> a client
             -> an error, or too long: closed

A step may cost a millisecond, in which nobody else is served. So few are taken in one
turn of the loop, first come first served, or more where all take less than that; who
waits for his turn is not polled. While many wait nobody more is accepted: a flood waits
outside, and whoever is let in comes to be a client before his patience ends. A
handshake that stalls holds a file descriptor and its memory until its time is over, and
counts as a client where `maxclients` is asked.
"""

from __future__ import annotations

import ssl
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.loop import READ, WRITE, Loop, Timer
from joblog.actors.transport import close

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from joblog.actors.failures import Failures
    from joblog.app.config import Config

    Done = Callable[[ssl.SSLSocket, Any], None]

SECONDS_MAX: Final = 10.0
"""So long a handshake may take, whatever the peer sends."""


BEHIND: Final = 16
"""Where so many wait for their turn, more are not accepted."""

_TURN_SECONDS: Final = 0.001
"""So long steps go on in one turn of the loop, beyond those that the setting allows."""


class SlowHandshakeError(OSError):
    """A handshake took too long."""


class _Handshake:
    """One connection before it is a client's."""

    __slots__ = ("address", "is_queued", "timer", "tls")

    def __init__(self, tls: ssl.SSLSocket, address: Any, timer: Timer) -> None:
        self.tls = tls
        self.address = address
        self.timer = timer
        self.is_queued = False


class Handshakes:
    """All connections of a server that are not clients yet.

    Attributes:
        loop: the loop that serves them.
        seconds_max: how long each may take.
    """

    def __init__(
        self, loop: Loop, config: Config, failures: Failures, done: Done
    ) -> None:
        """Begin with none.

        Args:
            loop: the loop that serves them.
            config: the settings.
            failures: is told of those that come to nothing.
            done: takes over a connection whose handshake is done, and its address.
        """
        self.loop = loop
        self.seconds_max = SECONDS_MAX
        self._config = config
        self._failures = failures
        self._done = done
        self._all: set[_Handshake] = set()
        self._queue: deque[_Handshake] = deque()
        self._is_due = False

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all)

    @property
    def is_behind(self) -> bool:
        """Whether many wait for their turn."""
        return len(self._queue) >= BEHIND

    def begin(
        self, client: socket.socket, address: Any, context: ssl.SSLContext
    ) -> None:
        """Take over a connection that has just been accepted.

        Raises:
            OSError: it is gone already; it is closed then.
        """
        tls = context.wrap_socket(
            client, server_side=True, do_handshake_on_connect=False
        )
        # Where it is cancelled, the timer holds nothing of a client that has come.
        timer = self.loop.call_later(self.seconds_max, lambda: self._give_up(one))
        one = _Handshake(tls, address, timer)
        try:
            self.loop.watch(tls.fileno(), READ, lambda _: self._enqueue(one))
        except OSError:
            timer.cancel()
            close(tls)
            raise
        self._all.add(one)

    def _enqueue(self, one: _Handshake) -> None:
        """Let a connection have its next step when it is its turn."""
        if one.is_queued:
            return
        one.is_queued = True
        try:
            self.loop.change(one.tls.fileno(), 0)
        except OSError as error:
            self._fail(one, error)
            return
        self._queue.append(one)
        self._call()

    def _call(self) -> None:
        if not self._is_due:
            self._is_due = True
            self.loop.call_soon(self._take_steps)

    def _take_steps(self) -> None:
        self._is_due = False
        left = self._config.max_new_tls_connections_per_cycle
        until = perf_counter() + _TURN_SECONDS
        while self._queue and (left > 0 or perf_counter() < until):
            left -= 1
            one = self._queue.popleft()
            if one in self._all:
                one.is_queued = False
                self._step(one)
        if self._queue:
            self._call()

    def _step(self, one: _Handshake) -> None:
        try:
            events = _shake(one.tls)
            if events:
                self.loop.change(one.tls.fileno(), events)
                return
        except Exception as error:  # noqa: BLE001 - it costs this connection
            self._fail(one, error)
        else:
            self._forget(one)
            self._finish(one)

    def _finish(self, one: _Handshake) -> None:
        try:
            self._done(one.tls, one.address)
        except Exception as error:  # noqa: BLE001 - it costs this connection
            self._failures.note_accept(error)
            close(one.tls)

    def _give_up(self, one: _Handshake) -> None:
        """Close a connection whose time is over."""
        text = f"its TLS handshake took longer than {self.seconds_max:g} s"
        self._fail(one, SlowHandshakeError(text))

    def _fail(self, one: _Handshake, error: Exception) -> None:
        """Close a connection that came to nothing."""
        if one in self._all:
            self._forget(one)
            self._failures.note_accept(error)
            close(one.tls)

    def _forget(self, one: _Handshake) -> None:
        self._all.discard(one)
        one.timer.cancel()
        self.loop.unwatch(one.tls.fileno())

    def close(self) -> None:
        """Close all of them."""
        for one in list(self._all):
            self._forget(one)
            close(one.tls)
        self._queue.clear()


def _shake(tls: ssl.SSLSocket) -> int:
    """Take a step; return what to wait for, or 0 where it was the last."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return READ
    except ssl.SSLWantWriteError:
        return WRITE
    return 0
