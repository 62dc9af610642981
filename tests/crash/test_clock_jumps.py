"""The real process, whose system clock is set while it runs and while it does not.

What redis-server answers under the same jumps is what is expected, but for what waits.
Promise 11 of docs/reliability.md.
"""

import re
import time

import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from joblog.storage.verify import verify_log
from tests.crash.system_clock import system_clock
from tests.parity.wire import encode
from tests.support.servers import START_SECONDS, start_joblog, start_redis
from tests.support.waiting import wait_until

__all__ = ["system_clock"]

pytestmark = pytest.mark.slow

HOUR = 3600
DAY = 24 * HOUR
JUMPS = [
    pytest.param(lambda: -HOUR, id="back an hour"),
    pytest.param(lambda: 200, id="forward 200 s"),
    pytest.param(lambda: DAY, id="forward a day"),
    pytest.param(lambda: 3652 * DAY, id="forward ten years"),
    pytest.param(lambda: 5000 - int(time.time()), id="1970"),
]
ADD_TO_TIME = (
    "redis.call('SET', KEYS[1], 'v') "
    "return redis.call('EXPIREAT', KEYS[1], redis.call('TIME')[1] + ARGV[1])"
)
PAYLOAD = bytes.fromhex("0001760a009108ceb219388ace")
"""What DUMP of redis-server 7.0 makes of a string of one byte."""

FIRST = [
    ("SET", "ever", "v"),
    ("SET", "hours", "v", "PX", 7_200_000),
    ("SET", "soon", "v", "PX", 100_000),
    ("RPUSH", "list", "a"),
    ("PEXPIRE", "list", 100_000),
    ("XADD", "s", "1-1", "f", "v"),
    ("XGROUP", "CREATE", "s", "g", "0"),
    ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"),
]
QUESTIONS = [
    ("EXISTS", "ever", "hours", "soon", "list"),
    *(("PTTL", key) for key in ("ever", "hours", "soon", "list")),
    *(("PEXPIRETIME", key) for key in ("ever", "hours", "soon", "list")),
    ("TYPE", "list"),
    ("XPENDING", "s", "g", "-", "+", "10"),
    ("XPENDING", "s", "g", "IDLE", "150000", "-", "+", "10"),
]


@pytest.fixture
def both(system_clock):
    """Return this server and redis-server, which keep each write at once."""
    options = ("--appendonly", "yes", "--appendfsync", "always")
    with start_joblog(*options) as ours, start_redis(*options) as theirs:
        yield Both(ours, theirs)


class Both:
    """Two servers that are asked the same; call it with a command."""

    def __init__(self, ours, theirs):
        self.servers = (ours, theirs)
        self.connect()

    def connect(self):
        self.clients = [server.connect() for server in self.servers]

    def __call__(self, *words):
        """Return our reply, once theirs is the same."""
        ours, theirs = (client.ask(*words) for client in self.clients)
        assert agree(ours, theirs), (words, ours, theirs)
        return ours

    def restart(self):
        for server in self.servers:
            server.kill()
        for server in self.servers:
            server.start()
        self.connect()


def agree(ours, theirs, slack_ms=4_000):
    """Say whether replies are the same, but for times in ms that are nearly so."""
    pairs = [re.split(rb"\r\n|-", reply) for reply in (ours, theirs)]
    return len(pairs[0]) == len(pairs[1]) and all(
        one == other
        or (
            re.fullmatch(rb":?\d{2,}", one)
            and re.fullmatch(rb":?\d{2,}", other)
            and abs(int(one.lstrip(b":")) - int(other.lstrip(b":"))) <= slack_ms
        )
        for one, other in zip(*pairs, strict=True)
    )


def number(reply):
    return int(reply[1:-2])


def set_deadlines(both, now):
    """Set keys that are to live for 20 s of the wall clock, in every way there is."""
    both("SET", "exat", "v", "EXAT", now + 20)
    both("SET", "ex", "v", "EX", 20)
    both("SET", "expireat", "v")
    both("EXPIREAT", "expireat", now + 20)
    both("SET", "pexpireat", "v")
    both("PEXPIREAT", "pexpireat", (now + 20) * 1000)
    both("SET", "getex", "v")
    both("GETEX", "getex", "EXAT", now + 20)
    both("EVAL", ADD_TO_TIME, "1", "script", "20")
    both("RESTORE", "restored", 20_000, PAYLOAD)
    both("RESTORE", "absolute", (now + 20) * 1000, PAYLOAD, "ABSTTL")
    both("RESTORE", "past", (now - 20) * 1000, PAYLOAD, "ABSTTL")
    both("SET", "dead", "v")
    both("EXPIREAT", "dead", now - 20)
    keys = "exat ex expireat pexpireat getex script restored absolute"
    return keys.split()


@pytest.mark.parametrize("jump", JUMPS)
def test_deadlines_are_what_they_are_in_redis_whatever_the_clock_does(
    both, system_clock, fold_equals_live, jump
):
    for words in FIRST:
        both(*words)

    system_clock.set_to(jump())
    for words in QUESTIONS:
        both(*words)
    keys = set_deadlines(both, int(time.time()) + jump())
    for key in keys:
        assert 1_000 < number(both("PTTL", key)) <= 20_000
    assert both("EXISTS", "past", "dead") == b":0\r\n"
    both("XADD", "s", "*", "f", "v")
    both("XCLAIM", "s", "g", "d", "150000", "1-1", "JUSTID")
    both("XAUTOCLAIM", "s", "g", "d", "0", "0", "JUSTID")
    both.restart()
    for key in keys:
        both("PTTL", key)
    for words in QUESTIONS:
        both(*words)
    both("EVAL", ADD_TO_TIME, "1", "short", "2")
    assert 0 <= number(both.clients[0].ask("PTTL", "short")) <= 2_000
    wait_until(lambda: both.clients[0].ask("EXISTS", "short") == b":0\r\n")

    system_clock.set_to(0)
    for words in QUESTIONS:
        both(*words)
    for key in keys:
        both("EXISTS", key)
    fold_equals_live(both.servers[0])
    both.restart()
    for words in QUESTIONS:
        if words[0] != "XPENDING":
            # Redis takes a delivery of later than now for one of its own start.
            both(*words)
    fold_equals_live(both.servers[0])


@pytest.mark.parametrize("look", ["GET", "SCAN", "EVAL", "EXEC"])
def test_what_was_seen_expired_stays_gone_also_after_a_kill(both, system_clock, look):
    both("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    both("SET", "k", "v", "PX", 100_000)
    system_clock.set_to(200)

    if look == "GET":
        assert both("GET", "k") == b"$-1\r\n"
    elif look == "SCAN":
        assert both("SCAN", "0") == b"*2\r\n$1\r\n0\r\n*0\r\n"
    elif look == "EVAL":
        both("EVAL", "return redis.call('GET', KEYS[1])", "1", "k")
    else:
        both("MULTI")
        both("GET", "k")
        assert both("EXEC") == b"*1\r\n$-1\r\n"
    system_clock.set_to(-HOUR)
    assert both("GET", "k") == b"$-1\r\n"
    both.restart()

    assert both("GET", "k") == b"$-1\r\n"
    assert both("DBSIZE") == b":0\r\n"


def test_what_keys_did_not_list_stays_gone_also_after_a_kill(system_clock):
    """Redis would list it again; but who was told that a key is gone relies on it."""
    with start_joblog("--appendfsync", "always") as server:
        client = server.connect()
        client.ask("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        client.ask("SET", "k", "v", "PX", 100_000)
        client.ask("HSET", "h", "f", "v", "g", "v")
        client.ask("HPEXPIRE", "h", 100_000, "FIELDS", "1", "f")
        system_clock.set_to(200)
        assert client.ask("KEYS", "*") == b"*1\r\n$1\r\nh\r\n"
        assert client.ask("HLEN", "h") == b":1\r\n"

        system_clock.set_to(0)
        assert client.ask("KEYS", "*") == b"*1\r\n$1\r\nh\r\n"
        server.kill()
        server.start()

        client = server.connect()
        assert client.ask("KEYS", "*") == b"*1\r\n$1\r\nh\r\n"
        assert client.ask("HKEYS", "h") == b"*1\r\n$1\r\ng\r\n"


@pytest.mark.parametrize("jump", JUMPS)
def test_what_waits_waits_as_long_as_asked_and_nobody_is_idle_for_a_jump(
    system_clock, start, jump
):
    server = start("--timeout", "1000", "--appendfsync", "everysec")
    control, idle = server.connect(), server.connect()
    idle.ask("PING")
    waits = [
        (("BLPOP", "nothing", "1"), b"*-1\r\n"),
        (("BZPOPMIN", "nothing", "1"), b"*-1\r\n"),
        (("XREAD", "BLOCK", "1000", "STREAMS", "nothing", "$"), b"*-1\r\n"),
        (("WAIT", "1", "1000"), b":0\r\n"),
    ]
    clients = [server.connect() for _ in waits]
    for client in clients:
        client.ask("PING")

    started = time.monotonic()
    for client, (words, _) in zip(clients, waits, strict=True):
        client.send(encode(words))
    while b"\r\nblocked_clients:4\r\n" not in control.ask("INFO", "clients"):
        if time.monotonic() - started > 0.5:
            break  # a slow machine: some block later, or have waited already
    system_clock.set_to(jump())
    for client, (_, reply) in zip(clients, waits, strict=True):
        assert client.read() == reply
        assert time.monotonic() - started > 0.95
    control.ask("CLIENT", "PAUSE", "500", "WRITE")
    system_clock.set_to(0)
    started = time.monotonic()
    assert control.ask("SET", "k", "v") == b"+OK\r\n"
    assert time.monotonic() - started > 0.4

    for line in control.ask("CLIENT", "LIST").split(b"\n"):
        if found := re.search(rb" age=(-?\d+) idle=(-?\d+) ", line):
            assert all(0 <= int(seconds) < START_SECONDS for seconds in found.groups())
    assert idle.ask("PING") == b"+PONG\r\n"
    wait_until(
        lambda: b"aof_pending_bio_fsync:0\r\n" in control.ask("INFO", "persistence")
    )


def test_the_past_shows_what_lived_where_the_clock_was_set_back(system_clock, start):
    server = start("--appendfsync", "always")
    client = server.connect()
    system_clock.set_to(HOUR)
    client.ask("SET", "ahead", "v")
    system_clock.set_to(0)
    client.ask("SET", "lock", "v", "EX", "1000")
    found = re.search(rb"last_seq\r\n:(\d+)", client.ask("LOG.INFO"))
    past = server.connect()

    assert past.ask("CLIENT", "AT", b"@" + found[1]) == b":%b\r\n" % found[1]

    assert past.ask("GET", "lock") == b"$1\r\nv\r\n"
    assert 900_000 < number(past.ask("PTTL", "lock")) <= 1_000_000


@pytest.mark.parametrize("jump", JUMPS)
def test_each_jump_is_logged_and_kept_in_info(system_clock, start, jump):
    server = start()
    client = server.connect()
    wanted = jump() * 1000

    system_clock.set_to(jump())
    info = client.ask("INFO", "server")
    system_clock.set_to(0)
    after = client.ask("INFO", "server")

    def field(name, info):
        return int(re.search(rb"\r\n%b:(-?\d+)\r\n" % name, info)[1])

    assert field(b"clock_jumps", info) == 1
    assert abs(field(b"clock_last_jump_ms", info) - wanted) < 1_000
    assert field(b"clock_jumps", after) == 2
    assert abs(field(b"clock_last_jump_ms", after) + wanted) < 1_000
    assert field(b"uptime_in_seconds", after) < START_SECONDS
    way = "forward" if wanted > 0 else "back"
    assert server.output().count(f"the system clock was set {way} by") == 1


@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param([DAY, -DAY, 0], id="forward, then back"),
        pytest.param([-DAY, DAY, 0], id="back, then forward"),
    ],
)
def test_record_times_never_run_backwards_over_jumps_and_restarts(
    system_clock, start, fold_equals_live, offsets
):
    """Also where the server begins on a day that never comes again."""
    server = start("--appendfsync", "always")
    server.connect().ask("SET", "before", "v")
    for count in (1, 2):
        for offset in offsets:
            system_clock.set_to(offset)
            client = server.connect()
            assert client.ask("RPUSH", "list", offset).startswith(b":")
        server.kill()
        system_clock.set_to(offsets[count - 1])
        server.start()
        assert server.connect().ask("LLEN", "list") == b":%d\r\n" % (3 * count)
        fold_equals_live(server)
    assert server.connect().ask("RPUSH", "list", "last") == b":7\r\n"

    times = [
        record.at_ms for record in read_records(server.folder, filesystem=FileSystem())
    ]
    assert times == sorted(times)
    assert times[-1] - times[0] > 20 * HOUR * 1000
    assert verify_log(server.folder, filesystem=FileSystem()).is_sound
