"""What needs no real server to be compared with."""

import gc

import pytest

from joblog.app.table.categories import CATEGORIES, categories_of
from joblog.app.table.table import COMMANDS, every_command


def test_every_command_has_categories_that_exist():
    for command in every_command():
        categories = categories_of(command)

        assert set(categories) <= set(CATEGORIES), command.name
        assert ("fast" in categories) != ("slow" in categories), command.name


CONTAINERS = sorted(
    name for name, made in COMMANDS.items() if made.subcommands and name != b"CLUSTER"
)


@pytest.mark.parametrize("name", CONTAINERS, ids=bytes.decode)
def test_help_shows_every_subcommand(name):
    subcommands = COMMANDS[name].subcommands

    lines = b"\n".join(subcommands[b"HELP"].handler(None)) + b"\n"

    for subcommand in subcommands:
        assert b"\n" + subcommand in lines


def test_telling_of_all_commands_leaves_nothing_that_only_the_collector_finds(clients):
    words = ["COMMAND DOCS", "COMMAND", "CLIENT HELP", "MEMORY PURGE"]
    clients("a", *words)
    gc.collect()
    gc.disable()
    try:
        clients("a", *words[:-1])

        assert gc.collect() == 0
    finally:
        gc.enable()


def test_slow_commands_are_kept_up_to_the_limit(clients_with):
    clients = clients_with({"slowlog-log-slower-than": "0", "slowlog-max-len": "2"})

    clients("a", "SET a 1", "SET b 2", "AUTH pw", "GET c")
    entries = list(clients.engine.server.slow_commands)

    assert [entry.argv for entry in entries] == [
        [b"GET", b"c"],
        [b"AUTH", b"(redacted)"],
    ]
    assert [entry.id for entry in entries] == [3, 2]


def test_monitors_see_commands_of_others_and_never_passwords(clients):
    assert clients("monitor", "MONITOR") == b"+OK\r\n"
    clients("a", "SET k v", "AUTH pw", "CONFIG GET port", "PING")

    lines = [data.split(b"] ")[1] for _, data in clients.engine.outbox.pushes]

    assert lines == [
        b'"SET" "k" "v"\r\n',
        b'"AUTH" "(redacted)"\r\n',
        b'"PING"\r\n',
    ]


def test_latency_keeps_the_longest_delay_of_a_second(clients):
    server = clients.engine.server
    server.note_latency(b"command", 10, 5)
    server.note_latency(b"command", 10, 9)
    server.note_latency(b"command", 11, 3)

    assert clients("a", "LATENCY LATEST") == (
        b"*1\r\n*4\r\n$7\r\ncommand\r\n:11\r\n:3\r\n:9\r\n"
    )
    assert clients("a", "LATENCY HISTORY command") == (
        b"*2\r\n*2\r\n:10\r\n:9\r\n*2\r\n:11\r\n:3\r\n"
    )
    assert b"high 9 ms, low 3 ms" in clients("a", "LATENCY GRAPH command")
    assert clients("a", "LATENCY RESET command", "LATENCY LATEST") == b":1\r\n*0\r\n"


GRAPHS = [
    pytest.param([7], [" ", " ", " ", "_"], id="one"),
    pytest.param([7, 7], ["  ", "  ", "  ", "__"], id="all the same"),
    pytest.param([20, 1000, 20], [" # ", " | ", " | ", "_|_"], id="a spike"),
    pytest.param(range(12), [" " * 9 + "_o#", "      _o#|||", "   _o#||||||"], id="up"),
]


@pytest.mark.parametrize(("delays", "rows"), GRAPHS)
def test_a_graph_of_delays_is_drawn_as_redis_draws_it(clients, delays, rows):
    server = clients.engine.server
    now = clients.engine.context.now_ms // 1000
    for place, delay in enumerate(delays):
        server.note_latency(b"command", now - 86400 + place, delay)

    lines = clients("a", "LATENCY GRAPH command").decode().split("\n")

    columns = len(rows[0])
    assert lines[2] == "-" * 80
    assert lines[3 : 3 + len(rows)] == rows
    assert lines[7] == " " * columns
    assert lines[8:10] == ["1" + "2" * (columns - 1), "d" + "3" * (columns - 1)]


def test_a_graph_of_many_delays_is_drawn_in_two_parts(clients):
    server = clients.engine.server
    now = clients.engine.context.now_ms // 1000
    for place in range(100):
        server.note_latency(b"command", now - place, 1 + (place > 80))

    lines = clients("a", "LATENCY GRAPH command").decode().split("\n")

    assert lines[6] == "_" * 80
    assert lines[11] == ""
    assert lines[12] == " " + "#" * 19
    assert lines[15] == "_" + "|" * 19


def test_resetstat_sets_counters_back(clients):
    clients("a", "GET k", "GET", "CONFIG RESETSTAT")
    server = clients.engine.server

    assert server.commands_processed() <= 1
    assert server.statistics["total_error_replies"] == 0
    assert server.error_codes == {}
