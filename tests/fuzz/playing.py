"""Plays cases on a server from several threads, rests in between, and looks around.

A case is known by its number and the seed: the same behaviour with the same bytes each
time, though what others do at that moment is not the same.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple, Self

from joblog.storage.filesystem import FileSystem
from joblog.storage.verify import verify_log
from tests.fuzz import behaviours, killings
from tests.fuzz.door import Door
from tests.fuzz.endings import PAIRS
from tests.fuzz.findings import Finding
from tests.fuzz.parsing import check_parser
from tests.fuzz.rest import Size, clean_up, require_size, size_of
from tests.fuzz.watcher import DATABASE, Report, Watching
from tests.support.folding import FoldCheck
from tests.support.servers import ServerProcess, start_joblog

THREADS = 6
STARTS_MAX = 5
WARM_UP_SECONDS = 300.0
SETTINGS = ("--busy-reply-threshold", "50", "--proto-max-bulk-len", "8mb")
WEIGHTS = {
    behaviours.send_a_stream: 300,
    behaviours.call: 300,
    behaviours.reach_a_stage_and_end: 150,
    behaviours.lie_about_lengths: 50,
    behaviours.reset_before_accept: 30,
    behaviours.flood: 2,
    behaviours.send_slowly: 10,
    behaviours.read_slowly: 5,
    behaviours.subscribe_and_read_nothing: 5,
    behaviours.monitor_and_read_nothing: 5,
    killings.in_exec: 30,
    killings.in_blocking: 60,
    killings.in_a_busy_script: 1,
    killings.in_the_past: 3,
}
PARSER_SHARE = 0.8
"""Most cases are for the parser alone, which takes a tenth of the time for one."""


class Case(NamedTuple):
    """One case: its number, what it does, and with which chance."""

    number: int
    name: str
    random: Random
    play: Any

    def run(self, door: Door) -> None:
        """Play it.

        Raises:
            Finding: the server did what it must not do.
        """
        if self.play is check_parser:
            check_parser(self.random)
        elif isinstance(self.play, tuple):
            behaviours.play_a_pair(door, self.random, *self.play)
        else:
            self.play(door, self.random)


def make_case(seed: int, number: int) -> Case:
    """Return a case; the first are all pairs of a stage and an ending."""
    random = Random(f"{seed}/{number}")
    if number < len(PAIRS):
        stage, ending = PAIRS[number]
        return Case(number, f"{stage.name}: {ending.__name__}", random, PAIRS[number])
    if random.random() < PARSER_SHARE:
        return Case(number, "check_parser", random, check_parser)
    play = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    return Case(number, play.__name__, random, play)


class Play:
    """A server, its watcher, and the cases that are played on it.

    Attributes:
        server: the server.
        counts: how many cases of each name were played.
        findings: what was found, with the number of the case.
        sizes: the server's size at each rest.
    """

    def __init__(self, server: ServerProcess, port: int, seed: int) -> None:
        """Begin with a server that nobody has used."""
        self.server = server
        self.counts: Counter[str] = Counter()
        self.findings: list[str] = []
        self.sizes: list[Size] = []
        self._seed = seed
        self._door = Door(server.path, port)
        self._playing: dict[int, Case] = {}

    def play(self, numbers: Iterable[int], seconds: float) -> None:
        """Play cases for some seconds, or until there is no more or something found."""
        source = iter(numbers)
        lock = threading.Lock()
        deadline = time.monotonic() + seconds

        def work() -> None:
            while not self.findings and time.monotonic() < deadline:
                with lock:
                    number = next(source, None)
                if number is None:
                    return
                self._play_one(make_case(self._seed, number))

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _play_one(self, case: Case) -> None:
        mine = threading.get_ident()
        self._playing[mine] = case
        try:
            case.run(self._door)
        except Finding as finding:
            others = sorted(one.number for one in self._playing.values())
            text = f"case {case.number} ({case.name}), beside {others}: {finding}"
            if not self.server.is_alive:
                text = f"{text}\nthe server has ended:\n{self.server.output()}"
            self.findings.append(text)
        self.counts[case.name] += 1

    @property
    def connections(self) -> int:
        """How many connections were opened."""
        return self._door.opened

    def rest(self, clients: int) -> None:
        """Let all connections end, and compare the server's size with the first one's.

        Args:
            clients: how many others are connected by right.
        """
        self._door.close_kept()
        client = self._door.open()
        try:
            clean_up(client, clients)
            first = self.sizes[0] if self.sizes else size_of(self.server)
            self.sizes.append(require_size(self.server, first))
        except Finding as finding:
            numbers = sorted(one.number for one in self._playing.values())
            self.findings.append(f"at rest after {numbers}: {finding}")
        finally:
            client.close()


class Run(NamedTuple):
    """What came of a fuzz."""

    play: Play
    watched: Report | None


@contextmanager
def serving(*options: str) -> Iterator[tuple[ServerProcess, int]]:
    """Start a server on a port that the system chose; return it and the port."""
    for attempt in itertools.count(1):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            server = start_joblog("--bind", "127.0.0.1", "--port", str(port), *options)
        except RuntimeError:
            # Another may have taken the port meanwhile.
            if attempt == STARTS_MAX:
                raise
            continue
        break
    with server:
        yield server, port


def fuzz(
    seed: int, numbers: Iterable[int], seconds: float, round_seconds: float
) -> Run:
    """Play cases in rounds, each with a rest behind it, beside a watcher.

    Args:
        seed: what the cases come from, with their numbers.
        numbers: the cases.
        seconds: for how long at the most.
        round_seconds: for how long without a rest.
    """
    source = Countdown(numbers)
    ends = time.monotonic() + seconds
    with serving(*SETTINGS) as (server, port), Watching(server.path) as watching:
        play = Play(server, port, seed)
        # What is made once (pools, caches, code) is made before the first rest.
        play.play(itertools.islice(source, len(PAIRS)), WARM_UP_SECONDS)
        while not play.findings:
            play.rest(clients=1)
            left = ends - time.monotonic()
            if play.findings or left <= 0 or source.is_done:
                break
            play.play(source, min(left, round_seconds))
            if watching.has_ended:
                play.findings.append("the watcher has ended by itself")
        watched = watching.report()
        play.findings += watched.wrong
        if server.is_alive:
            play.findings += look_at_what_is_left(server, watched)
    return Run(play, watched)


class Countdown:
    """Numbers one by one.

    Attributes:
        is_done: there is none left.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = iter(numbers)
        self.is_done = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        try:
            return next(self._numbers)
        except StopIteration:
            self.is_done = True
            raise


def look_at_what_is_left(server: ServerProcess, watched: Report) -> list[str]:
    """Compare log and memory, kill the server, and look for what was acknowledged."""
    findings = []
    try:
        FoldCheck()(server)
    except AssertionError as error:
        findings.append(str(error))
    server.kill()
    report = verify_log(server.folder, filesystem=FileSystem())
    if report.damage:
        findings.append(f"the log is damaged: {report.damage[0]}")
    server.start()
    client = server.connect()
    client.ask("SELECT", DATABASE)
    for key, value in watched.acknowledged.items():
        reply = client.ask("GET", key)
        if reply != b"$%d\r\n%d\r\n" % (len(str(value)), value):
            findings.append(f"{key} was {value} and is {reply!r}")
    client.close()
    return findings
