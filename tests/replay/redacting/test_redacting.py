"""A redaction takes what had to go, and nothing else; every digest stays."""

from __future__ import annotations

import pytest

from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.app.keyspace.digest import dataset_digest
from joblog.storage.errors import LogLockedError, StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.packing import pack_segment
from joblog.storage.reader import read_records
from tests.replay.histories import History
from tests.replay.redacting.redactions import (
    FILESYSTEM,
    digests,
    files_with,
    redact,
    verify,
)

SECRET = b"bob@example.com"


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a log of several segments in which Bob is, and is gone."""
    history = History(tmp_path / "data", segment_bytes_max=2000)
    client = history.connect(b"web")
    for number in range(40):
        history.run(client, f"SET page:{number % 5} text{number}", "INCR hits")
        if number % 6 == 0:
            history.run(
                client,
                f"HSET user:42 mail bob@example.com number {number}",
                f"RPUSH queue mail-job-{number:04d}-for-bob@example.com",
                "LMOVE queue active LEFT RIGHT",
                f"LREM active 1 mail-job-{number:04d}-for-bob@example.com",
            )
    history.run(client, "DEL user:42 page:1")
    history.close()
    return history.folder


def state(folder, seq=None):
    return dataset_digest(recover(folder, FILESYSTEM, until_seq=seq).keyspace)


def test_every_digest_stays(folder):
    last_seq = verify(folder).last_seq
    before, state_before = digests(folder, last_seq), state(folder)

    outcome = redact(folder, keys=[b"user:42"], texts=[SECRET])

    assert outcome.records == 7 * 3 + 1
    assert digests(folder, last_seq) == before
    assert state(folder) == state_before
    assert files_with(folder, SECRET) == []
    assert verify(folder).last_seq == outcome.seq == last_seq + 1


def test_other_records_read_as_before(folder):
    before = list(read_records(folder, filesystem=FILESYSTEM))

    redact(folder, keys=[b"user:42"])

    after = list(read_records(folder, filesystem=FILESYSTEM))
    assert len(after) == len(before) + 1
    for old, new in zip(before, after, strict=False):
        assert new[:4] == old[:4]
        if not any(b"user:42" in argv for argv in old.effects):
            assert new == old
    # What it did to another key is still there.
    assert after[-2].effects == [[b"DEL", b"page:1"]]


def test_a_packed_segment_and_a_second_redaction(folder):
    pack_segment(FILESYSTEM, LogFolder(folder, FILESYSTEM).segment_path(1))
    last_seq = verify(folder).last_seq
    before = digests(folder, last_seq)

    redact(folder, texts=[SECRET])
    redact(folder, keys=[b"user:42"])

    assert digests(folder, last_seq) == before
    assert verify(folder).undone == []
    assert files_with(folder, SECRET, b"number") == []


def test_snapshots_are_rewritten(folder):
    paths = LogFolder(folder, FILESYSTEM)
    for seq in (30, 61):
        keyspace = recover(folder, FILESYSTEM, until_seq=seq).keyspace
        save_snapshot(paths, FILESYSTEM, keyspace, seq, 1)
    assert any(path.suffix == ".snap" for path in files_with(folder, SECRET))

    redact(folder, keys=[b"user:42"], texts=[SECRET])

    assert files_with(folder, SECRET, b"user:42") == []
    assert paths.find_snapshots() == [30, 61]
    fold = recover(folder, FILESYSTEM, until_seq=30)
    assert b"page:2" in fold.keyspace.databases[0].values


def test_what_is_alive_is_refused(tmp_path):
    history = History(tmp_path / "data")
    history.run(history.connect(), "SET user:1 bob@example.com", "RPUSH queue job-0001")
    history.close()

    with pytest.raises(StorageError, match=r"user:1 is there now.*--delete"):
        redact(history.folder, keys=[b"user:1"])
    with pytest.raises(StorageError, match=r"user:1 has some of it now"):
        redact(history.folder, texts=[SECRET])
    assert not (history.folder / "redaction.pending").exists()

    outcome = redact(history.folder, keys=[b"user:1"], may_delete=True)

    assert outcome.records == 2  # the SET and the DEL
    assert files_with(history.folder, SECRET) == []
    values = recover(history.folder, FILESYSTEM).keyspace.databases[0].values
    assert list(values) == [b"queue"]


def test_what_flowed_into_another_key_is_named(tmp_path):
    history = History(tmp_path / "data")
    history.run(
        history.connect(),
        *("SET user:1 bob@example.com", "COPY user:1 copy", "DEL user:1", "DEL copy"),
    )
    history.close()

    with pytest.raises(StorageError, match=r"COPY made other keys.*: copy;"):
        redact(history.folder, keys=[b"user:1"])
    assert verify(history.folder).segments[0].table_digest == b""

    redact(history.folder, keys=[b"user:1", b"copy"])
    assert files_with(history.folder, SECRET) == []


@pytest.mark.parametrize(
    ("effect", "left"),
    [
        ("RENAME other gone", [[b"DEL", b"other"]]),
        ("LMOVE list gone LEFT RIGHT", [[b"LPOP", b"list"]]),
        ("SMOVE set gone a", [[b"SREM", b"set", b"a"]]),
        ("MSET gone 1 other 2", [[b"MSET", b"other", b"2"]]),
        ("UNLINK gone other", [[b"UNLINK", b"other"]]),
        ("SUNIONSTORE gone set", []),
    ],
)
def test_effects_on_other_keys_stay(tmp_path, effect, left):
    history = History(tmp_path / "data")
    client = history.connect()
    history.run(client, "SET other x", "RPUSH list a b", "SADD set a b", effect)
    last = history.log.last_seq
    history.run(client, "DEL gone")
    history.close()
    before = state(history.folder)

    redact(history.folder, keys=[b"gone"])

    record = next(read_records(history.folder, filesystem=FILESYSTEM, from_seq=last))
    assert record.effects == left
    assert state(history.folder) == before


def test_a_job_stays_to_be_told(tmp_path):
    history = History(tmp_path / "data")
    client = history.connect()
    job = b"8f14e45f-aaaa"
    history.run(
        client,
        [b"HSET", b"rq:job:" + job, b"data", b"secret arguments"],
        [b"RPUSH", b"queue", job],
        [b"RPUSH", b"other", b'{"id": "' + job + b'", "mail": "bob"}'],
        [b"HSET", b"results", job, b"secret result"],
        [b"XADD", b"stream", b"5-1", b"job", job, b"mail", b"bobs mail"],
        [b"LPOP", b"queue"],
        [b"LPOP", b"other"],
        [b"DEL", b"rq:job:" + job, b"results", b"stream"],
    )
    history.close()

    redact(history.folder, jobs=[job])

    assert files_with(history.folder, b"secret", b"bob") == []
    records = list(read_records(history.folder, filesystem=FILESYSTEM))
    effects = [argv for record in records for argv in record.effects]
    assert [b"RPUSH", b"queue", job] in effects
    pushed = next(argv for argv in effects if argv[:2] == [b"RPUSH", b"other"])
    assert job in pushed[2]
    assert len(pushed[2]) == len(b'{"id": "' + job + b'", "mail": "bob"}')


def test_scripts_and_transactions_lose_what_they_were_called_with(tmp_path):
    history = History(tmp_path / "data")
    client = history.connect()
    history.run(client, "MULTI", "SET gone hidden-1", "SET kept x", "GET gone", "EXEC")
    history.run(
        client,
        [
            *(b"EVAL", b"redis.call('SET', KEYS[1], ARGV[1]) redis.call('INCR', 'n')"),
            *(b"1", b"gone", b"hidden-2"),
        ],
        "DEL gone",
    )
    history.close()

    redact(history.folder, keys=[b"gone"])

    assert files_with(history.folder, b"hidden-") == []
    records = list(read_records(history.folder, filesystem=FILESYSTEM))
    effects = [argv for record in records for argv in record.effects]
    assert [b"SET", b"kept", b"x"] in effects
    assert [b"INCR", b"n"] in effects


def test_a_folder_in_use_is_refused(tmp_path):
    history = History(tmp_path / "data")
    history.run(history.connect(), "SET a b", "DEL a")
    with pytest.raises(LogLockedError):
        redact(history.folder, keys=[b"a"])
    history.close()


def test_the_log_goes_on(folder):
    redact(folder, keys=[b"user:42"])
    history = History(folder, segment_bytes_max=2000)
    client = history.connect()
    history.run(client, "SET after 1", "SET user:42 anew")
    history.close()

    assert verify(folder).undone == []
    values = recover(folder, FILESYSTEM).keyspace.databases[0].values
    assert values[b"user:42"] == b"anew"
