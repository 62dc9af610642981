"""`replay verify --against`: the first record that differs between two nodes."""

import json
import shutil

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.storage.copying import restore_log
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.packing import pack_segment
from tests.replay.histories import History, go_on

DISK = FileSystem()


def run(verb, *words):
    words = [verb, *map(str, words)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def against(folder, other):
    """Return the exit code, and what is said for people and for programs."""
    told = run("verify", folder, "--against", other)
    facts = json.loads(run("verify", folder, "--against", other, "--json").output)
    return told.exit_code, told.output, facts["against"]


@pytest.fixture
def here(tmp_path):
    """Return a data folder of several segments."""
    history = History(tmp_path / "here", segment_bytes_max=2000)
    client = history.connect(b"web")
    history.run(client, *(f"SET key:{number} {number}" for number in range(100)))
    history.close()
    return history.folder


@pytest.fixture
def there(here, tmp_path):
    """Return a copy of it."""
    return shutil.copytree(here, tmp_path / "there")


def test_a_copy_is_the_same(here, there):
    code, output, facts = against(here, there)

    assert code == 0
    assert f"the same as {there} up to seq 101\n" in output
    assert (facts["is_same"], facts["same_until"], facts["parts_at"]) == (True, 101, 0)


def test_who_goes_on_is_told(here, there):
    go_on(there, *(f"SET more:{number} 1" for number in range(50)))

    assert f"up to seq 101; {there} goes on to seq 151" in against(here, there)[1]
    assert "up to seq 101; this one goes on to seq 151" in against(there, here)[1]


def test_the_first_record_that_differs_is_named(here, there):
    go_on(here, *(f"SET more:{number} 1" for number in range(100)))
    go_on(there, *(f"SET more:{number} 0" for number in range(100)))
    code, output, facts = against(here, there)

    assert code == 3
    assert f"the same up to seq 101, and other than {there} from seq 102 on" in output
    assert "here:  SET more:0 1\n" in output
    assert "there: SET more:0 0\n" in output
    assert facts["parts_at"] == 102


def test_a_difference_far_behind_is_found(here, there):
    go_on(here, *(f"SET more:{number} {number // 90}" for number in range(100)))
    commands = (f"SET more:{number} 0" for number in range(100))
    go_on(there, *commands)

    code, _, facts = against(here, there)

    assert code == 3
    assert (facts["same_until"], facts["parts_at"]) == (191, 192)
    assert (facts["here"], facts["there"]) == ("SET more:90 1", "SET more:90 0")


def test_a_segment_that_begins_in_one_alone_is_a_difference(here, there):
    commands = [f"SET more:{number} 0" for number in range(100)]
    go_on(here, *commands)
    go_on(there, *commands, segment_bytes_max=5000)

    code, output, facts = against(here, there)

    assert code == 3
    assert "a segment begins there in one of them alone" in output
    assert facts["parts_at"] in LogFolder(here, DISK).find_segments()


def test_packed_segments_are_what_they_were(here, there):
    pack_segment(DISK, LogFolder(there, DISK).segment_path(1))

    assert against(here, there)[0] == 0


def test_a_log_from_before_is_the_beginning(here, tmp_path):
    restore_log(here, tmp_path / "before", 60, filesystem=DISK)

    code, output, _ = against(here, tmp_path / "before")

    assert code == 0
    assert "up to seq 60; this one goes on to seq 101" in output


def test_another_log_differs_from_its_first_record_on(here, tmp_path):
    history = History(tmp_path / "other", segment_bytes_max=2000)
    client = history.connect(b"web")
    history.run(client, *(f"SET key:{number} {number}" for number in range(100)))
    history.close()

    code, output, facts = against(here, history.folder)

    assert code == 3
    assert "they are two logs" in output
    assert (facts["same_until"], facts["parts_at"]) == (0, 1)


def test_a_damaged_log_is_compared_with_nothing(here, there):
    path = LogFolder(there, DISK).segment_path(1)
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)

    code, output, facts = against(here, there)

    assert code == 3
    assert f"{there}: damage: " in output
    assert facts["damage"]
