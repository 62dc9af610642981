"""The `parity` fixture: one script, this server and a real one, equal bytes.

    def test_set_options_answer_as_redis_does(parity):
        parity([
            ["SET", "k", "v", "NX"],
            ["SET", "k", b"\\x00\\xff", "XX", "GET"],
            "GET k",                              # a string is split at spaces
            ["SET", "k"],                         # errors are compared as well
        ])

A script is a list of steps. It runs on an empty database of both servers, in RESP2 and
again (after HELLO 3) in RESP3; replies are compared byte for byte, then DEBUG DIGEST of
both. All differences of a script are reported at once. Words are str, bytes or numbers.

Options:

    parity(script, unordered={"HGETALL", 3})      multisets: names, or indexes of steps
    parity(script, loose=nearly(50))              `loose(words, ours, theirs)` is asked
                                                  where replies differ; see also
                                                  same_shape, same_scan, or your own:
                                                  replies are trees of wire.Line, Bulk
                                                  and Aggregate
    parity(script, known={"LOLWUT": "reason"})    a difference that the page
                                                  docs/compatibility.md lists; fails
                                                  once it is gone
    parity(script, witness="redis")               redis-server, for what Valkey changed
                                                  since Redis 7.2 (skipped without one,
                                                  never in CI)
    parity(script, witness="redis8")              Redis 8.2, for commands of its own
    parity(script, protocols=[2], digest=False)

Several clients, blocking commands and pushes; a client is whatever name you give it:

    from tests.parity.harness import at, raw, receive, send

    parity([
        send("worker", "BLPOP", "queue", 0),      # sent, surely read, not waited for
        at("producer", "RPUSH", "queue", "job"),
        receive("worker"),                        # receive("worker", 2): two replies
        raw(b'SET k "a b"\\r\\n'),                  # inline commands, broken RESP
    ])

The servers start once for each test worker and are started again if they die. After
each script `fold_equals_live` is called with our server.

Run some of it: `make parity ARGS="-k lists"`, or `pytest tests/parity/test_lists.py`.
Mark nothing: everything in this folder is marked `parity`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.harness import Parity
from tests.support import servers

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.parity)


@pytest.fixture(scope="session")
def running():
    """Return a function that gives the server of a name, started where needed."""
    starters = {
        "joblog": servers.start_joblog,
        "valkey": servers.start_valkey,
        "redis": servers.start_redis,
        "redis8": servers.start_redis8,
    }
    started = {}
    failed = {}

    def get(name):
        if name in failed:
            # It would fail again, and hypothesis would ask for it a hundred times.
            raise failed[name]
        if name in started and not started[name].is_alive:
            started.pop(name).__exit__()
        if name not in started:
            try:
                started[name] = starters[name]()
            except RuntimeError as error:
                failed[name] = error
                raise
        return started[name]

    yield get
    for server in started.values():
        server.__exit__()


@pytest.fixture
def parity(running, fold_equals_live):
    """Compare a script's replies with a real server's; see this module's docstring."""
    return Parity(lambda: running("joblog"), running, fold_equals_live)
