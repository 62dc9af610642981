"""LOG.DIGEST and LOG.SEGMENTS: what two logs are compared by."""

import re

import pytest

from joblog.replay.undoing.live import LiveServer
from joblog.storage.digests import compute_digests
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from tests.replay.histories import History
from tests.support.pruning import prune
from tests.support.servers import start_joblog


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return a server whose log has several segments, and lacks the oldest."""
    history = History(tmp_path_factory.mktemp("log") / "data", segment_bytes_max=2000)
    session = history.connect(b"web")
    history.run(session, *(f"SET key:{number} {number}" for number in range(200)))
    history.close()
    prune(history.folder)
    with start_joblog("--dir", str(history.folder)) as running:
        running.folder = history.folder
        yield running


@pytest.fixture
def client(server):
    return server.connect()


@pytest.fixture
def live(server):
    """Return a connection that reads replies."""
    with LiveServer(f"unix://{server.path}") as opened:
        yield opened


def begins(server):
    return LogFolder(server.folder, FileSystem()).find_segments()


def test_digests_are_those_of_the_log(server, live):
    first, *_, last = begins(server)
    seqs = [last + 1, first, first + 5, 10_000_000]

    told = live.ask(b"LOG.DIGEST", *(b"%d" % seq for seq in seqs))

    found = compute_digests(server.folder, seqs, filesystem=FileSystem())
    assert told == [*(found[seq].encode() for seq in seqs[:3]), None]


def test_segments_are_listed_in_order_and_tied_to_each_other(server, live):
    first_seqs = begins(server)
    whole = live.ask(b"LOG.SEGMENTS")
    facts = [dict(zip(one[::2], one[1::2], strict=True)) for one in whole]

    assert [one[b"first-seq"] for one in facts] == first_seqs
    assert [one[b"last-seq"] + 1 for one in facts[:-1]] == first_seqs[1:]
    assert len({one[b"header-digest"] for one in facts}) == len(facts) > 3
    assert all(re.fullmatch(b"[0-9a-f]{64}", one[b"previous-digest"]) for one in facts)
    inside = first_seqs[1] + 1
    two = live.ask(b"LOG.SEGMENTS", b"FROM", b"%d" % inside, b"COUNT", b"2")
    assert two == whole[1:3]
    assert live.ask(b"LOG.SEGMENTS", b"FROM", b"10000000") == []


def test_what_is_pruned_is_refused(server, client):
    pruned = b"-ERR pruned: the log starts at seq %d\r\n" % begins(server)[0]

    assert client.ask("LOG.DIGEST", begins(server)[0], 1) == pruned
    assert client.ask("LOG.SEGMENTS", "FROM", 1) == pruned


@pytest.mark.parametrize(
    "line",
    [
        "LOG.DIGEST",
        "LOG.DIGEST x",
        "LOG.DIGEST -1",
        "LOG.DIGEST " + "9 " * 1001,
        "LOG.SEGMENTS FROM",
        "LOG.SEGMENTS TO 1",
        "LOG.SEGMENTS COUNT 0",
    ],
)
def test_bad_options_are_refused(client, line):
    assert client.ask(*line.split()).startswith(b"-ERR ")


def test_a_server_without_a_log_has_neither():
    with start_joblog("--appendonly", "no") as server:
        client = server.connect()
        for line in ("LOG.DIGEST 1", "LOG.SEGMENTS"):
            assert client.ask(*line.split()) == (
                b"-ERR This server keeps no log (memory only)\r\n"
            )
