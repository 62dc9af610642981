"""INFO, SAVE, TIME, SHUTDOWN and their like, beside a real server's."""

import re

from tests.parity import wire
from tests.parity.harness import at, nearly, raw, same_fields, same_shape

VARIES = re.compile(rb"(cmdstat_|errorstat_|latency_percentiles_|db\d|listener\d)")
OF_ITS_OWN = {b"joblog_version", b"python_version", b"server_name"}
NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?\Z")


def fields_of(server, *sections):
    connection = server.connect()
    try:
        text = wire.parse(connection.ask("INFO", *sections)).data
    finally:
        connection.close()
    return dict(
        line.split(b":", 1) for line in text.split(b"\r\n") if line and line[:1] != b"#"
    )


def test_info_has_every_field_of_redis_with_the_same_type(running):
    ours = fields_of(running("joblog"), "everything")
    theirs = fields_of(running("redis"), "everything")

    missing = {name for name in theirs.keys() - ours.keys() if not VARIES.match(name)}
    number_for_text = {
        name
        for name in theirs.keys() & ours.keys()
        if NUMBER.match(theirs[name]) and not NUMBER.match(ours[name])
    }

    assert not missing
    assert not number_for_text


def test_info_sections_are_chosen_by_name(parity):
    parity(
        ["INFO nosuch", "INFO cluster", "INFO CLUSTER cluster", "INFO modules nosuch"],
        witness="redis",
    )


def test_info_keyspace_counts_keys_and_deadlines(parity):
    parity(
        ["SET a 1", "INFO keyspace", "SELECT 2", "SET b 1", "INFO keyspace"],
        witness="redis",
    )


def test_info_counts_calls_errors_and_clients(running):
    server = running("joblog")
    connection = server.connect()
    connection.ask("CONFIG", "RESETSTAT")
    connection.ask("GET", "k")
    connection.ask("GET", "k")
    connection.ask("LPUSH", "k")
    connection.ask("INCRBY", "k", "x")
    fields = fields_of(server, "everything")
    connection.close()

    assert fields[b"cmdstat_get"].startswith(b"calls=2,usec=")
    assert b"failed_calls=1" in fields[b"cmdstat_incrby"]
    assert fields[b"errorstat_ERR"] == b"count=2"
    assert int(fields[b"total_error_replies"]) == 2
    assert int(fields[b"connected_clients"]) >= 2  # one may not be gone yet
    assert int(fields[b"used_memory"]) > 1_000_000


def test_save_and_its_like_answer_as_in_redis(parity):
    parity(
        [
            "SET k v",
            "SAVE",
            "SAVE now",
            "BGSAVE now",
            "BGSAVE SCHEDULE now",
            "LASTSAVE",
            "LASTSAVE now",
            "BGREWRITEAOF now",
            "TIME now",
            "TIME",
        ],
        loose=lambda words, ours, theirs: (
            same_shape(words, ours, theirs)
            if words == ["TIME"]
            else nearly(5)(words, ours, theirs)
        ),
    )


def test_shutdown_refuses_bad_options(parity):
    parity(
        [
            "SHUTDOWN NOSUCH",
            "SHUTDOWN SAVE NOSAVE",
            "SHUTDOWN ABORT NOW",
            "SHUTDOWN ABORT",
            "MULTI",
            "SHUTDOWN",
            "EXEC",
        ],
        witness="redis",
    )


def test_a_changed_maxmemory_counts_at_once(parity):
    parity(
        [
            "CONFIG SET maxmemory 1",
            "SET k v",
            "GET k",
            "MULTI",
            "LPUSH k v",
            "EXEC",
            "CONFIG SET maxmemory 0",
            "SET k v",
        ]
    )


def test_what_a_browser_sends_is_cut_off_as_in_redis(parity):
    parity(
        [
            at("a", "POST", "/"),
            at("b", "host:", "here"),
            raw(b"POST / HTTP/1.1\r\nHost: here\r\n\r\nSET k v\r\n", client="c"),
            "MULTI",
            "POST",
            at("d", "GET", "k"),
        ]
    )


def test_slowlog_answers_as_in_redis(parity):
    parity(
        [
            "CONFIG SET slowlog-log-slower-than -1",
            "SLOWLOG RESET",
            "SLOWLOG LEN",
            "SLOWLOG GET",
            "SLOWLOG GET x",
            "SLOWLOG GET -2",
            "SLOWLOG GET 1 2",
            "SLOWLOG LEN x",
            "SLOWLOG NOSUCH",
            "CONFIG SET slowlog-log-slower-than 10000",
        ]
    )


def test_latency_answers_as_in_redis(parity):
    parity(
        [
            "LATENCY LATEST",
            "LATENCY HISTORY nosuch",
            "LATENCY GRAPH nosuch",
            "LATENCY RESET nosuch other",
            "LATENCY RESET",
            "LATENCY NOSUCH",
            "LATENCY HISTORY",
            "LATENCY HISTOGRAM nosuch",
        ]
    )


def test_memory_usage_answers_as_in_redis(parity):
    parity(
        [
            "SET k v",
            "MEMORY USAGE k",
            "MEMORY USAGE k SAMPLES 0",
            "MEMORY USAGE nosuch",
            "MEMORY USAGE k SAMPLES",
            "MEMORY USAGE k SAMPLES x",
            "MEMORY USAGE k SAMPLES -1",
            "MEMORY USAGE k NOSUCH 1",
            "MEMORY USAGE",
            "MEMORY PURGE",
            "MEMORY NOSUCH",
        ],
        loose=same_shape,
    )


def test_role_and_lolwut_have_the_form_of_redis(parity):
    parity(
        ["SET k v", "ROLE", "ROLE x", "INFO replication"],
        loose=same_fields("role", "connected_slaves", "master_repl_offset"),
        witness="redis",
    )
    parity(["LOLWUT"], loose=same_shape, witness="redis")
    parity(
        [
            *("LOLWUT VERSION abc", "LOLWUT version 5 x", "LOLWUT VERSION 5 1 2 x"),
            *("LOLWUT VERSION 6 1 x", "LOLWUT VERSION 9999999999999999999"),
        ],
        witness="redis",
    )
