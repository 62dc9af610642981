"""Clients of a cluster: they find who leads, and note what they ask and are answered.

    registers   set and read, as in `tests.crash.test_linearizable`
    a counter   each INCR is answered another number
    a queue     jobs are put in, moved to a worker's list, and finished, each once

An answer that is a refusal means that nothing has happened. No answer at all means that
nobody knows.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from tests.crash.test_linearizable import (
    GET_PAIR,
    NEVER,
    REGISTERS,
    SET_PAIR,
    Operation,
)
from tests.parity.wire import Connection, encode, parse

if TYPE_CHECKING:
    from tests.crash.jepsen.cluster import Cluster, Node

REFUSALS = (
    *(b"-NOREPLICAS", b"-MASTERDOWN", b"-READONLY", b"-LOADING", b"-MISCONF"),
    *(b"-EXECABORT", b"-UNBLOCKED"),
)
THINK_SECONDS = 0.03
ENQUEUE = "redis.call('LPUSH', KEYS[1], ARGV[1]) return redis.call('INCR', KEYS[2])"


class LostError(Exception):
    """There was no answer: nobody knows what became of what was asked."""


class RefusedError(Exception):
    """It was refused: nothing has happened."""


class Client(threading.Thread):
    """A client that goes on, from leader to leader, until it is told to stop.

    Attributes:
        answered: how many answers it had.
            findings: what no server should have answered.
    """

    def __init__(self, cluster: Cluster, seed: int) -> None:
        """Ask nothing yet."""
        super().__init__(daemon=True)
        self.answered = 0
        self.findings: list[str] = []
        self.is_ending = False
        self._cluster = cluster
        self.chance = random.Random(seed)
        self._connection: Connection | None = None

    def run(self) -> None:
        """Ask until told to stop."""
        while not self.is_ending:
            time.sleep(self.chance.uniform(0, 2 * THINK_SECONDS))
            if self._connection is None or self._connection.is_closed:
                self._connect()
                continue
            try:
                self.step()
                self.answered += 1
            except (LostError, RefusedError):
                self._leave()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                self.findings.append(f"{type(self).__name__}: {error!r}")
                self._leave()
        self._leave()

    def _connect(self) -> None:
        """Look for who leads."""
        nodes: list[Node] = list(self._cluster.nodes)
        self.chance.shuffle(nodes)
        for node in nodes:
            if node.leads():
                try:
                    self._connection = node.connect()
                    self.begin()
                except (OSError, LostError, RefusedError):
                    self._leave()
                else:
                    return
        time.sleep(0.1)

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def begin(self) -> None:
        """Do what comes first on a new connection."""

    def step(self) -> None:
        """Ask once."""
        raise AssertionError

    def ask(self, *words: object) -> bytes:
        """Return an answer.

        Raises:
            LostError: there is none.
            RefusedError: it is a refusal.
        """
        return self.ask_all([words])[-1]

    def ask_all(self, commands: list[tuple[object, ...]]) -> list[bytes]:
        """Return the answers to commands that are sent at once; see `ask`."""
        connection = self._connection
        assert connection is not None
        connection.send(b"".join(map(encode, commands)))
        answers = [connection.read() for _ in commands]
        if answers[-1].startswith(b"<"):
            raise LostError
        if answers[-1].startswith(b"-"):
            if any(one[1:] in answers[-1] for one in REFUSALS):
                raise RefusedError
            raise AssertionError(answers)
        return answers

    def transact(self, commands: list[tuple[object, ...]]) -> bytes:
        """Return what EXEC answers; MULTI goes first: it may be refused alone."""
        self.ask("MULTI")
        return self.ask_all([*commands, ("EXEC",)])[-1]


class Registers(Client):
    """Sets and reads registers.

    Attributes:
        history: registers and what was done there.
    """

    def __init__(self, cluster: Cluster, seed: int) -> None:
        """Ask nothing yet."""
        super().__init__(cluster, seed)
        self.history: list[tuple[int, Operation]] = []
        self._seed = seed
        self._count = 0

    def step(self) -> None:
        """Set or read one of the registers."""
        register = self.chance.randrange(REGISTERS)
        self._count += 1
        is_write = self.chance.random() < 0.5
        value = b"%d-%d" % (self._seed, self._count) if is_write else None
        begin = time.monotonic()
        try:
            answer = self._do(register, value)
        except LostError:
            operation = Operation(begin, NEVER, is_write=is_write, value=value)
            self.history.append((register, operation))
            raise
        end = time.monotonic()
        found = value if is_write else self._value_in(register, answer)
        self.history.append((register, Operation(begin, end, is_write, found)))

    def _do(self, register: int, value: bytes | None) -> bytes:
        if register == 0:
            return self.ask("SET", "r0", value) if value else self.ask("GET", "r0")
        if register == 1:
            keys = ("r1a", "r1b")
            words = [("SET", key, value) if value else ("GET", key) for key in keys]
            return self.transact(words)
        script, values = (SET_PAIR, [value]) if value else (GET_PAIR, [])
        return self.ask("EVAL", script, "2", "r2a", "r2b", *values)

    @staticmethod
    def _value_in(register: int, answer: bytes) -> bytes | None:
        values = [line for line in answer.split(b"\r\n") if line[:1].isdigit()]
        assert len(set(values)) <= 1, f"a pair was read unequal: {values}"
        assert len(values) in {0, 2 if register else 1}, f"half a pair: {values}"
        return values[0] if values else None


class Counter(Client):
    """Counts up.

    Attributes:
        told: when it asked, when it was answered, and what.
        unsure: how often it had no answer.
    """

    def __init__(self, cluster: Cluster, seed: int) -> None:
        """Ask nothing yet."""
        super().__init__(cluster, seed)
        self.told: list[tuple[float, float, int]] = []
        self.unsure = 0

    def step(self) -> None:
        """Count up by one."""
        begin = time.monotonic()
        try:
            answer = self.ask("INCR", "counter")
        except LostError:
            self.unsure += 1
            raise
        self.told.append((begin, time.monotonic(), int(answer[1:-2])))


class Producer(Client):
    """Puts jobs into the queue.

    Attributes:
        jobs: those that were acknowledged.
        unsure: those of which nobody knows.
    """

    def __init__(self, cluster: Cluster, seed: int) -> None:
        """Ask nothing yet."""
        super().__init__(cluster, seed)
        self.jobs: set[bytes] = set()
        self.unsure: set[bytes] = set()
        self._seed = seed
        self._count = 0

    def step(self) -> None:
        """Put one in."""
        self._count += 1
        job = b"job-%d-%d" % (self._seed, self._count)
        try:
            self.ask("EVAL", ENQUEUE, "2", "queue", "made", job)
        except LostError:
            self.unsure.add(job)
            raise
        self.jobs.add(job)


class Worker(Client):
    """Moves jobs to a list of its own, and finishes them.

    Attributes:
        moved: the jobs that it was given.
        finished: those that it finished.
    """

    def __init__(self, cluster: Cluster, seed: int) -> None:
        """Ask nothing yet."""
        super().__init__(cluster, seed)
        self.moved: list[bytes] = []
        self.finished: set[bytes] = set()
        self._list = f"working:{seed}"

    def begin(self) -> None:
        """Finish what was left on the way."""
        for item in parse(self.ask("LRANGE", self._list, "0", "-1")).items:
            self._finish(item.data)

    def step(self) -> None:
        """Take one, by turns with and without waiting for it."""
        waits = self.chance.random() < 0.5
        words = ["queue", self._list, "RIGHT", "LEFT"]
        found = (
            self.ask("BLMOVE", *words, "0.2") if waits else self.ask("LMOVE", *words)
        )
        taken = parse(found)
        if getattr(taken, "data", None) is not None:
            self.moved.append(taken.data)
            self._finish(taken.data)

    def _finish(self, job: bytes) -> None:
        answer = self.transact([("LREM", self._list, "1", job), ("RPUSH", "done", job)])
        counts = [item.text for item in parse(answer).items]
        assert counts[0] == b"1", f"{job!r} was not where it was moved to"
        self.finished.add(job)


class Load:
    """All clients of a cluster."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        """Begin to ask."""
        self.registers = [Registers(cluster, 100 * seed + n) for n in range(4)]
        self.counters = [Counter(cluster, 100 * seed + 20 + n) for n in range(2)]
        self.producers = [Producer(cluster, 100 * seed + 40 + n) for n in range(2)]
        self.workers = [Worker(cluster, 100 * seed + 60 + n) for n in range(2)]
        self.clients: list[Client] = [
            *(*self.registers, *self.counters, *self.producers, *self.workers),
        ]
        for client in self.clients:
            client.start()

    @property
    def answered(self) -> int:
        """How many answers there were."""
        return sum(client.answered for client in self.clients)

    @property
    def findings(self) -> list[str]:
        """What no server should have answered."""
        return [text for client in self.clients for text in client.findings]

    def end(self) -> None:
        """Have all end."""
        for client in self.clients:
            client.is_ending = True
        for client in self.clients:
            client.join()
