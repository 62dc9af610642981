"""The golden log of format version 1: today's reader reads it, for ever.

tests/data/log-v1 is never changed. A new format version adds a golden log beside it.
"""

import os
import shutil
from pathlib import Path

import pytest

from joblog.app.history.notes import (
    ClientNote,
    ExecNote,
    ExpiredNote,
    ScriptNote,
    ScriptSourceNote,
    encode_note,
    read_note,
)
from joblog.storage.filesystem import FileSystem
from joblog.storage.record import Origin, Record, encode_origin
from joblog.storage.verify import verify_log
from tests.storage.logs import open_log, read_all
from tests.support.fakes import FakeClock

GOLDEN = Path(__file__).parents[1] / "data" / "log-v1"
START_MS = 1_700_000_000_000
DIGEST = "a438400cc679c65f99d5a3558b583997a34d355444d975cd860132c67ae16e6c"
SHA = "a" * 40


def golden_batches():
    """Return the batches of drafts that the golden log was written from."""
    client = ClientNote("127.0.0.1:40000", b"worker", b"default", b"redis-py", b"5.2.0")
    source = ScriptSourceNote(SHA, b"return redis.call('SET', KEYS[1], ARGV[1])")
    evalsha = [b"EVALSHA", SHA.encode(), b"1", b"job:1", b"\x00\xff"]
    queued = [[b"GET", b"job:1"], [b"INCR", b"job:1"], [b"LPUSH", b"q", b"x"]]
    return [
        [
            (START_MS, 0, [], encode_origin(3, None, encode_note(client))),
            (START_MS, 0, [[b"SET", b"greeting", b"hello"]], 3),
        ],
        [
            (START_MS + 5, 0, [], encode_origin(3, None, encode_note(source))),
            (
                START_MS + 5,
                0,
                [[b"SET", b"job:1", b"\x00\xff"]],
                encode_origin(3, evalsha, encode_note(ScriptNote(SHA))),
            ),
        ],
        [
            (
                START_MS + 9,
                2,
                [[b"LPUSH", b"q", b"x"], [b"PEXPIREAT", b"q", b"1700000060000"]],
                encode_origin(3, [b"EXEC"], encode_note(ExecNote(queued, [1]))),
            ),
        ],
        [
            (
                START_MS + 60_000,
                2,
                [[b"DEL", b"q"]],
                encode_origin(0, None, encode_note(ExpiredNote())),
            ),
            (START_MS + 60_001, 0, [[b"SET", b"big", b"b" * 300]], 1 << 40),
        ],
    ]


def write_golden(folder):
    clock = FakeClock(START_MS)
    log = open_log(FileSystem(), 700, folder=folder, clock=clock)
    log.keyspace_digest = lambda: bytes(range(20))
    for batch in golden_batches():
        clock.at_ms = batch[-1][0]
        log.append(batch, log.last_seq)
        log.sync()
    log.close()


def test_the_golden_log_is_read_as_it_was_written():
    drafts = [draft for batch in golden_batches() for draft in batch]

    records = read_all(FileSystem(), GOLDEN)

    assert [record.seq for record in records] == list(range(1, len(drafts) + 1))
    for record, (at_ms, db, effects, origin) in zip(records, drafts, strict=True):
        assert (record.at_ms, record.db, record.effects) == (at_ms, db, effects)
        assert encode_origin(*record.origin) == origin
    assert isinstance(records[0], Record)
    assert read_note(records[4].origin).failed == [1]
    assert records[6].origin == Origin(1 << 40)


def test_the_golden_log_verifies_to_the_digest_that_was_kept():
    report = verify_log(GOLDEN, filesystem=FileSystem())

    assert report.damage == []
    assert [item.is_sealed for item in report.segments] == [True, False]
    assert report.segments[0].keyspace_digest_hex == bytes(range(20)).hex()
    assert report.digest_hex == DIGEST


def test_the_golden_log_can_be_appended_to(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "copy")

    log = open_log(FileSystem(), folder=tmp_path / "copy")
    log.append([(0, 0, [[b"DEL", b"big"]], 3)], 7)
    log.close()

    assert len(read_all(FileSystem(), tmp_path / "copy")) == 8
    assert verify_log(tmp_path / "copy", filesystem=FileSystem()).is_sound


def test_the_same_records_are_written_as_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda count: b"golden log id 01"[:count])

    write_golden(tmp_path)

    for path in sorted((GOLDEN / "log").iterdir()):
        assert (tmp_path / "log" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "name", ["00000000000000000001.log", "00000000000000000006.log"]
)
def test_the_golden_files_are_there(name):
    assert (GOLDEN / "log" / name).is_file()
