"""Archiver: what is offered to the operator's command, and when it is looked again."""

from joblog.actors import archiver
from joblog.actors.archiver import Archiver
from joblog.actors.messages import Archive
from joblog.storage.archiving import find_unarchived
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History


def test_segment_that_is_sealed_while_it_is_looked_is_offered_next_time(
    tmp_path, monkeypatch
):
    history = History(tmp_path, segment_bytes_max=400)
    session = history.connect()
    offered = []
    made = Archiver(tmp_path, FileSystem(), lambda _: None)
    monkeypatch.setattr(made, "_begin", offered.append)

    def find_and_seal(folder, filesystem):
        found = find_unarchived(folder, filesystem)
        while len(history.log.segments) < 2:
            history.run(session, "INCR key")
        return found

    monkeypatch.setattr(archiver, "find_unarchived", find_and_seal)
    order = Archive("true", 2)
    made.on_receive(order)
    assert not offered

    made.on_receive(order)

    assert offered[0].name == f"{1:020d}.log"
    history.close()
