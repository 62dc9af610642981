"""What INFO and SLOWLOG say of commands that wait, and of what is freed aside."""

from contextlib import closing

from tests.parity.harness import at, receive, same_fields, send
from tests.parity.wire import encode
from tests.support.waiting import wait_until

CALLS = same_fields("cmdstat_blpop", "cmdstat_xreadgroup", "cmdstat_lpush")


def same_calls(words, ours, theirs):
    """Compare statistics, and of histograms how many calls they have."""
    if words[0] != "LATENCY":
        return CALLS(words, ours, theirs)
    calls = [each.items[1].items[:2] if each.items else () for each in (ours, theirs)]
    return calls[0] == calls[1]


def test_command_that_waits_counts_as_a_call_when_it_ends(parity):
    parity(
        [
            "CONFIG SET latency-tracking yes",
            "CONFIG RESETSTAT",
            send("a", "BLPOP", "q", "0.05"),
            "INFO commandstats",
            "LATENCY HISTOGRAM blpop",
            receive("a"),
            "INFO commandstats",
            "LATENCY HISTOGRAM blpop",
            send("a", "BLPOP", "q", 0),
            "SET q wrong",
            "DEL q",
            "LPUSH q 1",
            receive("a"),
            "INFO commandstats",
            "XGROUP CREATE s g $ MKSTREAM",
            send("a", "XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">"),
            "DEL s",
            receive("a"),
            "INFO commandstats",
        ],
        loose=same_calls,
    )


def test_client_that_is_unblocked_with_an_error_has_failed(running):
    counted = []
    for server in (running("joblog"), running("redis")):
        waiting, control = server.connect(), server.connect()
        number = waiting.ask("CLIENT", "ID")[1:-2].decode()
        control.ask("CONFIG", "RESETSTAT")
        waiting.send(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n")
        while control.ask("CLIENT", "UNBLOCK", number, "ERROR") != b":1\r\n":
            continue
        assert waiting.read().startswith(b"-UNBLOCKED")
        statistics = control.ask("INFO", "commandstats", "errorstats").splitlines()
        counted.append(
            [
                line.split(b"usec_per_call")[1].split(b",", 1)[1]
                for line in statistics
                if line.startswith(b"cmdstat_blpop")
            ]
            + [line for line in statistics if line.startswith(b"errorstat_UNBLOCKED")]
        )
        waiting.close(), control.close()

    assert counted[0] == counted[1]
    assert len(counted[0]) == 2


def words_of(_, ours, theirs):
    """Compare entries of SLOWLOG by the words of the command."""
    return [entry.items[3] for entry in ours.items] == [
        entry.items[3] for entry in theirs.items
    ]


def test_slow_log_has_a_command_that_waits_when_it_has_ended(parity):
    parity(
        [
            "CONFIG SET slowlog-log-slower-than 0",
            "SLOWLOG RESET",
            send("a", "BLPOP", "q", "0.05"),
            "SLOWLOG GET",
            receive("a"),
            "SLOWLOG GET",
            send("a", "BLMOVE", "q", "r", "LEFT", "LEFT", 0),
            "LPUSH q 1",
            receive("a"),
            "SLOWLOG GET",
            "CONFIG SET slowlog-log-slower-than 10000",
        ],
        loose=words_of,
        protocols=[2],
    )


def test_slow_log_has_commands_as_they_were_given(parity):
    parity(
        [
            "CONFIG SET slowlog-log-slower-than 0",
            "SLOWLOG RESET",
            "set k v ex 100",
            "GetEx k EX 100",
            "incrbyfloat f 1.5",
            "sadd s 1 2 3",
            "spop s 10",
            "hincrbyfloat h f 1.5",
            "getset k v2",
            "geoadd g 1 1 a",
            "georadius g 1 1 10 km store g2",
            "expire k 100",
            "multi",
            "set a b",
            "exec",
            "SLOWLOG GET 100",
            "CONFIG SET slowlog-log-slower-than 10000",
        ],
        loose=lambda words, ours, theirs: (
            words[0] != "SLOWLOG" or words_of(words, ours, theirs)
        ),
        protocols=[2],
        digest=False,
    )


def test_keys_whose_removal_somebody_waits_for_are_counted(parity):
    parity(
        [
            "XGROUP CREATE s g $ MKSTREAM",
            send("a", "XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">"),
            send("b", "BLPOP", "q1", "q2", 0),
            send("c", "XREAD", "BLOCK", 0, "STREAMS", "s", "$"),
            at("d", "INFO", "clients"),
        ],
        loose=same_fields(
            "blocked_clients", "total_blocking_keys", "total_blocking_keys_on_nokey"
        ),
    )


def test_what_is_freed_aside_is_counted(parity):
    members = [f"m{number}" for number in range(1000)]
    fields = [word for member in members for word in (member, 1)]
    steps = [
        ["SADD", "set", *members],
        ["HSET", "hash", *fields],
        ["RPUSH", "list", *members[:100]],
        ["SADD", "small", *members[:100]],
        "UNLINK set list small",
        "UNLINK hash",
        "MSET a 1 b 2 c 3",
        "FLUSHALL ASYNC",
        "DEBUG SLEEP 0.1",
        "INFO memory",
    ]
    freed = same_fields("lazyfreed_objects", "lazyfree_pending_objects")
    parity(["DEBUG SLEEP 0.1", "CONFIG RESETSTAT", *steps], loose=freed)


TRAFFIC = ("total_net_input_bytes", "total_net_output_bytes", "total_error_replies")


def traffic_of(server):
    """Return what INFO counts while replies, pushes and errors go to clients."""
    control, other, broken = server.connect(), server.connect(), server.connect()
    control.ask("CONFIG", "RESETSTAT")
    other.send(encode(["BLPOP", "q", 0]))
    wait_until(lambda: b"blocked_clients:1" in control.ask("INFO", "clients"))
    control.ask("CONFIG", "RESETSTAT")
    control.ask("RPUSH", "q", "v")
    other.read()
    other.ask("SET", "k", "v" * 1_000_000)
    other.ask("GET", "k")
    other.ask("SUBSCRIBE", "c")
    control.ask("PUBLISH", "c", "text")
    other.read()
    broken.send(b"*abc\r\n")
    broken.read()
    lines = control.ask("INFO", "stats").decode().splitlines()
    control.ask("DEL", "k")
    for each in (control, other, broken):
        each.close()
    return [line for line in lines if line.startswith(TRAFFIC)]


def test_every_byte_that_comes_or_goes_is_counted(running):
    ours, theirs = (traffic_of(running(name)) for name in ("joblog", "redis"))

    assert sorted(ours) == sorted(theirs)
    assert len(ours) == len(TRAFFIC)


DENIALS = same_fields("acl_access_denied_cmd", "acl_access_denied_key")


def test_denials_are_counted_from_the_start_of_the_server(parity):
    parity(
        [
            "ACL SETUSER u on >p +get ~none",
            at("u", "AUTH", "u", "p"),
            at("u", "GET", "k"),
            at("u", "SET", "none", 1),
            "CONFIG RESETSTAT",
            at("u", "GET", "k"),
            "INFO stats",
            "ACL DELUSER u",
        ],
        loose=DENIALS,
    )


def test_waiter_that_has_no_right_any_more_is_rejected(parity):
    parity(
        [
            "ACL SETUSER u on >p +@all ~*",
            at("u", "AUTH", "u", "p"),
            "CONFIG RESETSTAT",
            send("u", "BLPOP", "q", 0),
            "ACL SETUSER u resetkeys ~none",
            "LPUSH q 1",
            receive("u"),
            "INFO commandstats",
            "DEL q",
            "ACL DELUSER u",
        ],
        loose=CALLS,
    )


def test_rates_begin_anew_with_the_statistics(running):
    for name in ("joblog", "redis"):
        with closing(running(name).connect()) as client:
            wait_until(
                lambda ask=client.ask: b"ops_per_sec:0\r" not in ask("INFO", "stats")
            )
            client.ask("CONFIG", "RESETSTAT")
            stats = client.ask("INFO", "stats")
        assert b"instantaneous_ops_per_sec:0\r" in stats, name
        assert b"instantaneous_input_kbps:0.00\r" in stats, name
