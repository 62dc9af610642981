"""Datasets and streams with wrong bytes: refused in words, and nothing half is kept."""

import random

import pytest

from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.engine.replicated import Replicated, ReplicatedError
from joblog.app.errors import CommandError
from joblog.app.history.datasets import Dataset
from joblog.app.history.rdb_items import RdbError
from joblog.app.history.recovery import Fold
from joblog.app.keyspace.keyspace import Keyspace
from joblog.app.table.table import LOOKUP
from joblog.storage.record import Origin, Record
from tests.replication.chances import Chance
from tests.replication.fakes import FakeMaster, sized
from tests.replication.pairs import fields
from tests.support.keyspaces import state_of
from tests.support.servers import start_joblog, start_redis, start_redis8
from tests.support.waiting import wait_until

_MAGIC_BYTES = 9
_CRC_BYTES = 8
_SHARP = (0, 0xFF, 0x80, 0x81, 0xC3, 0x40, 0x7F, 0xFE, 0xF5, 0xC0)
_LIBRARY = "#!lua name=mine\nredis.register_function('f', function() return 1 end)"


@pytest.fixture(scope="module", params=[start_redis, start_redis8])
def recorded(request):
    """Return the dataset of a real server, with a value of each kind."""
    with request.param() as server:
        client = server.connect()
        chance = Chance(3)
        for _ in range(400):
            client.ask(*chance.command())
        client.ask("SELECT", 0)
        client.ask("RPUSH", "long", *range(600))
        client.ask("SET", "text", "abc" * 300)
        client.ask("FUNCTION", "LOAD", "REPLACE", _LIBRARY)
        client.ask("SAVE")
        return (server.folder / "dump.rdb").read_bytes()


def damaged(rdb: bytes, chance: random.Random) -> bytes:
    """Return a dataset with some wrong bytes, and without a checksum that tells."""
    data = bytearray(rdb[:-_CRC_BYTES])
    for _ in range(chance.choice((1, 1, 1, 3))):
        at = chance.randrange(_MAGIC_BYTES, len(data))
        match chance.randrange(4):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice(_SHARP)
            case 2:
                del data[at : at + chance.randrange(1, 9)]
            case _:
                data[at:at] = chance.randbytes(chance.randrange(1, 9))
    return bytes(data) + bytes(_CRC_BYTES)


def test_wrong_bytes_are_read_or_refused(recorded, tmp_path):
    chance = random.Random(5)
    refused = 0
    for _ in range(300):
        path = tmp_path / "dump.rdb"
        path.write_bytes(damaged(recorded, chance))
        keyspace = Keyspace(16)
        dataset = Dataset(keyspace)
        with path.open("rb") as file:
            try:
                for _ in dataset.read(file, "dump"):
                    continue
            except (RdbError, CommandError):
                refused += 1
        assert not any(database.values for database in keyspace.databases)
    assert refused > 0


def test_wrong_bytes_are_read_alike_where_there_is_nothing(recorded, tmp_path):
    chance = random.Random(7)
    outcomes = set()
    for number in range(200):
        path = tmp_path / "dump.rdb"
        path.write_bytes(damaged(recorded, chance) if number else recorded)
        outcome = read(path)
        assert read(path, is_first=True) == outcome, number
        outcomes.add(outcome if isinstance(outcome, str) else "read")
    assert len(outcomes) > 1
    assert "read" in outcomes


def read(path, *, is_first=False):
    """Return what a fold makes of what is to be recorded of a dataset, or why none."""
    dataset, fold = Dataset(Keyspace(16)), Fold()
    with path.open("rb") as file:
        try:
            if is_first:
                found = list(dataset.read_first(file, "dump"))
            else:
                for _ in dataset.read(file, "dump"):
                    continue
                found = list(dataset.differences())
            for db, commands in found:
                fold.apply([Record(0, 0, 0, db, commands, Origin(0))])
        except (RdbError, CommandError) as error:
            return str(error)
    dataset.take_place()
    return dataset.keys, dataset.changed, state_of(fold.keyspace)


@pytest.mark.parametrize("is_first", [False, True])
def test_a_server_keeps_what_it_has_or_takes_all(recorded, fold_equals_live, is_first):
    chance = random.Random(6)
    with start_joblog() as server, FakeMaster(sized(recorded)) as master:
        client = server.connect()
        client.ask("SET", "mine", 1)
        for _ in range(12):
            client.ask("REPLICAOF", "NO", "ONE")
            if is_first:
                client.ask("FLUSHALL")
                client.ask("FUNCTION", "FLUSH")
            before = client.ask("DEBUG", "DIGEST")
            master.dataset = sized(damaged(recorded, chance))
            client.ask("REPLICAOF", "127.0.0.1", master.port)
            link = {}

            def has_come_to_an_end(link=link):
                link.update(fields(client.ask("INFO", "replication")))
                is_up = link["master_link_status"] == "up"
                return is_up or link["master_link_last_error"]

            wait_until(has_come_to_an_end, server.output)
            if link["master_link_status"] != "up":
                assert client.ask("DEBUG", "DIGEST") == before, link
        fold_equals_live(server)


def test_wrong_commands_are_applied_or_refused():
    chance, pick = Chance(8), random.Random(8)
    engine = Engine(Config())
    replicated = Replicated(engine)
    session = replicated.open(1, "master:1", "here:1", 5)
    names, refused = list(LOOKUP), 0
    sharp = [b"", b"-1", b"9" * 20, b"nan", b"1e400", b"\xff", b"*", b">", b"BLOCK"]
    for number in range(4000):
        argv = [str(word).encode() for word in chance.command()]
        for _ in range(pick.randrange(3)):
            at = pick.randrange(len(argv))
            match pick.randrange(3):
                case 0:
                    argv[at] = pick.choice(sharp) if at else pick.choice(names)
                case 1:
                    argv.insert(at + 1, pick.choice(sharp))
                case _:
                    del argv[max(at, 1) :]
        engine.context.read_clock()
        try:
            replicated.apply(session, [argv], number)
        except ReplicatedError:
            refused += 1
        engine.outbox.entries.clear()
    assert 0 < refused < number
