import itertools
import re

import pytest

from joblog.replay.index.finder import LogIndex
from joblog.replay.records.clients import ClientDirectory
from joblog.replay.records.script_texts import find_script_source
from joblog.replay.records.search import Query, Search
from joblog.storage.errors import CorruptLogError
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import SCRIPT, SHA, History
from tests.storage.logs import (
    FOLDER,
    BusyFileSystem,
    make_sealing_log,
    seal_another,
)


def found(folder, **query):
    search = Search(LogIndex(folder, FileSystem()), Query(**query))
    return [match.record.seq for match in search.forward()]


EVERY = [2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14]
QUERIES = [
    pytest.param({}, EVERY, id="all with effects"),
    pytest.param({"has_notes": True}, list(range(1, 15)), id="all"),
    pytest.param({"keys": (b"job:1",)}, [2, 7, 14], id="key"),
    pytest.param({"keys": (b"job:*", b"don?")}, [2, 7, 9, 14], id="globs"),
    pytest.param({"commands": (b"lpush", b"DEL")}, [3, 8, 14], id="command"),
    pytest.param({"commands": (b"Z*",)}, [11], id="effect of a script"),
    pytest.param({"commands": (b"exec",)}, [9], id="exec"),
    pytest.param({"commands": (b"sadd",)}, [9], id="inside of exec"),
    pytest.param({"client": "2"}, [6, 7, 9], id="client id"),
    pytest.param({"client": "worker*"}, [6, 7, 9], id="client name"),
    pytest.param({"client": "10.0.0.2:*"}, [6, 7, 9], id="client address"),
    pytest.param({"client": "0"}, [8], id="the server"),
    pytest.param({"user": "jobs"}, [6, 7, 9], id="user"),
    pytest.param({"script": "f1d2"}, [11], id="script"),
    pytest.param({"script": "ffff"}, [], id="another script"),
    pytest.param({"db": 2}, [13], id="database"),
    pytest.param({"text": b"LPUSH queue"}, [3, 6], id="text"),
    pytest.param({"text": b"lpush QUEUE", "ignores_case": True}, [3, 6], id="any case"),
    pytest.param({"text": b" "}, EVERY, id="a blank"),
    pytest.param({"text": b"\xff"}, [12], id="binary text"),
    pytest.param({"pattern": re.compile(rb"^SET \w+ ")}, [13], id="pattern"),
    pytest.param({"from_seq": 9, "until_seq": 11}, [9, 11], id="numbers"),
    pytest.param({"keys": (b"job:1",), "client": "web"}, [2, 14], id="two filters"),
]


@pytest.mark.parametrize(("query", "seqs"), QUERIES)
def test_query_finds_its_records(demo, query, seqs):
    assert found(demo.folder, **query) == seqs


@pytest.mark.parametrize(("query", "seqs"), QUERIES)
def test_query_finds_the_same_backward(demo, query, seqs):
    search = Search(LogIndex(demo.folder, FileSystem()), Query(**query))

    assert [match.record.seq for match in search.backward()] == seqs[::-1]


def many_segments(folder, count=60):
    history = History(folder, segment_bytes_max=500)
    first = history.connect(b"first")
    second = history.connect(b"second")
    history.run(first, "SET begin 1")
    for number in range(count):
        history.run(second, f"SET key:{number} {number}")
    history.run(first, "SET end 1")
    return history


def test_backward_search_crosses_segments_and_still_knows_the_clients(tmp_path):
    history = many_segments(tmp_path)
    assert len(history.log.segments) > 3
    search = Search(LogIndex(tmp_path, FileSystem()), Query(has_notes=True))

    matches = list(search.backward())

    assert [match.record.seq for match in matches] == [
        *range(history.log.last_seq, 0, -1)
    ]
    assert matches[0].client.note.name == b"first"
    assert matches[1].client.note.name == b"second"
    history.close()


def test_forward_search_from_the_middle_knows_clients_from_before(tmp_path):
    history = many_segments(tmp_path)
    search = Search(
        LogIndex(tmp_path, FileSystem()), Query(from_seq=history.log.last_seq)
    )

    (match,) = search.forward()

    assert match.client.note.name == b"first"
    history.close()


def test_key_filter_sees_a_flush_of_everything(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.run(session, "SET a 1", "SET b 1", "FlushAll")
    history.close()

    assert found(tmp_path, keys=(b"a",)) == [2, 4]


def test_id_that_a_later_client_has_too_is_told_apart(tmp_path):
    history = History(tmp_path)
    history.run(history.connect(b"old"), "SET a 1")
    history._ids = 0
    history.run(history.connect(b"new"), "SET a 2")
    directory = ClientDirectory(LogIndex(tmp_path, FileSystem()), from_seq=1 << 63)

    names = [directory.find(1, seq).note.name for seq in (2, 4)]

    assert names == [b"old", b"new"]
    assert directory.find(9, 4).note is None
    assert directory.find(0, 4) == (0, None)
    history.close()


def test_follow_shows_what_is_appended_meanwhile(demo):
    session = demo.engine.server.sessions[1]
    waits = iter(["SET new 1", "SET other 2", None])

    def wait():
        line = next(waits)
        if line is not None:
            demo.run(session, line)
        return line is not None

    query = Query(from_seq=demo.log.last_seq + 1)
    matches = list(Search(LogIndex(demo.folder, FileSystem()), query).follow(wait))

    assert [match.record.effects[0][1] for match in matches] == [b"new", b"other"]


def test_script_is_found_by_the_name_in_its_first_line(demo):
    session = demo.connect(b"scripts")
    source = b"-- name: tidy up\nredis.call('DEL', KEYS[1])"
    demo.run(session, "SET a 1", "SET b 2")
    demo.run(session, [b"EVAL", source, b"1", b"a"])
    demo.run(session, "MULTI", [b"EVAL", source, b"1", b"b"], "EXEC")

    named, other = (
        [
            match.record.effects
            for match in Search(
                LogIndex(demo.folder, FileSystem()), Query(script=wanted)
            ).forward()
        ]
        for wanted in ("tidy", "other")
    )

    assert named == [[[b"DEL", b"a"]], [[b"DEL", b"b"]]]
    assert other == []


def test_script_source_is_the_one_from_before(demo):
    index = LogIndex(demo.folder, FileSystem())

    assert find_script_source(index, SHA, 11) == SCRIPT
    assert find_script_source(index, SHA, 9) is None


def test_damage_is_an_error_in_both_directions(tmp_path):
    history = many_segments(tmp_path)
    history.close()
    second = sorted((tmp_path / "log").glob("*.log"))[1]
    data = bytearray(second.read_bytes())
    data[150] ^= 1
    second.write_bytes(data)
    search = Search(LogIndex(tmp_path, FileSystem()), Query())

    with pytest.raises(CorruptLogError, match=second.name):
        list(search.forward())
    with pytest.raises(CorruptLogError, match=second.name):
        list(search.backward())


@pytest.mark.parametrize("is_reverse", [False, True])
@pytest.mark.parametrize("query", [{}, {"text": b"x"}, {"until_seq": 10**9}])
def test_search_beside_a_server_that_ends_a_seal_finds_every_record(query, is_reverse):
    for look in itertools.count(1):
        disk = BusyFileSystem()
        log = make_sealing_log(disk)
        log.sync()
        seal_another(log)
        disk.happens, disk.looks_left = log.sync, look
        search = Search(LogIndex(FOLDER, disk), Query(**query))

        found = search.backward() if is_reverse else search.forward()

        seqs = sorted(match.record.seq for match in found)
        assert seqs == list(range(1, log.last_seq + 1))
        if disk.looks_left > 0:
            break

    assert look > 3
