"""LATENCY HISTOGRAM and INFO latencystats: their form, and what they count."""

import re

import pytest

from joblog.app.config import Config
from tests.parity import wire

COMMANDS = ["SET k 1", "GET k", "GET k", "DEBUG SLEEP 0.02", "CONFIG GET port", "GET"]
ASKED = ["LATENCY HISTOGRAM get set", "LATENCY HISTOGRAM config", "LATENCY HISTOGRAM"]
LEVELS_USEC = {1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16909}


@pytest.fixture(params=[2, 3])
def ask(request):
    """Return a function that runs commands on a server and returns their replies."""

    def run(server, lines):
        connection = server.connect()
        try:
            if request.param == 3:
                connection.ask("HELLO", 3)
            return [wire.parse(connection.ask(*line.split())) for line in lines]
        finally:
            connection.close()

    return run


def test_histograms_count_as_valkeys_do(ask, running):
    found = []
    for name in ("joblog", "valkey"):
        server = running(name)
        ask(server, ["CONFIG SET latency-tracking yes", "CONFIG RESETSTAT", *COMMANDS])
        found.append([calls(reply) for reply in ask(server, ASKED[:2])])
    ours, theirs = found

    assert ours[0] == theirs[0] == {b"get": b"2", b"set": b"1"}
    assert ours[1].keys() >= {b"config|get"} <= theirs[1].keys()


def calls(reply):
    """Return the calls of each command; the levels of its histogram only rise."""
    counts = {}
    for name, entry in zip(reply.items[::2], reply.items[1::2], strict=True):
        word, number, title, histogram = entry.items
        assert (word.data, title.data) == (b"calls", b"histogram_usec")
        levels = [int(level.text) for level in histogram.items[::2]]
        reached = [int(count.text) for count in histogram.items[1::2]]
        assert levels == sorted(set(levels))
        assert reached == sorted(reached)
        assert reached[-1] == int(number.text)
        assert {level for level in levels if level <= max(LEVELS_USEC)} <= LEVELS_USEC
        counts[name.data] = number.text
    return counts


@pytest.mark.parametrize("name", ["joblog", "valkey"])
def test_percentiles_have_the_form_of_valkeys(ask, running, name):
    server = running(name)
    ask(server, ["CONFIG SET latency-tracking yes", "CONFIG RESETSTAT", "GET k"])

    (reply,) = ask(server, ["INFO latencystats"])

    form = rb"latency_percentiles_usec_get:p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d"
    assert re.search(form, reply.data)


def test_without_tracking_nothing_is_kept(ask, running):
    answers = []
    for name in ("joblog", "valkey"):
        server = running(name)
        lines = ["CONFIG SET latency-tracking no", "CONFIG RESETSTAT", "GET k"]
        ask(server, lines)
        answers.append(ask(server, ["LATENCY HISTOGRAM", "LATENCY HISTOGRAM nosuch"]))

    assert answers[0] == answers[1]


@pytest.mark.parametrize("witness", ["redis", "valkey"])
def test_graphs_of_delays_look_as_redis_draws_them(parity, witness):
    def same_graph(words, ours, theirs):
        if words[1] != "GRAPH":
            return False
        shapes = [re.sub(rb"\d+", b"n", reply.data) for reply in (ours, theirs)]
        return shapes[0] == shapes[1]

    parity(
        [
            "CONFIG SET latency-monitor-threshold 50",
            "LATENCY RESET",
            "LATENCY GRAPH command",
            "DEBUG SLEEP 0.06",
            "LATENCY GRAPH command",
            "CONFIG SET latency-monitor-threshold 0",
            "LATENCY RESET command",
        ],
        witness=witness,
        loose=same_graph,
    )


def test_statistics_are_on_from_the_start_and_gone_while_they_are_off(parity):
    assert Config().latency_tracking
    parity(
        [
            "CONFIG SET latency-tracking no",
            "INFO latencystats",
            "CONFIG SET latency-tracking yes",
        ],
        witness="redis",
    )
