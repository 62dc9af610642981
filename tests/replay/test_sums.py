"""Sums beside the ledger: a board made of them is that of the steps themselves."""

import shutil
from pathlib import Path

import pytest

from joblog.app import clock
from joblog.replay.jobs.ledger_rows import KnownSteps, What
from joblog.replay.jobs.shipped import load_schemas
from joblog.replay.views.answers import Desk
from joblog.replay.views.depths import SLOTS
from joblog.replay.views.kept import look_at
from joblog.replay.views.sums import PIECES, Slots, add_up, build_sums
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import make_mail
from tests.replay.jobs.test_ledger import build

RQ = Path(__file__).resolve().parent.parent / "data" / "tours" / "rq" / "data"
LAST_SEQ = 540


@pytest.fixture(autouse=True)
def _one_time(monkeypatch):
    monkeypatch.setattr(clock, "now_ms", lambda: 1_800_000_000_000)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a history with many small pages in its ledger."""
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 2000)
    monkeypatch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 9)
    made = tmp_path / "data"
    shutil.copytree(RQ, made)
    build(made)
    return made


def write_sums(folder):
    attach = build_sums(folder, FileSystem(), lambda _: None, load_schemas(["rq"]))
    attach(folder / "index")
    return sorted((folder / "index").glob("*.sums-*"))


def whole_board(desk, **words):
    """Return a board once all up to its moment is counted, as a face does."""
    while not (board := desk.ask("board", words))["is_whole"]:
        pass
    return board


def answers(folder):
    """Return what is told of some moments and of all time."""
    desk = Desk(folder, ["rq"])
    whole_board(desk)
    found = [whole_board(desk, at=f"@{LAST_SEQ * part // 7}") for part in range(1, 8)]
    for board in found:  # how far it had come by then is nobody's business
        del board["known_seq"]
    whole_board(desk)
    found.append(desk.ask("rates", {}))
    span = found[-1]["slots_ms"][20], found[-1]["slots_ms"][50]
    words = {"from_ms": str(span[0]), "until_ms": str(span[1])}
    found.append(desk.ask("rates", words))
    desk.forget()
    return found


def test_board_of_sums_is_that_of_steps_and_that_of_what_is_followed(folder, tmp_path):
    of_steps = answers(folder)
    files = write_sums(folder)
    of_sums = answers(folder)
    shutil.rmtree(folder / "index")

    assert len(files) > 5
    assert of_sums == of_steps == answers(folder)


def test_sums_that_are_damaged_count_as_missing_and_are_written_anew(folder):
    expected = answers(folder)
    files = write_sums(folder)
    sound = files[2].read_bytes()
    files[2].write_bytes(sound[:-3] + b"odd")

    assert answers(folder) == expected
    assert write_sums(folder) == files
    assert files[2].read_bytes() == sound


def test_board_does_without_pages_that_are_damaged(folder):
    expected = answers(folder)
    write_sums(folder)
    for page in (folder / "index").glob("*.jobs-*"):
        data = page.read_bytes()
        page.write_bytes(data[: len(data) // 2] + b"odd" + data[len(data) // 2 + 3 :])

    assert answers(folder) == expected


def test_board_that_was_just_opened_tells_what_the_index_knows_and_then_goes_on(
    folder,
):
    write_sums(folder)
    desk = Desk(folder, ["rq"])

    first = desk.ask("board", {})
    past = desk.ask("board", {"at": "@100"})
    last = whole_board(desk)
    desk.forget()

    assert not first["is_whole"]
    assert first["point"]["seq"] == first["known_seq"] < first["end"]["seq"]
    assert past["is_whole"]
    assert past["known_seq"] == first["known_seq"]
    assert last["point"]["seq"] == last["end"]["seq"] == LAST_SEQ


def test_sums_of_a_page_add_up():
    times = [1_000_000 + 37 * number for number in range(1000)]
    table = [What(b"mail", "enqueued", "waiting"), What(b"mail", "taken", "running")]
    whats = [number % 3 % 2 for number in range(1000)]
    steps = KnownSteps(1, 1000, range(1000), times, whats, [0] * 1000, table)

    sums = add_up(steps, 0)

    assert len(set(sums.pieces)) <= PIECES
    assert sums.total() == {table[0]: whats.count(0), table[1]: whats.count(1)}
    assert sums.last_ms == times[-1]
    assert add_up(steps._replace(times=[], whats=[]), 7).last_ms == 7


@pytest.mark.parametrize(
    ("from_ms", "until_ms"),
    [(0, 0), (5, 1_000), (1_700_000_000_123, 1_800_000_000_000)],
)
def test_slots_cover_a_span(from_ms, until_ms):
    slots = Slots.over(from_ms, until_ms)
    starts = slots.starts_ms()

    assert starts[0] == from_ms
    assert 2 <= len(starts) <= SLOTS
    assert slots.slot(from_ms) == 0
    assert slots.slot(until_ms) in {len(starts) - 1, 0}
    assert starts == sorted(set(starts))


def test_folder_that_only_grew_is_read_on_and_any_other_is_opened_anew(tmp_path):
    history = make_mail(tmp_path / "data")
    history.log.sync()
    folder = history.folder
    before = look_at(folder)
    assert before.has_only_grown(look_at(folder))

    history.run(history.connect(), "LPUSH rq:queue:mail new")
    history.log.sync()
    grown = look_at(folder)
    (folder / "log" / "00000000000000000001.log.torn").touch()

    assert before.has_only_grown(grown)
    assert not grown.has_only_grown(before)
    assert not grown.has_only_grown(look_at(folder))
    history.close()
