"""Eviction: what goes near the limit and above it, how well it is chosen, and the log.

What is in use is reckoned from the keys here, so that nothing depends on the process.
"""

import itertools
import random
import sys

import pytest

from joblog.app.commands.server.memory import key_bytes
from joblog.app.engine import candidates
from joblog.app.engine.memory_limit import _RECORD_BYTES, _limit_ns
from joblog.app.history.recovery import Fold
from joblog.app.keyspace.digest import dataset_digest
from joblog.app.keyspace.freeing import Freeing
from joblog.storage.record import Origin, Record

GIB = 1 << 30
KEY_BYTES = key_bytes(b"key:0000", b"v")
RECORD_BYTES = _RECORD_BYTES + len(b"key:0000")
OOM = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"


@pytest.fixture
def limited(clients_with):
    """Return a function that gives clients of an engine with room for so many keys."""

    def make(policy, keys, **settings):
        names = {name.replace("_", "-"): str(value) for name, value in settings.items()}
        made = clients_with(
            {"maxmemory": str(GIB), "maxmemory-policy": policy, **names}
        )
        made.recorded = []
        engine = made.engine
        engine.context.random = random.Random(7)

        made.measure_tables = engine.memory_limit.tables
        engine.memory_limit.tables = lambda: 0

        def in_use():
            held = sum(map(len, engine.keyspace.databases))
            told = sum(entry[3] == gone for entry in engine.outbox.entries)
            used = (held - keys) * KEY_BYTES + told * RECORD_BYTES
            return GIB + used + engine.memory_limit.tables()

        gone = [0, None, {"kind": "evicted", "policy": policy}]

        engine.server.memory.read = in_use
        engine.server.memory._now_ns = lambda: in_use.calls * 10**12
        in_use.calls = 0
        engine.upkeep.look_after(20)
        return made

    return make


def fill(clients, numbers, *options):
    for number in numbers:
        end_turn(clients)
        clients.engine.server.memory.read.calls += 1  # time to look again
        clients("a", " ".join(("SET", f"key:{number:04}", "v", *options)))


def end_turn(clients):
    """Take the entries away, as whoever drives the engine does."""
    clients.recorded += clients.entries
    clients.engine.outbox.entries = []


def left(clients, index=0):
    keys = clients.engine.keyspace.databases[index].values
    return {int(key[4:]) for key in keys}


def evicted(clients):
    return clients.engine.server.statistics["evicted_keys"]


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru"])
def test_what_was_used_of_late_stays(limited, policy):
    clients = limited(policy, 600)
    fill(clients, range(600), "EX", "1000")
    clients.clock.advance(10_000)
    hot = set(range(0, 600, 2))
    for number in hot:
        clients("a", f"GET key:{number:04}")

    clients.clock.advance(10_000)
    fill(clients, range(600, 800), "EX", "1000")

    # Of 300 that were not used 200 go: hardly any that was used, and none that is new.
    assert evicted(clients) in range(195, 206)
    assert len(hot - left(clients)) <= 6
    assert len(left(clients) & set(range(600, 800))) >= 195


@pytest.mark.parametrize("policy", ["allkeys-lfu", "volatile-lfu"])
def test_what_is_used_often_stays_though_others_were_used_later(limited, policy):
    clients = limited(policy, 200)
    fill(clients, range(200), "EX", "100000")
    hot = set(range(0, 200, 2))
    for number in hot:
        clients("a", *[f"GET key:{number:04}"] * 80)
    clients.clock.advance(10_000)
    for number in set(range(200)) - hot:
        clients("a", f"GET key:{number:04}")

    fill(clients, range(200, 300), "EX", "100000")

    assert evicted(clients) in range(98, 103)
    assert len(hot - left(clients)) <= 3


def test_what_was_used_often_is_forgotten_in_time(limited):
    clients = limited("allkeys-lfu", 10)
    clients("a", "CONFIG SET lfu-log-factor 0", "SET key:0001 v", *["GET key:0001"] * 9)
    assert clients("a", "OBJECT FREQ key:0001") == b":14\r\n"

    clients.clock.advance(60_000 * 4)
    assert clients("a", "OBJECT FREQ key:0001") == b":10\r\n"
    clients.clock.advance(60_000 * 40)
    assert clients("a", "OBJECT FREQ key:0001") == b":0\r\n"
    clients("a", "CONFIG SET lfu-decay-time 0")
    assert clients("a", "OBJECT FREQ key:0001") == b":14\r\n"


def test_more_uses_are_needed_for_each_step_of_the_frequency(limited):
    clients = limited("allkeys-lfu", 10)
    clients("a", "SET key:0001 v", *["GET key:0001"] * 1000)

    frequency = int(clients("a", "OBJECT FREQ key:0001")[1:])

    assert 12 <= frequency <= 24  # Redis tells of 18 after a thousand uses


def test_any_key_may_go_by_the_random_policies(limited):
    clients = limited("allkeys-random", 500)
    fill(clients, range(500))
    for number in range(100):
        clients("a", f"GET key:{number:04}")

    fill(clients, range(500, 1000))

    kept = left(clients)
    assert evicted(clients) in range(495, 506)
    assert 20 <= len(kept & set(range(100))) <= 60
    assert 20 <= len(kept & set(range(400, 500))) <= 60


def test_first_to_expire_goes_first_by_the_ttl_policy(limited):
    clients = limited("volatile-ttl", 50)
    fill(clients, range(20))
    clients("a", "SELECT 1")
    for number in range(20, 40):
        clients("a", f"SET key:{number:04} v EX {1000 + number}")
    clients("a", "SELECT 0")
    for number in range(40, 50):
        clients("a", f"SET key:{number:04} v EX {1000 - number}")

    fill(clients, range(50, 65))

    assert left(clients) == set(range(20)) | set(range(50, 65))
    assert left(clients, 1) == set(range(24, 40)) | ({24} & left(clients, 1))


def test_only_what_may_go_is_taken_and_then_writes_are_refused(limited):
    clients = limited("volatile-lru", 20)
    fill(clients, range(10))
    fill(clients, range(10, 20), "EX", "100")

    fill(clients, range(20, 30))
    clients.engine.server.memory.read.calls += 1
    assert left(clients) >= set(range(10)) | set(range(20, 30))
    clients("a", "SET key:0030 v")
    clients.engine.server.memory.read.calls += 1

    assert clients("a", "SET key:0031 v") == OOM
    assert clients("a", "GET key:0001", "DEL key:0001") == b"$1\r\nv\r\n:1\r\n"
    clients("a", "DEL key:0002")
    assert clients("a", "SET key:0031 v") == b"+OK\r\n"


def test_each_eviction_is_a_record_with_its_reason_before_that_of_the_command(limited):
    clients = limited("allkeys-lru", 3)
    fill(clients, range(5))

    end_turn(clients)

    entries = clients.recorded
    gone = {"kind": "evicted", "policy": "allkeys-lru"}
    told = [(entry[2][0][0], entry[3]) for entry in entries]
    assert told.count((b"DEL", [0, None, gone])) == evicted(clients) > 0
    assert entries[-1][2] == [[b"SET", b"key:0004", b"v"]]
    fold = Fold()
    fold.apply(
        Record(number, 0, at_ms, db, effects, Origin(0))
        for number, (at_ms, db, effects, _) in enumerate(entries, 1)
    )
    live = clients.engine.keyspace
    assert dataset_digest(fold.keyspace) == dataset_digest(live)


def test_no_more_goes_for_what_the_records_of_that_hold_until_they_are_written(limited):
    clients = limited("allkeys-random", 500)
    fill(clients, range(500))
    memory = clients.engine.server.memory
    memory._now_ns = itertools.count(10**15, 10**12).__next__

    clients("a", *(f"SET key:{number:04} v" for number in range(500, 600)))

    assert len(left(clients)) in (500, 501)
    end_turn(clients)
    clients("a", "PING")
    assert len(left(clients)) == 500


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
def test_growth_of_a_table_lets_no_keys_go(limited, policy):
    keys = 10_922  # as many as a table of 16,384 places takes
    clients = limited(policy, keys)
    limit = clients.engine.memory_limit
    fill(clients, range(keys - 100))
    before = clients.measure_tables()
    limit.tables = lambda: clients.measure_tables() - before

    fill(clients, range(keys - 100, keys + 100))

    assert limit.tables() > 1000 * KEY_BYTES
    assert evicted(clients) in range(95, 111)
    memory = clients.engine.server.memory
    assert memory.look() - GIB >= memory.not_counted > 1000 * KEY_BYTES


def test_record_of_an_eviction_takes_what_is_reckoned(limited):
    clients = limited("allkeys-random", 1)
    fill(clients, range(2))
    clients.engine.server.memory.read.calls += 1
    clients("a", "PING")

    at_ms, _, effects, origin = entry = clients.entries[-1]

    objects = entry, effects, *effects, *effects[0][1:], origin, origin[2], at_ms
    size = sum(map(sys.getsizeof, objects)) + 8 * (len(effects[0]) + len(origin))
    assert size == pytest.approx(RECORD_BYTES, rel=0.15)


def test_no_more_than_an_eighth_of_the_limit_does_not_count(limited):
    clients = limited("allkeys-random", 1000, maxmemory_eviction_tenacity=0)
    fill(clients, range(1000))
    clients.engine.memory_limit.tables = lambda: GIB // 4

    clients.engine.server.memory.read.calls += 1
    clients("a", "PING")

    assert clients.engine.server.memory.not_counted == GIB // 8
    assert clients.engine.upkeep.evict_for(0)  # and more has to go


def test_nothing_goes_inside_of_a_transaction_or_a_script(limited):
    clients = limited("allkeys-random", 5)
    fill(clients, range(5))
    clients("a", "MULTI", *(f"SET key:00{number} v" for number in range(10, 20)))
    clients.engine.server.memory.read.calls += 1

    assert clients("a", "EXEC") == b"*10\r\n" + b"+OK\r\n" * 10
    assert evicted(clients) == 0
    clients.engine.server.memory.read.calls += 1
    clients("a", "PING")
    assert evicted(clients) >= 10


def test_what_takes_longer_than_a_command_may_wait_is_done_between_commands(limited):
    clients = limited("allkeys-random", 1000, maxmemory_eviction_tenacity=0)
    fill(clients, range(1000))
    engine = clients.engine
    read = engine.server.memory.read
    engine.server.memory.read = lambda: read() + 300 * KEY_BYTES
    engine.server.memory._due_ns = 0

    assert clients("a", "SET key:1000 v") == b"+OK\r\n"
    assert 0 < evicted(clients) < 300
    while engine.upkeep.evict_for(0):
        pass
    assert evicted(clients) >= 300


def test_large_value_on_its_way_out_counts_as_gone(limited):
    clients = limited("volatile-ttl", 5000)
    clients.engine.keyspace.freeing = Freeing(lambda: None)
    clients("a", "RPUSH key:0000 " + " ".join(["x" * 40] * 3000))
    clients("a", "EXPIRE key:0000 10", "SET key:0001 v EX 20")
    engine = clients.engine
    values = engine.keyspace.databases[0].values
    size = key_bytes(b"key:0000", values[b"key:0000"])

    def in_use():
        is_held = engine.keyspace.freeing.pending or b"key:0000" in values
        return GIB + size * bool(is_held) + len(values)

    engine.server.memory.read = in_use
    clients("a", f"CONFIG SET maxmemory {GIB + 10_000}")
    clients("a", "PING")

    assert left(clients) == {1}
    assert engine.keyspace.freeing.pending == 1


@pytest.mark.parametrize("step", [1, 3])
def test_list_of_keys_is_renewed_and_may_leave_keys_out(limited, monkeypatch, step):
    monkeypatch.setattr(candidates, "_LISTED_MAX", 500 // step)
    clients = limited("allkeys-lru", 500)
    fill(clients, range(500))
    clients.clock.advance(1000)

    fill(clients, range(500, 900))
    clients.clock.advance(1000)
    fill(clients, range(900, 1300))

    assert len(left(clients) & set(range(500))) <= 50
    assert len(left(clients) & set(range(900, 1300))) >= 380


def test_databases_that_were_flushed_or_swapped_are_no_trap(limited):
    clients = limited("allkeys-lru", 100)
    fill(clients, range(150))
    clients("a", "SWAPDB 0 1", "FLUSHDB")
    fill(clients, range(200, 300))
    clients("a", "SELECT 1", "FLUSHDB", "SELECT 0")
    fill(clients, range(300, 600))

    assert 95 <= len(left(clients)) <= 101


@pytest.mark.parametrize(
    ("tenacity", "microseconds"), [(0, 0), (5, 250), (10, 500), (11, 575), (20, 2022)]
)
def test_time_that_a_command_may_wait_goes_by_the_tenacity(tenacity, microseconds):
    assert _limit_ns(tenacity) // 1000 == microseconds
    assert _limit_ns(100) > 10**15


def test_time_above_the_limit_is_told(limited):
    clients = limited("noeviction", 3)
    fill(clients, range(6))
    excess = clients.engine.server.excess

    assert clients("a", "SET key:0009 v") == OOM
    total, current = excess.milliseconds()
    assert total >= current >= 0
    assert excess._since_ns > 0
    clients("a", *(f"DEL key:000{number}" for number in range(6)))
    clients.engine.server.memory.read.calls += 1  # time to look again
    clients("a", "PING")
    assert excess._since_ns == 0
    clients("a", "CONFIG RESETSTAT")
    assert excess.milliseconds() == (0, 0)


def test_slow_evictions_are_latency_events(limited):
    clients = limited("allkeys-random", 10, latency_monitor_threshold=1)
    steps = iter(range(0, 10**12, 3_000_000))
    clients.engine.memory_limit._now_ns = lambda: next(steps)
    fill(clients, range(12))

    latest = clients("a", "LATENCY LATEST")

    assert b"eviction-cycle" in latest
    assert b"eviction-del" in latest


# --- uses, as they are asked for -----------------------------------------------------


def test_idle_time_is_kept_from_when_somebody_asks_until_nobody_does(clients):
    uses = clients.engine.uses
    clients("a", "SET k v")
    clients.clock.advance(5000)
    assert not clients.engine.server.alarm.is_on

    assert clients("a", "OBJECT IDLETIME k") == b":0\r\n"
    clients.clock.advance(7000)
    assert clients("a", "OBJECT IDLETIME k") == b":7\r\n"
    clients("a", "GET k")
    assert clients("a", "OBJECT IDLETIME k") == b":0\r\n"
    clients.clock.advance(3_600_000)
    clients.engine.upkeep.look_after(20)
    assert uses.is_on
    clients.clock.advance(3_600_001)
    clients.engine.upkeep.look_after(20)
    clients.engine.upkeep.look_after(20)

    assert not uses.is_on
    assert not clients.engine.server.alarm.is_on
    assert not clients.engine.keyspace.databases[0].is_observed


def test_note_of_a_key_goes_where_the_key_goes(clients_with):
    clients = clients_with({"maxmemory-policy": "allkeys-lru"})
    clients("a", "SET k v", "SET other v")
    clients.clock.advance(9000)
    clients("a", "SWAPDB 0 1", "SELECT 1")

    assert clients("a", "OBJECT IDLETIME k") == b":9\r\n"
    clients("a", "DEL k", "SET k v")
    assert clients("a", "OBJECT IDLETIME k") == b":0\r\n"
    clients.clock.advance(4000)
    clients("a", "FLUSHALL", "SET k v")
    assert clients("a", "OBJECT IDLETIME k") == b":0\r\n"


def test_notes_hold_no_more_keys_than_there_are(clients_with):
    clients = clients_with({"maxmemory-policy": "allkeys-lfu"})
    for number in range(50):
        clients("a", f"RPUSH queue:{number} job", f"LPOP queue:{number}")
        clients("a", f"SET lock:{number} v PX 10")
        clients.clock.advance(100)
        clients(
            "a", f"GET lock:{number}", f"SET to:{number} v", f"RENAME to:{number} x"
        )

    assert clients.engine.uses._tables[0].keys() == {b"x"}
