"""What is kept of the commands that scripts call: SLOWLOG, LATENCY, commandstats."""

import re

import pytest

from tests.parity import wire

SCRIPT = (
    "redis.call('SET', KEYS[1], '1') redis.pcall('lpush', KEYS[1], 1) "
    "redis.pcall('nosuch') return redis.call('get', KEYS[1])"
)
LIBRARY = (
    "#!lua name=l\n"
    "redis.register_function('f', function() return redis.call('incr', 'c') end)"
)
CALLS = [
    ["EVAL", SCRIPT, 1, "k"],
    ["FCALL", "f", 0],
    ["MULTI"],
    ["SET", "m", 1],
    ["EVAL", "return redis.call('get', 'm')", 0],
    ["EXEC"],
    ["EVAL", "return redis.call('hset', 'h', unpack(ARGV))", 0, *range(40)],
    ["EVAL", "return redis.call('set', 'l', ARGV[1])", 0, "x" * 300],
]
NAMES = ("set", "lpush", "get", "incr", "hset", "eval", "fcall", "exec", "multi")


@pytest.fixture(params=["redis", "redis8"])
def told(request, running):
    """Return what this server and a real one keep of some scripts."""
    return [ask(running("joblog")), ask(running(request.param)), request.param]


def ask(server):
    client = server.connect()
    client.ask("FLUSHALL")
    client.ask("FUNCTION", "FLUSH")
    client.ask("FUNCTION", "LOAD", LIBRARY)
    for name, value in (("latency-tracking", "yes"), ("slowlog-log-slower-than", 0)):
        client.ask("CONFIG", "SET", name, value)
    client.ask("CONFIG", "RESETSTAT")
    client.ask("SLOWLOG", "RESET")
    for words in CALLS:
        client.ask(*words)
    client.ask("CONFIG", "SET", "slowlog-log-slower-than", -1)
    slow = wire.parse(client.ask("SLOWLOG", "GET", -1)).items
    stats = client.ask("INFO", "commandstats").decode()
    delays = client.ask("LATENCY", "HISTOGRAM", *NAMES)
    client.ask("CONFIG", "SET", "slowlog-log-slower-than", 10_000)
    client.close()
    return slow, stats, delays


def kept(slow, *, has_peers):
    """Return the words of slow commands, and whether each has an address."""
    found = []
    for entry in slow:
        _, _, _, words, address, name = entry.items
        of_client = bool(address.data) and address.data != b"?:0"
        shown = [word.data for word in words.items]
        if shown[0] not in (b"CONFIG", b"SLOWLOG"):
            found.append((shown, of_client, name.data))
    assert not has_peers or all(e.items[4].data != b"?:0" for e in slow)
    return found


def test_slow_log_has_each_command_before_its_script(told):
    ours, theirs, witness = told

    assert kept(ours[0], has_peers=True) == kept(
        theirs[0], has_peers=witness == "redis8"
    )


def test_calls_are_counted_with_the_time_that_each_took(told):
    found = []
    for _, stats, _ in told[:2]:
        rows = re.findall(
            r"cmdstat_(\w+):calls=(\d+),usec=(\d+),.*?rejected_calls=(\d+),"
            r"failed_calls=(\d+)",
            stats,
        )
        found.append({row[0]: (row[1], row[3], row[4]) for row in rows})
    times = dict(re.findall(r"cmdstat_(\w+):.*?usec_per_call=([\d.]+)", told[0][1]))

    assert {name: found[0].get(name) for name in NAMES} == {
        name: found[1].get(name) for name in NAMES
    }
    assert all(float(times[name]) > 0 for name in ("lpush", "incr", "hset"))


def test_histograms_count_them_too(told):
    ours, theirs, _ = told
    found = []
    for _, _, delays in (ours, theirs):
        reply = wire.parse(delays).items
        found.append(
            {
                name.data: entry.items[1].text
                for name, entry in zip(reply[::2], reply[1::2], strict=True)
            }
        )

    assert found[0] == found[1]
    assert found[0].keys() == {name.encode() for name in NAMES}
