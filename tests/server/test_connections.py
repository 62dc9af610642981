"""`log-connections`: who connects and goes is in the log, as `replay clients` tells."""

import json

from click.testing import CliRunner

from joblog.app.history.notes import ClientNote, GoneNote, read_note
from joblog.replay.cli import main
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from tests.support.waiting import wait_until


def notes(server):
    """Return (client id, note) of each record that tells of a client."""
    records = read_records(server.folder, filesystem=FileSystem())
    found = [(record.origin.client_id, read_note(record.origin)) for record in records]
    return [each for each in found if isinstance(each[1], ClientNote | GoneNote)]


def clients(server, *words):
    words = ["clients", str(server.folder), *words, "--json"]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    return [json.loads(line) for line in result.stdout.splitlines()]


def wait_for(server, *kinds):
    """Wait until the last notes are of these kinds, and return them."""

    def are_there():
        return [type(note) for _, note in notes(server)][-len(kinds) :] == [*kinds]

    wait_until(are_there)
    return [note for _, note in notes(server)][-len(kinds) :]


def test_nothing_is_recorded_of_those_who_only_read_by_default(start):
    server = start()
    client = server.connect()
    client.ask(b"CLIENT", b"SETNAME", b"reader")
    client.ask(b"GET", b"key")
    client.close()
    server.connect().ask(b"PING")

    assert notes(server) == []


def test_idle_worker_is_recorded_when_it_has_a_name_and_when_it_goes(start):
    server = start("--log-connections", "named")
    nobody, worker = server.connect(), server.connect()
    nobody.ask(b"PING")
    worker.ask(b"CLIENT", b"SETNAME", b"worker-1")
    worker.ask(b"CLIENT", b"SETINFO", b"LIB-NAME", b"rq")
    worker.close()
    nobody.close()
    came, gone = wait_for(server, ClientNote, GoneNote)

    assert came.name == gone.name == b"worker-1"
    assert gone.library == b"rq"
    assert gone.since_ms > 0
    (told,) = clients(server)
    assert told["name"] == "worker-1"
    assert told["records"] == 0
    assert told["last"] is None
    # A tick of either clock between the two: the earlier counts.
    assert told["since_ms"] <= gone.since_ms <= told["gone"]["at_ms"]


def test_name_that_comes_with_hello_counts_and_another_one_too(start):
    server = start("--log-connections", "named")
    client = server.connect()
    client.ask(b"HELLO", b"2", b"SETNAME", b"first")
    client.ask(b"CLIENT", b"SETNAME", b"first")
    client.ask(b"CLIENT", b"SETNAME", b"second")
    client.ask(b"SET", b"key", b"value")

    assert [note.name for _, note in notes(server)] == [b"first", b"second"]
    (told,) = clients(server)
    assert told["name"] == "second"
    assert told["commands"] == {"SET": 1}


def test_all_are_recorded_where_that_is_asked_for(start):
    server = start("--log-connections", "all")
    client = server.connect()
    client.ask(b"PING")
    client.close()
    came, gone = wait_for(server, ClientNote, GoneNote)

    assert came.name == gone.name == b""
    assert came.address == gone.address


def test_those_who_are_there_are_recorded_when_it_is_switched_on(start):
    server = start()
    worker, admin = server.connect(), server.connect()
    worker.ask(b"CLIENT", b"SETNAME", b"worker-1")
    admin.ask(b"CONFIG", b"SET", b"log-connections", b"named")

    assert [note.name for _, note in notes(server)] == [b"worker-1"]
    admin.ask(b"CONFIG", b"SET", b"log-connections", b"no")
    worker.close()
    admin.ask(b"CLIENT", b"SETNAME", b"admin")
    assert len(notes(server)) == 1


def test_killed_client_is_gone(start):
    server = start("--log-connections", "named")
    worker, admin = server.connect(), server.connect()
    worker.ask(b"CLIENT", b"SETNAME", b"worker-1")
    admin.ask(b"CLIENT", b"KILL", b"SKIPME", b"yes")

    assert wait_for(server, ClientNote, GoneNote)[1].name == b"worker-1"


def test_naming_within_a_transaction_leaves_its_effects_alone(start):
    server = start("--log-connections", "named")
    client = server.connect()
    for words in (b"MULTI", b"SET a 1", b"CLIENT SETNAME worker-1", b"SET b 2"):
        client.ask(*words.split())

    assert client.ask(b"EXEC") == b"*3\r\n+OK\r\n+OK\r\n+OK\r\n"
    assert [note.name for _, note in notes(server)] == [b"worker-1"]
