"""MomentOpener: opens what the log keeps, also while the log is being pruned."""

import itertools
import shutil

import pytest

from joblog.app.errors import CommandError
from joblog.app.history.moments import parse_moment
from joblog.app.history.notes import TagNote, encode_note
from joblog.app.history.opening import MomentOpener
from joblog.app.history.redacted import redacted_keys
from tests.replay.histories import History
from tests.support.pruning import OvertakenFileSystem, prune


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "data", segment_bytes_max=400)
    session = history.connect()
    for number in range(30):
        history.run(session, f"SET key {number}")
    note = encode_note(TagNote(b"end"))
    history.write((history.clock.at_ms, 0, [], [session.id, None, note]))
    history.close()
    return history


def open_moment(history, folder, filesystem, text):
    """Return what the opener comes to, once it is known what is redacted by then."""
    opener = MomentOpener(folder, filesystem, 16)
    moment = parse_moment(text, history.clock.at_ms)
    opened = opener.open(moment if moment.tag is None else opener.find(moment))
    assert redacted_keys(folder, filesystem, opened.seq, opened.at_ms) is None
    return opened


@pytest.mark.parametrize("moment", ["@{last_seq}", "end"])
def test_moment_that_is_kept_opens_wherever_pruning_overtakes_it(
    history, tmp_path, moment
):
    floor = prune(history.folder)
    last_seq = history.log.last_seq
    moment = moment.format(last_seq=last_seq)
    for point in itertools.count(1):
        copy = shutil.copytree(history.folder, tmp_path / f"copy-{point}")
        filesystem = OvertakenFileSystem(copy, point)

        opened = open_moment(history, copy, filesystem, moment)

        assert opened.seq == last_seq
        if filesystem.looks_left > 0:
            break
    assert point > 3
    assert floor < last_seq


def test_moment_that_pruning_takes_meanwhile_is_refused_or_opened(history, tmp_path):
    floor = prune(history.folder)
    outcomes = set()
    for point in itertools.count(1):
        copy = shutil.copytree(history.folder, tmp_path / f"copy-{point}")
        filesystem = OvertakenFileSystem(copy, point)
        try:
            assert open_moment(history, copy, filesystem, f"@{floor}").seq == floor
            outcomes.add("opened")
        except CommandError as error:
            outcomes.add(error.args[0].rstrip(b"0123456789"))
        if filesystem.looks_left > 0:
            break
    assert outcomes == {
        "opened",
        b"ERR pruned: the first moment that can be opened is @",
    }
