"""What scripts say of themselves, and what is refused to them and counted."""

import pytest

from tests.parity.harness import at, receive, same_fields, send

LIBRARY = """#!lua name=flags
redis.register_function('plain', function() return 1 end)
redis.register_function{
  function_name='oom', flags={'allow-oom'}, callback=function() return 1 end
}
redis.register_function{
  function_name='reads', flags={'no-writes'}, callback=function() return 1 end
}
"""
COUNTED = same_fields(
    *(f"cmdstat_{name}" for name in ("eval", "eval_ro", "fcall", "fcall_ro", "set")),
    *(f"errorstat_{code}" for code in ("ERR", "OOM", "EXECABORT")),
)


def evaluate(script, *, name="EVAL"):
    return [name, script, 0]


def test_script_with_a_shebang_is_refused_beyond_maxmemory_before_it_runs(parity):
    parity(
        [
            "CONFIG SET maxmemory 1",
            "CONFIG RESETSTAT",
            evaluate("#!lua\nreturn 1"),
            evaluate("#!lua flags=allow-stale\nreturn 1"),
            evaluate("#!lua flags=allow-oom\nreturn 1"),
            evaluate("#!lua flags=no-writes\nreturn 1"),
            evaluate("#!lua flags=allow-oom\nreturn redis.call('SET', 'k', 'v')"),
            evaluate("#!lua flags=nonsense\nreturn 1"),
            evaluate("return 1"),
            evaluate("return redis.call('SET', 'k', 'v')"),
            evaluate("#!lua\nreturn 1", name="EVAL_RO"),
            evaluate("#!lua flags=allow-oom\nreturn 1", name="EVAL_RO"),
            ["SCRIPT", "LOAD", "#!lua\nreturn 1"],
            "EVALSHA cb70127618f0b0be70c53cf6bfcfa54a29d9b0c0 0",
            "MULTI",
            evaluate("#!lua\nreturn 1"),
            "EXEC",
            "INFO commandstats",
            "INFO errorstats",
            "CONFIG SET maxmemory 0",
        ],
        loose=COUNTED,
        witness="redis",
    )


def test_function_is_refused_beyond_maxmemory_by_its_flags(parity):
    parity(
        [
            ["FUNCTION", "LOAD", LIBRARY],
            "CONFIG SET maxmemory 1",
            "CONFIG RESETSTAT",
            *[["FCALL", name, 0] for name in ("plain", "oom", "reads", "missing")],
            *[["FCALL_RO", name, 0] for name in ("plain", "oom", "reads")],
            "INFO commandstats",
            "CONFIG SET maxmemory 0",
        ],
        loose=COUNTED,
        witness="redis",
    )


def test_transaction_with_a_refused_script_does_not_run(parity):
    parity(
        [
            "MULTI",
            evaluate("#!lua\nreturn 1"),
            at("other", "CONFIG", "SET", "maxmemory", 1),
            "EXEC",
            "CONFIG SET maxmemory 0",
        ],
        witness="redis",
    )


WRITES = "#!lua\nreturn redis.call('SET', KEYS[1], 'v')"
READS = "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])"
CALLS = [
    ["EVAL", WRITES, 1, "k"],
    ["EVAL", READS, 1, "k"],
    ["EVAL", "return redis.call('GET', KEYS[1])", 1, "k"],
    ["EVAL", WRITES, "many"],
    ["EVAL_RO", WRITES, 1, "k"],
    ["EVAL_RO", READS, 1, "k"],
    ["EVAL_RO", "return redis.call('GET', KEYS[1])", 1, "k"],
    ["FCALL", "plain", 0],
    ["FCALL", "plain", "many"],
    ["FCALL", "reads", 0],
    ["FCALL", "missing", 0],
    ["FCALL_RO", "plain", 0],
    ["FCALL_RO", "reads", 0],
]
STATS = [f"cmdstat_{name}" for name in ("eval", "eval_ro", "fcall", "fcall_ro")]


def test_script_that_may_write_is_refused_by_a_replica_before_it_runs(parity):
    """As a write is: when it is queued too."""
    parity(
        [
            ["FUNCTION", "LOAD", LIBRARY],
            ["SCRIPT", "LOAD", WRITES],
            "REPLICAOF 127.0.0.1 1",
            "CONFIG RESETSTAT",
            *CALLS,
            *[x for call in CALLS for x in ("MULTI", call, "EXEC")],
            "INFO commandstats",
            "INFO errorstats",
            "REPLICAOF NO ONE",
            *CALLS,
        ],
        loose=same_fields(
            *STATS, *(f"errorstat_{code}" for code in ("ERR", "READONLY", "EXECABORT"))
        ),
        witness="redis",
    )


def test_script_that_only_reads_does_not_wait_for_a_pause_of_writes(parity):
    """Who waits has not been counted before the pause ends."""
    calls = [call for call in CALLS if call[2] != "many"]
    steps = [["FUNCTION", "LOAD", LIBRARY], "SET k v", "CONFIG RESETSTAT"]
    for number, call in enumerate(calls):
        steps += [
            "CLIENT PAUSE 100000 WRITE",
            send(f"single{number}", *call),
            "INFO commandstats",
            "CLIENT UNPAUSE",
            receive(f"single{number}"),
            at(f"multi{number}", "MULTI"),
            at(f"multi{number}", *call),
            "CLIENT PAUSE 100000 WRITE",
            send(f"multi{number}", "EXEC"),
            "INFO commandstats",
            "CLIENT UNPAUSE",
            receive(f"multi{number}"),
        ]
    parity(steps, loose=same_fields(*STATS, "cmdstat_exec"), witness="redis")


@pytest.mark.parametrize(
    "call",
    [
        "'GET'",
        "'MULTI'",
        "'DEBUG', 'OBJECT', 'k'",
        "'CONFIG', 'GET'",
        "'NOSUCH'",
        "'LPUSH', 'k', 'v'",
    ],
)
def test_refused_command_of_a_script_is_counted_as_rejected(parity, call):
    name = call.split(",")[0].strip("'").lower()
    names = [f"cmdstat_{name}", f"cmdstat_{name}|get", "cmdstat_eval"]
    parity(
        [
            "SET k v",
            "CONFIG RESETSTAT",
            evaluate(f"redis.pcall({call}) return 1"),
            "INFO commandstats",
        ],
        loose=same_fields(*names, "cmdstat_set"),
        witness="redis",
    )


def test_write_of_a_script_that_may_not_is_counted_as_rejected(parity):
    parity(
        [
            "CONFIG RESETSTAT",
            evaluate("redis.pcall('SET', 'k', 'v') return 1", name="EVAL_RO"),
            "INFO commandstats",
        ],
        loose=COUNTED,
        witness="redis",
    )


def test_command_with_a_wrong_number_of_words_is_counted_as_rejected(parity):
    names = ["get", "set", "config|get", "object|encoding", "exec", "multi"]
    parity(
        [
            "CONFIG RESETSTAT",
            "GET",
            "GET a b",
            "CONFIG GET",
            "OBJECT ENCODING",
            "MULTI",
            "SET k",
            "EXEC",
            "INFO commandstats",
        ],
        loose=same_fields(*(f"cmdstat_{name}" for name in names)),
        witness="redis",
    )
