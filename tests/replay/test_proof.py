"""`replay verify --deep`: the log, the server's memory and the snapshots agree."""

import json

import pytest
from click.testing import CliRunner

from joblog.app.engine.proofs import Prover, whole_digest
from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.replay.cli import main
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from tests.replay.histories import History
from tests.support.keyspaces import EVERY_TYPE

DISK = FileSystem()
DAMAGED = 3


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "data", segment_bytes_max=700)
    made.session = made.connect()
    made.log.keyspace_digest = lambda: whole_digest(made.engine.keyspace)
    made.run(made.session, *EVERY_TYPE)
    yield made
    made.close()


def prove(history):
    prover = Prover(history.engine.context, history.engine.outbox)
    prover.begin()
    for _ in range(5):
        prover.step()
    history.write()


def snapshot(history, seq):
    fold = recover(history.folder, DISK, until_seq=seq)
    return save_snapshot(LogFolder(history.folder, DISK), DISK, fold.keyspace, seq, 1)


def verify(history, *options):
    history.log.sync()
    command = ["verify", str(history.folder), "--deep", *options]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    return result.exit_code, result.output


def test_a_sound_folder_is_proven_in_every_way(history):
    prove(history)
    snapshot(history, 9)
    snapshot(history, history.log.last_seq)

    code, output = verify(history)
    facts = json.loads(verify(history, "--json")[1])

    assert code == 0
    assert " as recorded" in output
    assert "NOT AS RECORDED" not in output
    assert "2 slices of the server's memory: as recorded" in output
    assert "snapshot of seq 9: as the log folds" in output
    assert facts["proven_slices"] == 2
    assert facts["proven_snapshots"] == [9, history.log.last_seq]
    assert len(facts["folded_digests"]) == len(history.log.segments)


def test_memory_that_was_another_than_the_log_is_damage(history):
    history.engine.keyspace.databases[0].values[b"s"] = b"never recorded"
    prove(history)

    code, output = verify(history)

    assert code == DAMAGED
    assert "but the server had" in output


def test_a_snapshot_of_another_state_is_damage(history):
    fold = recover(history.folder, DISK, until_seq=9)
    fold.keyspace.databases[0].values[b"s"] = b"another"
    save_snapshot(LogFolder(history.folder, DISK), DISK, fold.keyspace, 9, 1)

    code, output = verify(history)

    assert code == DAMAGED
    assert "holds another state than the log folds to up to seq 9" in output


def test_a_damaged_snapshot_is_named(history):
    info = snapshot(history, 9)
    data = bytearray(info.path.read_bytes())
    data[-70] ^= 1
    info.path.write_bytes(data)

    code, output = verify(history)

    assert code == DAMAGED
    assert "damaged snapshot" in output


def test_a_pruned_log_is_proven_from_its_oldest_snapshot_on(history):
    starts = LogFolder(history.folder, DISK).find_segments()
    snapshot(history, starts[1] - 1)
    snapshot(history, starts[2])
    (history.folder / "log" / f"{1:020d}.log").unlink()

    code, output = verify(history)

    assert code == 0
    assert f"snapshot of seq {starts[2]}: as the log folds" in output
