"""Eviction: which keys may go, who is refused and who is told, and uses of keys.

A limit of one byte is exceeded by whatever there is, here as there: all keys that may
go do so at once. How well a policy chooses is a question for
tests/app/engine/test_eviction.py, and what is in use one for
tests/server/test_memory_in_use.py.
"""

import pytest

from tests.parity.harness import at, nearly, receive, same_fields

POLICIES = ["lru", "lfu", "random"]
RESET = [
    "CONFIG SET maxmemory 0 maxmemory-policy noeviction",
    "CONFIG SET lfu-log-factor 10 lfu-decay-time 1",
]
FILL = ["SET a 1", "SET b 2 EX 1000", "RPUSH c 1 2", "HSET d f v", "EXPIRE d 2000"]


def beyond(policy, limit=1):
    return f"CONFIG SET maxmemory-policy {policy} maxmemory {limit}"


@pytest.mark.parametrize(
    "policy", [*(f"allkeys-{each}" for each in POLICIES), "noeviction"]
)
def test_writes_are_refused_once_no_key_is_left_that_may_go(parity, policy):
    parity(
        [
            *FILL,
            "CONFIG RESETSTAT",
            beyond(policy),
            "DBSIZE",
            "SET e 1",
            "GET a",
            "DEL a",
            "INFO stats",
            *RESET,
            "SET e 1",
            "KEYS *",
        ],
        loose=same_fields("evicted_keys"),
    )


@pytest.mark.parametrize("policy", [*POLICIES, "ttl"])
def test_volatile_policy_takes_only_keys_with_a_deadline(parity, policy):
    parity(
        [
            *FILL,
            "SELECT 1",
            "SET f 1 EX 100",
            "SET g 1",
            "SELECT 0",
            "CONFIG RESETSTAT",
            beyond(f"volatile-{policy}"),
            "KEYS *",
            "APPEND a x",
            "SETEX b 10 v",
            "SELECT 1",
            "KEYS *",
            "INFO stats",
            *RESET,
            "FLUSHDB",
        ],
        loose=same_fields("evicted_keys"),
    )


@pytest.mark.parametrize("policy", ["volatile-ttl", "allkeys-lru", "noeviction"])
def test_commands_that_need_memory_are_refused_in_each_way_to_run_them(parity, policy):
    parity(
        [
            "SET a 1",
            "SET b 1",
            beyond(policy),
            *(["SET", "k", "v"], ["LPUSH", "l", "x"], ["XADD", "s", "*", "f", "v"]),
            *("INCR n", "HSET h f v", "SUBSCRIBE ch", "RESET", "PING", "LPOP l"),
            "BLPOP nosuch 0.01",
            "PUBLISH ch x",
            "SETRANGE k 0 x",
            "RENAME a c",
            "PERSIST a",
            "EXPIRE a 10",
            "GETEX a",
            *RESET,
        ],
        protocols=[3],
    )


def test_transaction_is_refused_where_memory_is_short(parity):
    parity(
        [
            "SET a 1",
            "MULTI",
            "GET a",
            "SET b 1",
            at("other", "CONFIG", "SET", "maxmemory", 1),
            "GET a",
            "SET c 1",
            "PING",
            "EXEC",
            "MULTI",
            "EXEC",
            "MULTI",
            "WATCH a",
            "DISCARD",
            at("other", "CONFIG", "SET", "maxmemory", 0),
            "MULTI",
            "GET a",
            "DEL nosuch",
            at("other", "CONFIG", "SET", "maxmemory", 1),
            "EXEC",
            at("other", "CONFIG", "SET", "maxmemory", 0),
            "MULTI",
            "SET d 1",
            at("other", "CONFIG", "SET", "maxmemory", 1),
            "EXEC",
            "MULTI",
            "RESET",
            "GET a",
            "CONFIG SET maxmemory 0",
        ],
        protocols=[2],
        witness="redis",
    )


def test_what_a_transaction_does_itself_to_the_limit_counts_behind_it(parity):
    parity(
        [
            "SET a 1",
            "MULTI",
            beyond("allkeys-random"),
            "SET b 1",
            "EXEC",
            "KEYS *",
            *RESET,
        ]
    )


@pytest.mark.parametrize("policy", ["volatile-ttl", "noeviction"])
def test_script_is_refused_at_its_first_write_that_needs_memory(parity, policy):
    parity(
        [
            "SET a 1",
            "SET b 1",
            beyond(policy),
            ["EVAL", "return redis.call('SET', 'k', 'v')", 0],
            ["EVAL", "return redis.pcall('SET', 'k', 'v').err", 0],
            ["EVAL", "return redis.call('GET', 'a')", 0],
            ["EVAL", "return redis.call('DEL', 'b')", 0],
            ["EVAL", "redis.call('DEL', 'x') return redis.call('SET', 'k', 'v')", 0],
            ["EVAL", "redis.call('GET', 'a') return redis.call('SET', 'k', 'v')", 0],
            ["EVAL", "#!lua\nreturn 1", 0],
            ["EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', 'o', 'v')", 0],
            ["EVAL", "#!lua flags=no-writes\nreturn redis.call('GET', 'o')", 0],
            "KEYS *",
            *RESET,
        ],
        witness="redis",
    )


def test_evicted_keys_are_told_to_all_who_want_to_know(parity):
    parity(
        [
            "SET a 1 EX 100",
            "CONFIG SET notify-keyspace-events KEAe",
            at("listener", "SUBSCRIBE", "__keyevent@0__:evicted", "__keyspace@0__:a"),
            at("tracker", "CLIENT", "TRACKING", "ON"),
            at("tracker", "GET", "a"),
            at("watcher", "WATCH", "a"),
            beyond("volatile-lru"),
            receive("listener", 2),
            receive("tracker"),
            at("watcher", "MULTI"),
            at("other", "CONFIG", "SET", "maxmemory", "0"),
            at("watcher", "EXEC"),
            ["CONFIG", "SET", "notify-keyspace-events", ""],
            *RESET,
        ],
        protocols=[3],
        witness="redis",
    )


# --- uses ----------------------------------------------------------------------------

TOUCHES = [
    *("GET s", "SET s v", "APPEND s x", "STRLEN s", "GETRANGE s 0 1", "EXPIRE s 100"),
    *("TOUCH s", "PERSIST s", "SETRANGE s 0 y", "DUMP s", "GETEX s"),
    *("LPUSH l a", "LRANGE l 0 -1", "LLEN l", "LPOP l", "SORT l"),
    *("HSET h f v", "HGET h f", "HGETALL h", "SADD e a", "SISMEMBER e a"),
    *("ZADD z 1 a", "ZSCORE z a", "ZRANGE z 0 -1", "XADD x * f v", "XRANGE x - +"),
    *("XLEN x", "MGET s s2", "LPUSH s a", "GETDEL none", "EXISTS s", "TTL s", "TYPE s"),
    *("OBJECT FREQ s", "MEMORY USAGE s", "SCAN 0", "KEYS *"),
    *("COPY s copy", "GET copy", "RENAME h h2", "RENAME h2 h", "MOVE e 1"),
]
KEYS = ["s", "l", "h", "e", "z", "x", "copy"]
QUIET = {"XADD", "XRANGE", "SCAN", "DUMP", "MEMORY"}


def test_frequencies_rise_with_the_same_uses(parity):
    """With a factor of 0 each use counts, so the counters are no matter of chance."""
    parity(
        [
            "CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0",
            *("SET s v", "SET s2 w", "RPUSH l a b c d", "HSET h f v", "SADD e a"),
            *("ZADD z 1 a", "XADD x 1-1 f v"),
            *(f"OBJECT FREQ {key}" for key in KEYS),
            *(
                step
                for command in TOUCHES
                for step in (command, *(f"OBJECT FREQ {key}" for key in KEYS))
            ),
            "SELECT 1",
            "OBJECT FREQ e",
            "FLUSHDB",
            "SELECT 0",
            *RESET,
        ],
        loose=lambda words, *_: words[0] in QUIET,
        witness="redis",
        digest=False,
    )


def test_frequency_goes_by_scripts_transactions_and_clients_that_touch_nothing(parity):
    parity(
        [
            "CONFIG SET maxmemory-policy volatile-lfu lfu-log-factor 0",
            "SET k v",
            ["EVAL", "redis.call('GET', 'k') return redis.call('GET', 'k')", 1, "k"],
            "OBJECT FREQ k",
            "MULTI",
            "GET k",
            "EXEC",
            "OBJECT FREQ k",
            at("quiet", "CLIENT", "NO-TOUCH", "ON"),
            at("quiet", "GET", "k"),
            "OBJECT FREQ k",
            at("quiet", "TOUCH", "k"),
            "OBJECT FREQ k",
            "DEL k",
            "SET k v",
            "OBJECT FREQ k",
            "OBJECT FREQ nosuch",
            "OBJECT IDLETIME k",
            "OBJECT IDLETIME nosuch",
            *RESET,
        ]
    )


def test_restore_brings_frequencies_and_idle_times(parity):
    payload = b"\x00\xc0\x01\x0b\x00\xd6\xdf\xfa\x5d\xed\xae\xd7\x0a"
    parity(
        [
            "SET n 1",
            ["RESTORE", "idle", 0, payload, "IDLETIME", 1000],
            "OBJECT IDLETIME idle",
            "OBJECT IDLETIME n",
            "OBJECT FREQ n",
            "CONFIG SET maxmemory-policy allkeys-lru",
            ["RESTORE", "old", 0, payload, "IDLETIME", 5000],
            ["RESTORE", "odd", 0, payload, "FREQ", 7],
            "OBJECT IDLETIME old",
            "OBJECT IDLETIME odd",
            "TOUCH old",
            "OBJECT IDLETIME old",
            "OBJECT FREQ old",
            "CONFIG SET maxmemory-policy allkeys-lfu",
            ["RESTORE", "often", 0, payload, "FREQ", 100],
            ["RESTORE", "never", 0, payload, "FREQ", 0],
            ["RESTORE", "plain", 0, payload, "IDLETIME", 9],
            ["RESTORE", "wrong", 0, payload, "FREQ", 256],
            ["RESTORE", "wrong", 0, payload, "IDLETIME", -1],
            "OBJECT FREQ often",
            "OBJECT FREQ never",
            "OBJECT FREQ plain",
            "OBJECT IDLETIME often",
            *RESET,
        ],
        loose=nearly(2),
        witness="redis",
    )


def test_settings_of_eviction_have_their_ranges(parity):
    names = ["maxmemory-samples", "lfu-log-factor", "lfu-decay-time"]
    names += ["maxmemory-eviction-tenacity"]
    values = ["-1", "0", "1", "5", "100", "101", "2147483647", "2147483648", "x", ""]
    parity(
        [
            *(
                step
                for name in names
                for value in values
                for step in (["CONFIG", "SET", name, value], ["CONFIG", "GET", name])
            ),
            *(
                f"CONFIG SET maxmemory-policy {x}"
                for x in ("allkeys-lru", "lru", "ttl")
            ),
            *(f"CONFIG SET maxmemory-clients {x}" for x in ("1g", "10%", "101%", "-1")),
            "CONFIG GET maxmemory-clients",
            "CONFIG SET maxmemory-clients 0",
            "CONFIG SET maxmemory-samples 5 maxmemory-eviction-tenacity 10",
            *RESET,
        ],
        witness="redis",
    )
