"""`replay clients`: who was connected, as far as the log tells, and did what."""

import collections
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.app.history.notes import ClientNote, GoneNote, encode_note
from joblog.replay.cli import main
from tests.replay.histories import START_MS, History, make_deploys

DATA = Path(__file__).resolve().parent.parent / "data"
RECORDED = sorted([*DATA.glob("tours/*/data"), *DATA.glob("histories/*/data")])
SCRIPT = b"-- name: enqueue\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])"


def run(*words):
    return CliRunner().invoke(main, words, catch_exceptions=False)


def told(folder, *words):
    lines = run("clients", str(folder), *words, "--json").stdout.splitlines()
    return [json.loads(line) for line in lines]


class Connecting(History):
    """A history of a server that records who connects and goes."""

    def __init__(self, folder):
        super().__init__(folder)
        self.engine.server.config.log_connections = "named"

    def arrive(self, name, address):
        """Return the session of a client that gives itself a name."""
        session = self.connect(address=address)
        self.run(session, f"CLIENT SETNAME {name}")
        return session

    def leave(self, session):
        self.clock.at_ms += 5000
        self.engine.clients.close(session)
        self.write()


@pytest.fixture
def folder(tmp_path):
    """Return a history of three workers: idle, gone, and come back."""
    history = Connecting(tmp_path / "data")
    idle = history.arrive("idle", "10.0.0.1:1")
    first = history.arrive("worker-1", "10.0.0.2:2")
    history.run(first, "MULTI", "SET a 1", "SET b 2", "EXEC")
    history.run(first, [b"EVAL", SCRIPT, b"1", b"queue", b"job"])
    history.leave(first)
    again = history.arrive("worker-1", "10.0.0.2:3")
    history.run(again, "GET a")
    history.leave(again)
    history.clock.at_ms += 60_000
    web = history.connect(address="10.0.0.9:9")
    history.run(web, "SET c 3")
    assert idle.name == b"idle"
    history.close()
    return history.folder


def test_idle_clients_and_those_who_went_are_told(folder):
    idle, first, again, web = told(folder)

    assert (idle["name"], idle["records"], idle["gone"]) == ("idle", 0, None)
    assert idle["address"] == "10.0.0.1:1"
    assert first["records"] == 2
    assert first["gone"]["at_ms"] - first["last"]["at_ms"] > 4000
    assert first["idle_ms"] == first["gone"]["at_ms"] - first["last"]["at_ms"]
    assert (again["name"], again["records"]) == ("worker-1", 0)
    assert again["since_ms"] >= first["gone"]["at_ms"]
    assert again["last"] is None
    assert web["commands"] == {"SET": 1}
    assert "name" not in web


def test_what_clients_did_is_told_with_scripts_names(folder):
    line = run("clients", str(folder), "--client", "worker*").stdout.splitlines()[0]

    assert line.endswith("SET 2, EVALSHA enqueue 1")


def test_clients_are_chosen_by_name_address_and_idleness(folder):
    def ids(*words):
        return [each["id"] for each in told(folder, *words)]

    assert ids() == [1, 2, 3, 4]
    assert ids("--client", "worker*") == [2, 3]
    assert ids("--client", "10.0.0.9*", "--client", "idle") == [1, 4]
    assert ids("--here") == [1, 4]
    assert ids("--here", "--idle", "60") == [1, 4]
    assert ids("--client", "nobody") == []
    assert run("clients", str(folder), "--client", "nobody").exit_code == 1


def test_range_tells_what_was_done_in_it(folder):
    web = told(folder)[-1]
    only = told(folder, "--since", f"@{web['first_seq']}")

    assert [(each["id"], each["records"]) for each in only] == [(4, 1)]


def test_time_of_connecting_is_known_from_the_going_alone(folder):
    first = told(folder)[1]
    (late,) = told(folder, f"@{first['last']['seq']}..@{first['gone']['seq']}")

    assert (late["id"], late["since_ms"]) == (2, first["since_ms"])
    assert late["gone"] == first["gone"]


def test_id_that_a_restarted_server_gives_anew_is_another_connection(tmp_path):
    history = History(tmp_path / "data")
    for port in (1, 2):
        note = encode_note(ClientNote(f"10.0.0.1:{port}", b"web"))
        history.write(
            (history.clock.at_ms, 0, [], [7, None, note]),
            (history.clock.at_ms, 0, [[b"SET", b"k", b"%d" % port]], 7),
        )
        # Described again after a seal: still the same.
        history.write((history.clock.at_ms, 0, [], [7, None, note]))
    history.close()

    assert [each["address"] for each in told(history.folder)] == [
        "10.0.0.1:1",
        "10.0.0.1:2",
    ]
    assert [each["records"] for each in told(history.folder)] == [1, 1]


def test_note_of_a_newer_server_is_read_with_what_is_known(tmp_path):
    history = History(tmp_path / "data")
    gone = encode_note(GoneNote("10.0.0.1:1", b"web", since_ms=START_MS - 9))
    history.write((START_MS, 0, [], [7, None, {**gone, "why": b"timeout"}]))
    history.close()

    (web,) = told(history.folder)
    assert web["since_ms"] == START_MS - 9
    assert web["gone"]["at_ms"] == START_MS
    shown = run("log", str(history.folder), "--all").stdout
    assert shown.endswith("gone 10.0.0.1:1 name=web\n")
    assert run("log", str(history.folder)).stdout == ""


@pytest.mark.parametrize("data", RECORDED, ids=lambda data: data.parent.name)
def test_records_are_as_many_as_stats_counts(data):
    stats = json.loads(run("stats", str(data), "-n", "999", "--json").stdout)
    records = collections.Counter()
    for each in told(data):
        records[str(each["id"])] += each["records"]

    wrote = {name: count for name, count in stats["clients"].items() if name != "0"}
    assert {name: count for name, count in records.items() if count} == wrote


def test_log_without_the_setting_tells_who_wrote(tmp_path):
    history = make_deploys(tmp_path / "data")

    web, worker, ops = told(history.folder)

    assert worker["name"] == "worker-1"
    assert worker["user"] == "jobs"
    assert [each["gone"] for each in (web, worker, ops)] == [None] * 3
    assert ops["commands"] == {"LPOP": 2}
