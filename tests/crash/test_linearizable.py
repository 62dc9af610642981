"""Concurrent histories across kills are linearizable: single keys, EXECs, scripts.

Clients write unique values to registers, and note when they asked and when they were
answered. A write without an answer may have happened at any time since, or never. Each
register's history must then have an order in which every answer is right, and which
keeps what came before what. A register is one key, or a pair of keys that an EXEC or a
script sets and reads as one: a pair that is read unequal is no history at all.

Under `appendfsync always` the kills must not show. Promises 1 and 2.
"""

import random
import threading
import time
from typing import NamedTuple

import pytest

from tests.parity.wire import encode

pytestmark = pytest.mark.slow

CLIENTS = 5
REGISTERS = 3
ROUNDS = 4
NEVER = float("inf")
SET_PAIR = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1])"
GET_PAIR = "return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}"


class Operation(NamedTuple):
    """One operation on a register.

    Attributes:
        begin: when it was sent.
        end: when it was answered; NEVER where it was not.
        is_write: whether it sets the register.
        value: what it set, or what it read.
    """

    begin: float
    end: float
    is_write: bool
    value: bytes | None


def by_register(clients):
    """Return what was done to each register, by clients that have a `history`."""
    operations = [[] for _ in range(REGISTERS)]
    for client in clients:
        for register, operation in client.history:
            operations[register].append(operation)
    return operations


def is_linearizable(operations, initial=None):
    """Say whether some order explains all answers (Wing and Gong, with memory)."""
    known = sorted(one for one in operations if one.is_write or one.end != NEVER)
    seen = set()
    stack = [(frozenset(range(len(known))), initial)]
    while stack:
        left, value = stack.pop()
        if all(known[i].end == NEVER for i in left):
            return True
        if (left, value) in seen:
            continue
        seen.add((left, value))
        first_end = min(known[i].end for i in left)
        for i in left:
            one = known[i]
            if one.begin > first_end:
                continue  # another one had ended before it began
            if one.is_write:
                stack.append((left - {i}, one.value))
            elif one.value == value:
                stack.append((left - {i}, value))
    return False


def wrote(begin, end, value):
    return Operation(begin, end, is_write=True, value=value)


def read(begin, end, value):
    return Operation(begin, end, is_write=False, value=value)


def test_checker_tells_histories_apart():
    a, b, lost = wrote(0, 1, b"a"), wrote(2, 3, b"b"), wrote(2, NEVER, b"b")

    assert is_linearizable([a, b, read(4, 5, b"b")])
    assert not is_linearizable([a, b, read(4, 5, b"a")])
    assert is_linearizable([a, b, read(2, 5, b"a")])
    assert is_linearizable([a, lost, read(4, 5, b"a")])
    assert is_linearizable([a, lost, read(4, 5, b"b")])
    assert not is_linearizable([a, lost, read(4, 5, b"b"), read(6, 7, b"a")])


class Client:
    """Runs random operations until the server is gone, and keeps their history."""

    def __init__(self, server, number, seed):
        self._server = server
        self._number = number
        self._chance = random.Random(seed)
        self._count = 0
        self.history = []

    def run(self):
        connection = self._server.connect()
        while not connection.is_closed:
            register = self._chance.randrange(REGISTERS)
            self._count += 1
            value = b"%d-%d" % (self._number, self._count)
            is_write = self._chance.random() < 0.5
            begin = time.monotonic()
            found = self._ask(connection, register, value if is_write else None)
            end = time.monotonic()
            if found is NEVER:
                end = NEVER
            answer = value if is_write else found
            self.history.append((register, Operation(begin, end, is_write, answer)))
        connection.close()

    def _ask(self, connection, register, value):
        """Set or read a register; return what was read, NEVER without an answer."""
        if register == 0:
            words = ["SET", "r0", value] if value else ["GET", "r0"]
            replies = self._send(connection, [words])
        elif register == 1:
            keys = ("r1a", "r1b")
            inner = [["SET", key, value] if value else ["GET", key] for key in keys]
            replies = self._send(connection, [["MULTI"], *inner, ["EXEC"]])[-1:]
        else:
            script = SET_PAIR if value else GET_PAIR
            words = ["EVAL", script, "2", "r2a", "r2b", *([value] if value else [])]
            replies = self._send(connection, [words])
        if replies[-1][:1] in (b"<", b"-"):
            return NEVER
        if value:
            return None
        lines = replies[-1].split(b"\r\n")
        values = [line for line in lines if line[:1].isdigit()]
        if not values:
            return None
        assert len(set(values)) == 1, f"a pair was read unequal: {values}"
        if register:
            assert len(values) == 2, f"half of a pair was read: {values}"
        return values[0]

    @staticmethod
    def _send(connection, commands):
        connection.send(b"".join(map(encode, commands)))
        return [connection.read() for _ in commands]


@pytest.mark.parametrize("seed", [1, 2])
def test_history_across_kills_is_linearizable(start, seed):
    server = start("--appendfsync", "always")
    chance = random.Random(seed)
    clients = [Client(server, n, 100 * seed + n) for n in range(CLIENTS)]
    for _ in range(ROUNDS):
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        threads[0].join(chance.uniform(0.1, 0.3))
        server.kill()
        for thread in threads:
            thread.join()
        server.start()

    for register, operations in enumerate(by_register(clients)):
        assert len(operations) > 20
        assert is_linearizable(operations), f"register {register}"
