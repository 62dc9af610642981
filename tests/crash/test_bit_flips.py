"""Random damage to every kind of file: a correct prefix, or a refusal, never else.

Each round damages one file of a folder that has sealed and packed segments, an open
one and snapshots, and recovers it as a server would. `JOBLOG_FLIPS` asks for more
rounds than CI makes.

Promises 4, 5, 6, 8 and 13 of docs/reliability.md.
"""

import os
import random
import shutil
from collections import Counter

import pytest

from joblog.app.history.recovery import Fold, Recovery
from joblog.app.history.snapshots import save_snapshot
from joblog.app.keyspace.digest import dataset_digest
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.log import Log
from joblog.storage.packing import pack_segment
from joblog.storage.reader import read_records
from tests.replay.histories import History

ROUNDS = int(os.environ.get("JOBLOG_FLIPS", "400"))
DISK = FileSystem()
KINDS = ("bit", "bit", "bits", "byte", "cut", "zeroes", "tail", "swap")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a folder with every kind of file, and the digest after each record."""
    folder = tmp_path_factory.mktemp("whole") / "joblog-data"
    history = History(folder, segment_bytes_max=2500)
    chance = random.Random(1)
    client = history.connect(b"web")
    for number in range(250):
        line = chance.choice(
            [
                f"RPUSH queue job:{number}",
                "LPOP queue",
                f"HSET job:{number % 9} state {number}",
                f"ZADD due {number} job:{number}",
                f"XADD events * n {number}",
                f"SET lock:{number % 5} x PX 90000",
            ]
        )
        history.run(client, line)
        if number % 40 == 20:
            history.log.sync()
    history.log.sync()
    last_seq = history.log.last_seq
    history.close()
    digests = {}
    fold = Fold()
    digests[0] = dataset_digest(fold.keyspace)
    for record in read_records(folder, filesystem=DISK):
        fold.apply([record])
        digests[record.seq] = dataset_digest(fold.keyspace)
    paths = LogFolder(folder, DISK)
    for part in (0.3, 0.8):
        seq = int(last_seq * part)
        made = Fold()
        made.apply(read_records(folder, filesystem=DISK, until_seq=seq))
        save_snapshot(paths, DISK, made.keyspace, seq, 1)
    for first_seq in paths.find_segments()[1:3]:
        pack_segment(DISK, paths.segment_path(first_seq))
    return folder, digests


def damage(path, chance):
    """Change a file at random; say how."""
    data = bytearray(path.read_bytes())
    kind = chance.choice(KINDS)
    at = chance.randrange(len(data))
    if kind == "bit":
        data[at] ^= 1 << chance.randrange(8)
    elif kind == "bits":
        for _ in range(8):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "byte":
        data[at] = (data[at] + chance.randrange(1, 256)) % 256
    elif kind == "cut":
        del data[at:]
    elif kind == "zeroes":
        data[at : at + 64] = bytes(min(64, len(data) - at))
    elif kind == "tail":
        data += chance.randbytes(chance.randrange(1, 200))
    else:
        size = min(at, len(data) - at, 50)
        data[:size], data[at : at + size] = data[at : at + size], data[:size]
    path.write_bytes(data)
    return kind


def recover(folder):
    """Return the last record and the digest that a server would start with."""
    log = Log.open(folder, filesystem=DISK, now_ms=lambda: 1_800_000_000_000)
    try:
        recovery = Recovery(folder, DISK)
        for _ in recovery.steps():
            pass
        assert recovery.fold.last_seq == log.last_seq
        return log.last_seq, dataset_digest(recovery.fold.keyspace)
    finally:
        log.close()


@pytest.mark.slow
def test_damage_gives_a_correct_prefix_or_a_refusal(whole, tmp_path):
    source, digests = whole
    last_seq = max(digests)
    outcomes = Counter()
    texts = []
    for number in range(ROUNDS):
        chance = random.Random(number)
        folder = tmp_path / "damaged"
        shutil.copytree(source, folder)
        files = sorted(path for path in folder.rglob("*") if path.stat().st_size)
        files = [path for path in files if path.is_file()]
        path = chance.choice(files)
        newest = max((folder / "log").glob("*.log"))
        before = path.read_bytes()
        kind = damage(path, chance)
        is_same = path.read_bytes() == before
        try:
            seq, digest = recover(folder)
        except StorageError as error:
            texts.append(str(error))
            outcomes["refused"] += 1
        else:
            where = f"round {number}: {kind} of {path.name}: seq {seq}"
            assert digest == digests[seq], where
            if seq < last_seq:
                # Only what the newest segment has after its last sync may be cut.
                assert path == newest, where
                outcomes["cut"] += 1
            else:
                outcomes["same" if is_same else "whole"] += 1
        shutil.rmtree(folder)

    assert outcomes["refused"]
    assert all("damaged" in text for text in texts), "each names the file"
    assert outcomes["cut"]
    assert outcomes["whole"]
    print(dict(outcomes))  # noqa: T201 - the figures of docs/reliability.md


@pytest.mark.slow
def test_missing_and_doubled_files_are_noticed(whole, tmp_path):
    source, digests = whole
    last_seq = max(digests)
    names = sorted(
        path.relative_to(source)
        for path in source.rglob("*.*")
        if path.suffix != ".lock"
    )
    oldest = min(name for name in names if name.suffix == ".log")
    for name in names:
        for action in ("removed", "doubled"):
            folder = tmp_path / "damaged"
            shutil.copytree(source, folder)
            path = folder / name
            if action == "removed":
                path.unlink()
            else:
                number = int(path.name[:20]) + 1
                shutil.copy(path, path.with_name(f"{number:020d}{path.suffix}"))
            try:
                seq, digest = recover(folder)
            except StorageError:
                pass
            else:
                # A snapshot is a short cut: without it the log is folded. The oldest
                # segment behind one looks as if it had been pruned.
                is_oldest = name == oldest and action == "removed"
                assert "snapshots" in name.parts or is_oldest, name
                assert (seq, digest) == (last_seq, digests[last_seq])
            shutil.rmtree(folder)
