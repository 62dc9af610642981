"""Eviction by a whole server: what is in use, what the log tells, who is cut off."""

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.state.allocators import find_allocators
from joblog.replay.cli import main
from tests.parity.wire import encode
from tests.support.waiting import wait_until

MIB = 1 << 20
VALUE = "x" * 1000

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists() or find_allocators() is None,
    reason="asks Linux's /proc, and glibc",
)


def info(client, section="memory"):
    lines = client.ask("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def used(client):
    return int(info(client)["used_memory"])


def counted(client):
    """Return what is in use, but for what tables have grown by above the limit."""
    memory = info(client)
    not_counted = int(memory["mem_not_counted_for_evict"])
    assert not_counted <= int(memory["maxmemory"]) // 8
    return int(memory["used_memory"]) - not_counted


def resident(server):
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def load(client, numbers, size=1000):
    """Set keys in batches; return the replies."""
    numbers, replies = list(numbers), []
    for at in range(0, len(numbers), 100):
        some = numbers[at : at + 100]
        words = (["SET", f"key:{number}", "x" * size] for number in some)
        client.send(b"".join(encode(each) for each in words))
        replies += [client.read() for _ in some]
    return replies


def test_what_is_in_use_is_near_what_the_system_says_until_it_is_freed(server):
    client = server.connect()
    empty = used(client)
    load(client, range(10_000))

    full, held = used(client), resident(server)
    assert full == pytest.approx(held, rel=0.15)
    assert full - empty == pytest.approx(10_000 * 1150, rel=0.2)

    for at in range(0, 10_000, 100):
        client.ask("DEL", *(f"key:{at + each}" for each in range(0, 100, 2)))
    halved = used(client)
    assert full - halved == pytest.approx(5_000 * 1070, rel=0.25)
    assert halved <= resident(server)
    load(client, range(0, 10_000, 2))
    assert used(client) == pytest.approx(full, rel=0.1)


def test_server_stays_below_its_limit_and_its_log_says_why_keys_went(server):
    client = server.connect()
    load(client, range(100))
    info_lines = client.ask("LOG.INFO").split(b"\r\n")
    seq = [int(line[1:]) for line in info_lines if line.startswith(b":")][1]
    limit = used(client) + 4 * MIB
    client.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", limit)

    replies = load(client, range(100, 12_000))

    assert set(replies) == {b"+OK\r\n"}
    wait_until(lambda: counted(client) < limit + 100_000)
    client.ask("CONFIG", "SET", "maxmemory", "0")
    evicted = int(info(client, "stats")["evicted_keys"])
    assert evicted > 4000
    size = client.ask("DBSIZE")
    assert int(size[1:]) == 12_000 - evicted
    # The records: one for each, by the server, and the key was there before.
    told = replay("log", server.folder, "--client", "0").splitlines()
    assert sum("evicted by allkeys-lru => DEL key:" in line for line in told) == evicted
    first = next(line for line in told if "evicted" in line).split("DEL ")[1]
    assert client.ask("EXISTS", first) == b":0\r\n"
    assert client.ask("CLIENT", "AT", f"@{seq}") == b":%d\r\n" % seq
    there = int(first[4:]) < 100
    assert client.ask("EXISTS", first) == b":%d\r\n" % there
    client.ask("CLIENT", "AT", "now")
    # A start folds the log to the same keys, and nothing goes on the way.
    digest = client.ask("DEBUG", "DIGEST")
    server.stop()
    server.start()
    again = server.connect()
    assert again.ask("DBSIZE") == size
    assert again.ask("DEBUG", "DIGEST") == digest


def replay(*words):
    result = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_writes_are_taken_again_as_soon_as_there_is_room(server):
    client = server.connect()
    load(client, range(2000))
    client.ask("CONFIG", "SET", "maxmemory", used(client) + 100_000)

    numbers = iter(range(2000, 200_000, 100))

    def is_refused():
        first = next(numbers)
        replies = load(client, range(first, first + 100))
        return replies[-1].startswith(b"-OOM command not allowed")

    wait_until(is_refused)
    for number in range(2000):
        client.ask("DEL", f"key:{number}")

    assert client.ask("SET", "k", "v") == b"+OK\r\n"


def test_limit_is_heeded_by_a_server_that_starts_with_it(start):
    server = start("--maxmemory", "1mb", "--maxmemory-policy", "allkeys-random")
    client = server.connect()

    assert client.ask("SET", "k", "v").startswith(b"-OOM command not allowed")
    assert client.ask("CONFIG", "GET", "maxmemory-policy").endswith(b"random\r\n")


@pytest.mark.parametrize("limit", ["2mb", "2%"])
def test_clients_that_hold_most_are_cut_off_but_for_those_that_may_not_be(start, limit):
    server = start("--maxmemory", "100mb")
    control = server.connect()
    control.ask("SET", "big", "x" * MIB)
    greedy, spared, modest = (socket.socket(socket.AF_UNIX) for _ in range(3))
    for client in (greedy, spared, modest):
        client.connect(server.path)
    spared.sendall(b"CLIENT NO-EVICT ON\r\n")
    assert spared.recv(100) == b"+OK\r\n"
    for client in (greedy, spared):
        client.sendall(b"GET big\r\n" * 20)
    wait_until(lambda: all(omems(control)))
    control.ask("CONFIG", "SET", "maxmemory-clients", limit)

    wait_until(lambda: int(info(control, "stats")["evicted_clients"]) >= 1)
    control.ask("CONFIG", "SET", "maxmemory-clients", "0")

    wait_until(lambda: len(omems(control)[1]) == 0)
    modest.sendall(b"PING\r\n")
    assert modest.recv(100) in (b"+PONG\r\n", b"")
    assert len(omems(control)[0]) == 1
    for client in (greedy, spared, modest):
        client.close()


def omems(control):
    """Return what waits for clients with NO-EVICT, and for each of the others."""
    spared, others = [], []
    for line in control.ask("CLIENT", "LIST").decode().splitlines():
        fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if int(fields.get("omem", 0)):
            (spared if "e" in fields["flags"] else others).append(fields["omem"])
    return spared, others
