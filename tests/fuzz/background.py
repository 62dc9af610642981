"""Hostile clients beside a test of something else, from its beginning to its end."""

from __future__ import annotations

import itertools
import secrets
import threading

from tests.fuzz import killings
from tests.fuzz.door import Door
from tests.fuzz.findings import Finding
from tests.fuzz.parsing import check_parser
from tests.fuzz.playing import make_case
from tests.support.servers import ServerProcess

THREADS = 2
CLOSED_EVERY = 300
"""So many cases later those connections are closed that were left open."""
NOT_HERE = {check_parser, killings.in_a_busy_script}
"""What is no connection; and what has all others, also of good faith, told BUSY."""


class HostileClients:
    """Plays cases, one after the other, on a server that may be killed meanwhile.

    Attributes:
        played: how many cases were played.
        findings: what was found while the server was to live.
    """

    def __init__(self, server: ServerProcess, port: int) -> None:
        """Make the clients of a server; a new seed, as with `make fuzz`."""
        self.played = 0
        self.findings: list[str] = []
        self._door = Door(server.path, port)
        self._seed = secrets.randbelow(1 << 32)
        self._numbers = itertools.count()
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Begin to play."""
        self._is_over.clear()
        self._threads = [threading.Thread(target=self._play) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def expect_a_kill(self) -> None:
        """From now on the server may die: what is found then is nothing."""
        self._is_over.set()

    def end(self) -> None:
        """Close all connections."""
        for thread in self._threads:
            thread.join()
        self._door.close_kept()

    def _play(self) -> None:
        while not self._is_over.is_set():
            case = make_case(self._seed, next(self._numbers))
            if case.play in NOT_HERE:
                continue
            try:
                case.run(self._door)
            except Finding as finding:
                if not self._is_over.is_set():
                    self.findings.append(
                        f"seed {self._seed}, case {case.number} ({case.name}): "
                        f"{finding}"
                    )
                return
            self.played += 1
            if self.played % CLOSED_EVERY == 0:
                self._door.close_kept()
