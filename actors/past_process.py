"""The process of a view of the past, as the server holds it: a child and a socket.

`joblog.actors.viewing` is what runs there, and draws the messages.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import joblog
from joblog.actors.loop import READ, WRITE
from joblog.actors.viewing import FrameReader, encode_frame
from joblog.app.state.process import resident_bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.loop import Loop

_READ_BYTES: Final = 256 * 1024
_PACKAGES: Final = Path(joblog.__file__).resolve().parent.parent


class PastProcess:
    """One child."""

    def __init__(
        self,
        loop: Loop,
        hear: Callable[[list[Any]], None],
        on_death: Callable[[], None],
        environment: dict[str, str],
    ) -> None:
        """Start the child.

        Args:
            loop: the loop that serves the socket.
            hear: takes each message of the child.
            on_death: called once, when the child has ended by itself.
            environment: the child's.

        Raises:
            OSError: it cannot be started.
        """
        self._loop = loop
        self._hear = hear
        self._on_death = on_death
        self._frames = FrameReader()
        self._unsent: deque[memoryview] = deque()
        self._is_open = True
        self._is_full = False
        self._socket, theirs = socket.socketpair()
        try:
            self._socket.settimeout(0)
            self._child: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-m", "joblog.actors.viewing"],
                cwd=_PACKAGES,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()
        loop.watch(self._socket.fileno(), READ, self._on_ready)

    def resident_bytes(self) -> int:
        """Return the memory that the process holds now, 0 where that is not known."""
        return resident_bytes_of(self._child.pid)

    def send(self, *message: Any) -> None:
        """Send a message, as soon as the child takes it."""
        if self._is_open:
            self._unsent.append(memoryview(encode_frame(*message)))
            if len(self._unsent) == 1:
                self._flush()

    def kill(self) -> None:
        """End the child at once: its memory comes back in a moment."""
        if self._is_open:
            self._close()
            self._child.kill()

    def is_reaped(self) -> bool:
        """Say whether the process is gone for good; ask until it is."""
        return self._child.poll() is not None

    def reap(self) -> None:
        """Wait until the process, which was killed, is gone."""
        self._child.wait()

    def _on_ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & ~WRITE and self._is_open:
            try:
                data = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            for message in self._frames.feed(data):
                self._hear(message)
            if not data and self._is_open:
                self._die()

    def _flush(self) -> None:
        """Send what the socket takes."""
        try:
            while self._unsent:
                sent = self._socket.send(self._unsent[0])
                if sent == len(self._unsent[0]):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = self._unsent[0][sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()  # the child has died, as its end of file will say
        if self._is_full != bool(self._unsent):
            self._is_full = not self._is_full
            events = READ | WRITE if self._is_full else READ
            self._loop.change(self._socket.fileno(), events)

    def _die(self) -> None:
        on_death = self._on_death
        self.kill()
        on_death()

    def _close(self) -> None:
        self._is_open = False
        self._unsent.clear()
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()
        self._hear = self._on_death = _nobody


def _nobody(*_: Any) -> None:
    """Take what comes too late."""
