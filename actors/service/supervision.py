"""What a service manager is told of the server: systemd's protocol, and upstart's.

systemd names a socket in the environment (`NOTIFY_SOCKET`), which takes lines:

    STATUS=...                   a line for `systemctl status`
    EXTEND_TIMEOUT_USEC=...      what is under way takes longer: do not end the server
    READY=1                      clients are served
    WATCHDOG=1                   the loop goes round; within WATCHDOG_USEC of the last
    STOPPING=1                   the server stops

Nothing goes wrong where nobody listens: the server is the same with a service manager
and without. Children must not take themselves for the server: the names are taken out
of the environment.

Source: sd_notify(3), sd_watchdog_enabled(3); `supervised` in redis.conf.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

logger = logging.getLogger(__name__)

_EXTENSION_USEC: Final = 30_000_000
"""Asked for at least every 10 s while a long log loads."""

_MICROSECONDS: Final = 1_000_000


class Supervisor:
    """The service manager, if there is one.

    Attributes:
        kind: `systemd`, `upstart`, or `no`: what INFO shows.
        watchdog_seconds: how often it wants a sign of life; 0 where it wants none.
    """

    def __init__(
        self, mode: str = "no", environment: MutableMapping[str, str] | None = None
    ) -> None:
        """Find out who supervises.

        Args:
            mode: the setting `supervised`; `auto` goes by the environment.
            environment: what the process was given; None for nothing.
        """
        given = {} if environment is None else environment
        address = given.pop("NOTIFY_SOCKET", "")
        job = given.pop("UPSTART_JOB", "")
        interval = given.pop("WATCHDOG_USEC", "")
        watched = given.pop("WATCHDOG_PID", "")
        self._socket: socket.socket | None = None
        self._address = ""
        self.watchdog_seconds = 0.0
        self.kind = mode
        if mode == "auto":
            self.kind = "upstart" if job else "systemd" if address else "no"
        if self.kind == "systemd":
            self._connect(address)
            if interval.isdigit() and watched in {"", str(os.getpid())}:
                self.watchdog_seconds = int(interval) / _MICROSECONDS / 2
        elif self.kind == "upstart" and not job:
            logger.warning(
                "supervised upstart: there is no UPSTART_JOB in the environment, so "
                "nobody is told that the server is ready"
            )
            self.kind = "no"

    def _connect(self, address: str) -> None:
        if not address:
            logger.warning(
                "supervised systemd: there is no NOTIFY_SOCKET in the environment, so "
                "nobody is told that the server is ready; set Type=notify in the unit, "
                "or supervised to no"
            )
            self.kind = "no"
            return
        # A name that begins with @ is in Linux's abstract namespace.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        )
        # A queue that is full must not hold up the server.
        self._socket.settimeout(0)

    @property
    def is_there(self) -> bool:
        """Whether anybody supervises."""
        return self.kind != "no"

    def tell_loading(self, status: str) -> None:
        """Say how far loading has come, and that more time is needed."""
        self._tell(f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={_EXTENSION_USEC}")

    def tell_ready(self, status: str) -> None:
        """Say that clients are served."""
        self._tell(f"STATUS={status}", "READY=1")
        if self.kind == "upstart":
            os.kill(os.getpid(), signal.SIGSTOP)

    def tell_alive(self) -> None:
        """Say that the loop goes round."""
        self._tell("WATCHDOG=1")

    def tell_stopping(self, status: str) -> None:
        """Say that the server stops, and why; what is appended is synced first."""
        self._tell(
            "STOPPING=1",
            f"STATUS={status}",
            f"EXTEND_TIMEOUT_USEC={_EXTENSION_USEC}",
        )

    def tell_failed(self, status: str) -> None:
        """Say why the server does not start, or has to end."""
        self._tell(f"STATUS={status}")

    def _tell(self, *lines: str) -> None:
        if self._socket is None:
            return
        text = "\n".join(line.replace("\n", " ") for line in lines)
        with contextlib.suppress(OSError):
            self._socket.sendto(text.encode(errors="replace"), self._address)
