"""CLIENT AT and LOG.* over real sockets: the past beside the present."""

import re
import time

import pytest

import joblog.app.commands.catalogue  # noqa: F401
from joblog.app.table.table import COMMANDS
from tests.parity.wire import find_end
from tests.support.servers import start_joblog

READ_ONLY = b"-READONLY You can't write against a read only replica.\r\n"


def numbers(reply):
    """Return the integers of a flat reply."""
    return [int(line[1:]) for line in reply.split(b"\r\n") if line.startswith(b":")]


def last_seq(connection):
    return numbers(connection.ask("LOG.INFO"))[1]


def ask_all(connection, *lines):
    """Send commands in one write; return the reply to each."""
    connection.send(b"".join(line.encode() + b"\r\n" for line in lines))
    return [connection.read() for _ in lines]


def give_again(connection, tag):
    """Give a tag that was given before; return its record, and that of before."""
    reply = connection.ask("LOG.TAG", tag)
    moved = re.fullmatch(rb"\*2\r\n:([0-9]+)\r\n:([0-9]+)\r\n", reply)
    assert moved, reply
    return int(moved[1]), int(moved[2])


@pytest.fixture
def client(server):
    """Return a client of a server with a little history."""
    connection = server.connect()
    for line in ("SET a 1", "RPUSH l x y", "SET t v PX 100000"):
        connection.ask(*line.split())
    connection.seq = last_seq(connection)
    for line in ("SET a 2", "DEL l", "SELECT 1", "SET other 1", "SELECT 0"):
        connection.ask(*line.split())
    return connection


def test_connection_sees_the_moment_while_others_see_the_present(server, client):
    other = server.connect()

    reply = client.ask("CLIENT", "AT", f"@{client.seq}")
    then = ask_all(client, "GET a", "LRANGE l 0 -1", "DBSIZE")

    assert reply == b":%d\r\n" % client.seq
    assert then == [b"$1\r\n1\r\n", b"*2\r\n$1\r\nx\r\n$1\r\ny\r\n", b":3\r\n"]
    assert other.ask("GET", "a") == b"$1\r\n2\r\n"


def test_connection_comes_back_to_the_present(client):
    client.ask("CLIENT", "AT", f"@{client.seq}")

    back = client.ask("CLIENT", "AT", "now")

    assert back == b":%d\r\n" % last_seq(client)
    assert client.ask("GET", "a") == b"$1\r\n2\r\n"
    assert client.ask("SET", "a", "3") == b"+OK\r\n"


def test_tag_is_a_moment_to_look_at(client):
    client.ask("LOG.TAG", "release")
    seq, _ = give_again(client, "release")
    client.ask("SET", "a", "3")

    assert client.ask("CLIENT", "AT", "release") == b":%d\r\n" % seq
    assert client.ask("GET", "a") == b"$1\r\n2\r\n"
    assert b"nobody gave one that name" in client.ask("CLIENT", "AT", "nope")


def test_past_takes_no_writes_also_not_from_scripts_and_transactions(client):
    client.ask("CLIENT", "AT", f"@{client.seq}")

    replies = ask_all(client, "SET a 9", "MULTI", "DEL a", "EXEC", "PFADD h 1")
    script = client.ask("EVAL", "return redis.call('SET', 'a', '9')", "0")
    loaded = client.ask("FUNCTION", "FLUSH")

    assert replies[0] == replies[2] == replies[4] == READ_ONLY
    assert replies[3].startswith(b"-EXECABORT ")
    assert script.startswith(READ_ONLY[:-2])
    assert loaded == READ_ONLY
    assert client.ask("GET", "a") == b"$1\r\n1\r\n"


def test_time_stands_still_in_the_past(client):
    client.ask("CLIENT", "AT", f"@{client.seq}")

    first = ask_all(client, "TIME", "PTTL t", "TTL t")
    second = ask_all(client, "TIME", "PTTL t", "TTL t")

    assert first == second
    assert first[1:] == [b":100000\r\n", b":100\r\n"]


def test_commands_behind_a_journey_in_one_write_run_where_it_leads(client):
    seq = client.seq
    replies = ask_all(
        client,
        f"CLIENT AT @{seq}",
        "GET a",
        "CLIENT AT nonsense",
        "GET a",
        "SET a 9",
        f"CLIENT AT @{seq + 1}",
        "GET a",
        "CLIENT AT now",
        "SET a 4",
        "GET a",
    )

    assert replies[1] == replies[3] == b"$1\r\n1\r\n"
    assert replies[2].startswith(b"-ERR 'nonsense' is no moment")
    assert replies[4] == READ_ONLY
    assert replies[6] == b"$1\r\n2\r\n"
    assert replies[8:] == [b"+OK\r\n", b"$1\r\n4\r\n"]


def test_what_a_client_says_of_itself_holds_in_past_and_present(client):
    client.ask("CLIENT", "AT", f"@{client.seq + 2}")

    ask_all(client, "SELECT 1", "CLIENT SETNAME me", "HELLO 3")
    there = client.ask("CLIENT", "INFO")
    client.ask("CLIENT", "AT", "now")
    here = client.ask("CLIENT", "INFO")

    for info in (there, here):
        assert b" db=1 " in info
        assert b" name=me " in info
        assert b" resp=3 " in info


@pytest.mark.parametrize(
    "line",
    ["CONFIG SET maxmemory 1", "DEBUG SLEEP 0", "SHUTDOWN NOSAVE", "CLIENT LIST"],
)
def test_past_has_no_commands_about_the_running_server(client, line):
    client.ask("CLIENT", "AT", f"@{client.seq}")

    reply = client.ask(*line.split())

    assert reply.startswith(b"-READONLY This connection looks at the past")


def test_waiting_in_the_past_is_in_vain(client):
    client.ask("XADD", "s", "1-1", "f", "v")
    client.ask("CLIENT", "AT", f"@{last_seq(client)}")

    assert client.ask("XREAD", "BLOCK", "0", "STREAMS", "s", "$") == b"*-1\r\n"


def test_moment_that_has_not_come_is_refused(client):
    seq = last_seq(client)

    assert client.ask("CLIENT", "AT", f"@{seq + 1}") == (
        b"-ERR the log ends with seq %d\r\n" % seq
    )
    assert client.ask("GET", "a") == b"$1\r\n2\r\n"


def test_moment_may_be_a_tag_the_last_of_its_name(client):
    client.ask("LOG.TAG", "deploy")
    client.ask("SET", "a", "5")
    seq, _ = give_again(client, "deploy")
    client.ask("SET", "a", "6")

    assert client.ask("CLIENT", "AT", "deploy") == b":%d\r\n" % seq
    assert client.ask("GET", "a") == b"$1\r\n5\r\n"


def test_tag_that_nobody_gave_is_refused(client):
    reply = client.ask("CLIENT", "AT", "holiday")

    assert reply.startswith(b"-ERR 'holiday' is no moment, and nobody gave one")
    assert client.ask("GET", "a") == b"$1\r\n2\r\n"


REFUSED = b"-ERR pruned: the first moment that can be opened is @"


def wait_until_pruned(connection):
    """Write until the log has lost its beginning; return its first number."""
    deadline = time.monotonic() + 60
    while (first := numbers(connection.ask("LOG.INFO"))[0]) == 1:
        assert time.monotonic() < deadline
        lines = [b"INCR n\r\n"] * 100
        connection.send(b"".join(lines))
        for _ in lines:
            assert connection.read()[:1] == b":"
        connection.ask("WAITAOF", "1", "0", "0")
    return first


def test_moment_of_a_pruned_log_begins_with_a_snapshot(start):
    client = start(
        *("--segment-bytes-max", "4096", "--log-retention-bytes", "8192")
    ).connect()
    wait_until_pruned(client)
    reply, emptied, seq = b"", b"", 0
    while not emptied or reply != emptied:
        if emptied:  # a snapshot of later took the place of that before
            assert int(reply.removeprefix(REFUSED)) > seq
            client.ask("CLIENT", "AT", "now")
        client.ask("SET", "first", "here")
        n = client.ask("INCR", "n")
        seq = last_seq(client)
        client.ask("DEL", "n", "first")
        tagged = client.ask("LOG.TAG", "emptied")
        emptied = re.search(rb":\d+\r\n", tagged)[0]  # behind it, where it has moved
        reply = client.ask("CLIENT", "AT", f"@{seq}")
        if reply == b":%d\r\n" % seq:
            assert client.ask("GET", "n")[4:-2] == n[1:-2]
            assert client.ask("GET", "first") == b"$4\r\nhere\r\n"
            reply = client.ask("CLIENT", "AT", "emptied")

    assert client.ask("DBSIZE") == b":0\r\n"


@pytest.mark.parametrize("moment", ["@1", "@0", "2020-01-01"])
def test_moment_below_the_floor_is_refused_and_the_floor_named(start, moment):
    client = start(
        *("--segment-bytes-max", "4096", "--log-retention-bytes", "8192")
    ).connect()
    wait_until_pruned(client)

    floor = ask_floor(client, moment)
    # A snapshot that is being folded may raise the floor in between.
    while client.ask("CLIENT", "AT", f"@{floor}") != b":%d\r\n" % floor:
        before, floor = floor, ask_floor(client, moment)
        assert floor > before > 1


def ask_floor(connection, moment):
    """Ask for a moment that is pruned; return the floor that the refusal names."""
    reply = connection.ask("CLIENT", "AT", moment)
    assert reply.startswith(REFUSED)
    return int(reply.removeprefix(REFUSED))


def test_client_that_leaves_while_it_looks_at_the_past_harms_nobody(server, client):
    gone = server.connect()
    gone.ask("CLIENT", "AT", f"@{client.seq}")

    gone.close()

    assert client.ask("PING") == b"+PONG\r\n"


def test_script_without_an_end_in_the_past_is_ended(server, client):
    client.ask("CONFIG", "SET", "busy-reply-threshold", "50")
    client.ask("CLIENT", "AT", f"@{client.seq}")

    client.ask("CONFIG", "GET", "port")
    client.send(b"EVAL 'while true do end' 0\r\n")

    # The moment has settings of its own: five seconds, as long as a reply may take.
    reply = client.read()
    while reply == b"<no reply>":
        reply = client.read()
    assert reply.startswith(b"-ERR Error running script") or b"killed" in reply


def test_server_without_a_log_has_no_past(start):
    connection = start("--appendonly", "no").connect()

    for line in (
        *("CLIENT AT @1", "LOG.INFO", "LOG.READ FROM 1", "LOG.TAG here", "LOG.TAGS"),
    ):
        assert connection.ask(*line.split()) == (
            b"-ERR This server keeps no log (memory only)\r\n"
        )


def test_log_read_returns_records_and_where_to_go_on(client):
    reply = client.ask("LOG.READ", "FROM", "1", "COUNT", "3")
    next_seq, last = numbers(reply)[:2]

    assert next_seq == 4
    assert last == last_seq(client)
    assert b"$7\r\neffects\r\n*1\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n" in reply
    rest = client.ask("LOG.READ", "FROM", next_seq)
    assert numbers(rest)[:3] == [last + 1, last, 4]


def test_log_read_is_a_map_of_parts_for_each_record(client):
    client.ask("HELLO", "3")

    reply = client.ask("LOG.READ", "FROM", "2", "COUNT", "1")

    names = (b"seq", b"at-ms", b"db", b"client", b"command", b"note", b"effects")
    assert reply.count(b"%7\r\n") == 1
    assert all(b"\r\n%b\r\n" % name in reply for name in names)


def test_log_read_keeps_to_keys_like_a_glob(client):
    reply = client.ask("LOG.READ", "FROM", "1", "MATCH", "oth*")

    assert reply.count(b"effects") == 1
    assert b"other" in reply


def test_log_read_waits_for_the_next_record(server, client):
    reader = server.connect()
    seq = last_seq(client)

    reader.send(b"LOG.READ FROM %d BLOCK 0\r\n" % (seq + 1))
    client.ask("SET", "fresh", "1")
    reply = reader.read()

    assert b"fresh" in reply
    assert numbers(reply)[:2] == [seq + 2, seq + 1]


def test_log_read_gives_up_waiting(client):
    reply = client.ask("LOG.READ", "FROM", last_seq(client) + 1, "BLOCK", "20")

    assert reply == b"*-1\r\n"


def test_log_read_returns_nothing_at_the_end_where_it_does_not_wait(client):
    seq = last_seq(client)

    reply = client.ask("LOG.READ", "FROM", seq + 1)

    assert reply == b"*3\r\n:%d\r\n:%d\r\n*0\r\n" % (seq + 1, seq)


def test_log_history_has_the_records_that_changed_a_key_of_the_database(client):
    reply = client.ask("LOG.HISTORY", "a")
    elsewhere = client.ask("LOG.HISTORY", "other")

    assert reply.count(b"effects") == 2
    assert elsewhere.count(b"effects") == 0


@pytest.mark.parametrize(
    "line",
    [
        "LOG.READ TO 1",
        "LOG.READ FROM x",
        "LOG.READ FROM -1",
        "LOG.READ FROM 1 COUNT 0",
        "LOG.READ FROM 1 COUNT 99999",
        "LOG.READ FROM 1 BLOCK -1",
        "LOG.READ FROM 1 MATCH",
        "LOG.HISTORY a MATCH b",
        "LOG.TAG 7up",
        "LOG.TAG now",
    ],
)
def test_bad_options_are_refused(client, line):
    assert client.ask(*line.split()).startswith(b"-ERR ")


def test_tags_are_listed_with_record_and_time_and_where_they_moved(client):
    assert client.ask("LOG.TAGS") == b"*0\r\n"
    first = int(client.ask("LOG.TAG", "deploy")[1:-2])
    other = int(client.ask("LOG.TAG", "release")[1:-2])
    last, before = give_again(client, "deploy")
    assert before == first
    client.ask("HELLO", "3")

    reply = client.ask("LOG.TAGS")
    of_one_name = client.ask("LOG.TAGS", "match", "rel*")

    assert reply.startswith(b"*3\r\n%5\r\n$4\r\nname\r\n$6\r\ndeploy\r\n")
    moved = rb"moved-to\r\n(?:_|:([0-9]+))\r\n"
    assert re.findall(moved, reply) == [b"%d" % last, b"", b""]
    assert re.findall(rb"seq\r\n:([0-9]+)", reply) == [
        b"%d" % seq for seq in (first, other, last)
    ]
    assert len(re.findall(rb"at-ms\r\n:[0-9]{13}\r\n", reply)) == 3
    assert of_one_name.count(b"name") == 1
    assert client.ask("LOG.TAGS", "MATCH").startswith(b"-ERR syntax")
    assert client.ask("LOG.TAGS", "LIKE", "x").startswith(b"-ERR syntax")


def test_tag_that_moves_says_so_also_after_a_restart():
    with start_joblog() as server:
        client = server.connect()
        first = int(client.ask("LOG.TAG", "deploy")[1:-2])
        client.ask("SET", "a", "1")
        client.close()
        server.stop()
        server.start()
        client = server.connect()

        moved = [give_again(client, "deploy") for _ in range(2)]
        assert moved[0][1] == first
        assert moved[1][1] == moved[0][0]
        assert client.ask("LOG.TAG", "other").startswith(b":")


def test_tag_that_was_moved_is_still_reached_by_how_often(client):
    client.ask("LOG.TAG", "deploy")
    client.ask("SET", "a", "5")
    client.ask("LOG.TAG", "deploy")
    client.ask("SET", "a", "6")

    client.ask("CLIENT", "AT", "deploy~1")
    assert client.ask("GET", "a") == b"$1\r\n2\r\n"
    client.ask("CLIENT", "AT", "deploy~0")
    assert client.ask("GET", "a") == b"$1\r\n5\r\n"
    assert client.ask("CLIENT", "AT", "deploy~2") == (
        b"-ERR deploy was given 2 times: no deploy~2\r\n"
    )


def test_log_help_tells_of_every_command_of_the_log(client):
    reply = client.ask("LOG.HELP")

    lines = [line[1:] for line in reply.split(b"\r\n") if line[:1] == b"+"]
    names = [line.split()[0] for line in lines if not line.startswith(b"    ")]
    known = [name for name in COMMANDS if name.startswith(b"LOG.")]
    assert names == sorted(known)
    assert b"LOG.TAGS [MATCH <pattern>]" in lines
    assert all(len(line) <= 80 for line in lines)


def test_tag_is_a_record_that_changes_nothing(client):
    seq = int(client.ask("LOG.TAG", "before-deploy")[1:-2])

    reply = client.ask("LOG.READ", "FROM", seq)

    assert numbers(reply)[:3] == [seq + 1, seq, seq]
    assert b"before-deploy" in reply
    assert find_end(reply) == len(reply)


OF_THE_PAST = [
    *(
        "GET a",
        "GET nosuch",
        "LPUSH a x",
        "INCR",
        "NOSUCH",
        "CONFIG GET *",
        "BLPOP l 0",
    ),
    *("MULTI", "GET a", "EXEC", "EXEC", "MULTI", "INCR", "EXEC", "SUBSCRIBE c"),
    "EVAL \"for i = 1, 20000000 do end return redis.call('GET', KEYS[1])\" 1 a",
]


def traces(connection):
    """Return what the server has counted, but for the commands that tell of it."""
    lines = connection.ask("INFO", "everything").decode().split("\r\n")
    kinds = (
        "cmdstat_",
        "errorstat_",
        "latency_percentiles",
        "keyspace_",
        "total_error",
    )
    own = ("info", "slowlog", "latency|", "client")
    return [
        *(
            line
            for line in lines
            if line.startswith(kinds) and not any(word in line for word in own)
        ),
        connection.ask("SLOWLOG", "GET", "-1").count(b"EVAL"),
        connection.ask("LATENCY", "HISTOGRAM", "get", "incr", "eval"),
        connection.ask("LATENCY", "LATEST"),
    ]


def test_nothing_done_in_the_past_leaves_a_trace_in_the_present(server, client):
    watcher = server.connect()
    for line in (
        "CONFIG SET slowlog-log-slower-than 0",
        "CONFIG SET latency-monitor-threshold 100",
        "CONFIG RESETSTAT",
    ):
        watcher.ask(*line.split())
    client.ask("CLIENT", "AT", f"@{client.seq}")
    watcher.ask("LATENCY", "RESET")
    before = traces(watcher)

    ask_all(client, *OF_THE_PAST)
    assert traces(watcher) == before

    # A view that is gone refuses what is asked of it: that is no error of today.
    watcher.ask("CONFIG", "SET", "past-view-idle-seconds-max", "1")
    before = traces(watcher)
    while not client.ask("GET", "a").startswith(
        b"-ERR this view of the past has ended"
    ):
        time.sleep(1.1)
    assert traces(watcher) == before


def test_reset_brings_a_client_back_to_the_present(client):
    client.ask("CLIENT", "AT", f"@{client.seq}")

    reply = client.ask("RESET")

    assert reply == b"+RESET\r\n"
    assert client.ask("GET", "a") == b"$1\r\n2\r\n"
    assert client.ask("SET", "a", "3") == b"+OK\r\n"


@pytest.fixture
def secured():
    """Return a client that has given the password of its server."""
    with start_joblog("--requirepass", "word") as server:
        connection = server.connect()
        connection.ask("AUTH", "word")
        yield connection


def test_who_a_client_is_is_decided_in_the_present(secured):
    client = secured
    client.ask("CLIENT", "AT", "@0")

    replies = ask_all(
        client, "AUTH wrong", "HELLO 3 AUTH default wrong", "AUTH word", "DBSIZE"
    )
    client.ask("RESET")

    assert [reply[:10] for reply in replies[:2]] == [b"-WRONGPASS"] * 2
    assert replies[2:] == [b"+OK\r\n", b":0\r\n"]
    assert client.ask("DBSIZE").startswith(b"-NOAUTH")
