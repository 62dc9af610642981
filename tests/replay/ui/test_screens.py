"""The screens in the terminal: what they show is what the model says, at any moment."""

import asyncio
import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from textual.widgets import DataTable, Input, Static
from textual.worker import WorkerCancelled

from joblog.app import clock
from joblog.replay.cli import main
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.ui.app import HistoryApp
from joblog.replay.ui.places import Place
from joblog.replay.views.answers import Desk
from tests.replay.histories import History
from tests.support.damages import flip_a_bit, make_folder
from tests.support.waiting import wait_until

DATA = Path(__file__).resolve().parents[2] / "data"
TOURS = DATA / "tours"
RQ = TOURS / "rq" / "data"
NARROW, WIDE = (80, 24), (130, 40)


@pytest.fixture(autouse=True)
def _one_time(monkeypatch):
    monkeypatch.setattr(clock, "now_ms", lambda: 1_800_000_000_000)


def drive(folder, story, size=WIDE, at=""):
    """Run the screens over a folder; `story` is given them."""

    async def play():
        app = HistoryApp(folder, (), Limits(), at)
        async with app.run_test(size=size) as pilot:
            screen = Screens(app, pilot)
            await screen.settle()
            return await story(screen)

    return asyncio.run(play())


class Screens:
    """The program, as a user has it before them."""

    def __init__(self, app, pilot):
        self.app = app
        self._pilot = pilot

    async def press(self, *keys):
        await self._pilot.press(*keys)
        await self.settle()

    async def settle(self):
        """Wait until all that was asked is answered and shown."""
        for _ in range(3):
            await self._pilot.pause()
            # Who asks anew, as the log has grown, ends what was asked before.
            with suppress(WorkerCancelled):
                await self.app.workers.wait_for_complete()
        await self._pilot.pause()

    @property
    def table(self):
        return self.app.screen.query_one(DataTable)

    def rows(self):
        return [
            [str(cell) for cell in self.table.get_row_at(place)]
            for place in range(self.table.row_count)
        ]

    def text(self, name):
        return str(self.app.screen.query_one(f"#{name}", Static).render())

    @property
    def kind(self):
        return type(self.app.screen).__name__


def model(folder, name, **words):
    desk = Desk(folder)
    try:
        wait_until(lambda: desk.ask("board", {}).get("is_whole", True))
        return desk.ask(name, words)
    finally:
        desk.forget()


def board_rows(folder, **words):
    return [
        [queue["queue"], *(str(queue["states"].get(state, "")) for state in STATES)]
        for queue in model(folder, "board", **words)["queues"]
    ]


STATES = ("waiting", "running", "failed")


@pytest.mark.parametrize("name", ["rq", "celery", "bullmq", "delancie"])
def test_first_screen_shows_the_queues_of_the_moment(name):
    folder = TOURS / name / "data"
    last_seq = model(folder, "axis")["until_seq"]

    async def story(screen):
        shown = {"": [row[:4] for row in screen.rows()]}
        for seq in (last_seq // 3, last_seq * 2 // 3):
            screen.app.show_at(seq)
            await screen.settle()
            shown[f"@{seq}"] = [row[:4] for row in screen.rows()]
        return shown

    for at, rows in drive(folder, story).items():
        assert rows == board_rows(folder, **({"at": at} if at else {}))


def test_problems_are_those_of_top():
    counts = model(RQ, "overview")["counts"]

    async def story(screen):
        return screen.text("head")

    told = drive(RQ, story)
    for word in ("lost", "stuck", "delivered twice", "failed"):
        assert f"{counts[word]} {word}" in told


def test_arrows_step_through_the_records_and_end_goes_live():
    async def story(screen):
        seqs = []
        for key in ("left", "left", "shift+left", "right", "home", "left", "end"):
            await screen.press(key)
            seqs.append(screen.app.at)
        return seqs

    assert drive(RQ, story) == [539, 538, 438, 439, 1, 1, None]


def test_brackets_go_from_mark_to_mark():
    marks = sorted({mark["seq"] for mark in model(RQ, "axis")["marks"]})

    async def story(screen):
        await screen.press("left_square_bracket")
        newest = screen.app.at
        await screen.press("left_square_bracket")
        before = screen.app.at
        await screen.press("right_square_bracket")
        return [before, newest, screen.app.at]

    assert drive(RQ, story) == [marks[-2], marks[-1], marks[-1]]


@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_way_from_a_queue_to_a_job_its_record_and_a_key(size):
    async def story(screen):
        await screen.press("down", "enter")
        kinds = [screen.kind]
        [first, *_] = screen.rows()
        await screen.press("enter")
        kinds.append(screen.kind)
        steps = [row[:4] for row in screen.rows()]
        head = screen.text("head")
        await screen.press("enter")
        kinds.append(screen.kind)
        await screen.press("enter")
        kinds.append(screen.kind)
        at = screen.app.at
        for _ in range(6):
            await screen.press("escape")
        kinds.append(screen.kind)
        return kinds, first, steps, head, at

    kinds, first, steps, head, at = drive(RQ, story, size)

    [job] = model(RQ, "job", id=first[0])["jobs"]
    assert kinds == [
        *("QueueScreen", "JobScreen", "RecordScreen", "KeyScreen", "QueuesScreen")
    ]
    assert first[1] == job["verdict"] in head
    assert job["reason"] in head
    assert [row[0] for row in steps] == [f"@{step['seq']}" for step in job["steps"]]
    assert at == job["steps"][0]["seq"]


def test_n_walks_along_the_steps_of_a_job():
    [job] = model(RQ, "job", id=rq_job("retried"))["jobs"]
    seqs = [step["seq"] for step in job["steps"]]

    async def story(screen):
        await search(screen, rq_job("retried"))
        await screen.press("enter")
        walked = []
        for key in ("N", "N", "n"):
            await screen.press(key)
            walked.append(screen.app.at)
        rows = [row[0] for row in screen.rows()]
        return walked, rows

    walked, rows = drive(RQ, story)
    assert walked == [seqs[-1], seqs[-2], seqs[-1]]
    assert rows == [f"@{seq}" for seq in seqs]


def rq_job(story):
    return json.loads((RQ.parent / "jobs.json").read_text())["jobs"][story]


async def search(screen, text):
    await screen.press("slash")
    screen.app.screen.query_one(Input).value = text
    await screen.press("enter")


def test_search_finds_jobs_keys_and_records_and_its_line_has_the_arrows():
    async def story(screen):
        await search(screen, "rq:queue:default")
        kinds = {row[0] for row in screen.rows()}
        screen.app.screen.query_one(Input).focus()
        await screen.press("left", "home", "end")
        at = screen.app.at
        await search(screen, "17")
        [record, *_] = screen.rows()
        await search(screen, "nothing is called so")
        return kinds, at, record, screen.rows(), screen.text("note")

    kinds, at, record, rows, note = drive(RQ, story)
    assert {"key", "mention"} <= kinds
    assert at is None
    assert record[:2] == ["record", "@17"]
    assert rows == []
    assert "nothing is like that" in note


def test_two_moments_show_what_differs_and_lead_there():
    last_seq = model(RQ, "axis")["until_seq"]
    words = {"a": "@100", "b": f"@{last_seq - 100}"}
    told = model(RQ, "compare", **words)

    async def story(screen):
        screen.app.show_at(last_seq - 100)
        await screen.press("t")
        asked = screen.text("note")
        screen.app.screen.query_one(Input).value = "@100"
        await screen.press("enter")
        head, rows = screen.text("head"), screen.rows()
        await screen.press("enter")
        return asked, head, rows, screen.kind

    asked, head, rows, kind = drive(RQ, story)
    assert "write the moment" in asked
    counts = ", ".join(f"{count:,} {word}" for word, count in told["counts"].items())
    assert counts in head
    assert [row[1] for row in rows if row[0] == "key"] == [
        key["label"] for key in told["keys"]
    ]
    queues = {queue["queue"] for queue in told["b"]["queues"]}
    assert {row[1] for row in rows if row[0] == "queue"} == queues
    assert kind == "QueueScreen"


def test_payload_of_a_job_is_shown_decoded():
    [job] = model(RQ, "job", id=rq_job("retried"))["jobs"]

    async def story(screen):
        await search(screen, rq_job("retried"))
        await screen.press("enter", "p")
        await screen.settle()
        return screen.kind, [row[0] for row in screen.rows()]

    kind, lines = drive(RQ, story)
    assert kind == "PayloadScreen"
    for decoded in job["own"]["decoded"]:
        assert f"{decoded['place']} ({decoded['format']})" in lines
    assert job["own"]["decoded"]


def test_clients_and_help():
    async def story(screen):
        await screen.press("c")
        rows = screen.rows()
        await screen.press("question_mark")
        kind = screen.kind
        await screen.press("escape")
        return rows, kind, screen.kind

    rows, kind, after = drive(RQ, story)
    assert [row[0] for row in rows] == [
        client["label"] for client in model(RQ, "clients")["clients"]
    ]
    assert (kind, after) == ("HelpScreen", "ClientsScreen")


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "data")
    yield made
    made.close()


def test_screen_follows_the_log_while_it_grows(history):
    web = history.connect(b"web")
    history.run(web, "RPUSH rq:queue:mail m1", "SADD rq:queues rq:queue:mail")

    async def story(screen):
        before = [row[:2] for row in screen.rows()]
        history.run(web, "RPUSH rq:queue:mail m2 m3")
        for _ in range(200):
            await asyncio.sleep(0.05)
            await screen.settle()
            if screen.rows() and screen.rows()[0][1] == "3":
                break
        return before, [row[:2] for row in screen.rows()]

    before, after = drive(history.folder, story)
    assert (before, after) == ([["mail", "1"]], [["mail", "3"]])


def test_markup_in_names_and_values_is_shown_as_it_is(history):
    web = history.connect(b"[bold]web[/bold]")
    history.run(
        web,
        [b"RPUSH", b"rq:queue:[red]mail", b"[blink]m1[/blink]", b"[/]"],
        "SADD rq:queues mail",
    )

    async def story(screen):
        names = [row[0] for row in screen.rows()]
        await screen.press("enter")
        jobs = [row[0] for row in screen.rows()]
        await search(screen, "rq:queue:[red]mail")
        await screen.press("enter")
        return names, jobs, screen.text("head")

    names, jobs, head = drive(history.folder, story)
    assert names == ["[red]mail"]
    assert set(jobs) == {"[blink]m1[/blink]", "[/]"}
    assert "rq:queue:[red]mail" in head
    assert "[blink]m1[/blink]" in head


def test_damaged_log_is_said_to_be_damaged(tmp_path):
    folder = make_folder(tmp_path / "data")
    flip_a_bit(folder)

    async def story(screen):
        return screen.text("note")

    assert drive(folder, story).startswith("damaged: ")


def test_moment_to_begin_with(tmp_path):
    async def story(screen):
        return screen.app.at

    assert drive(RQ, story, at="@100") == 100


def test_verb_needs_a_terminal_and_a_folder(tmp_path):
    shutil.copytree(RQ, tmp_path / "rq")
    runner = CliRunner()

    no_terminal = runner.invoke(main, ["ui", str(tmp_path / "rq")])
    no_folder = runner.invoke(main, ["ui", str(tmp_path)])

    assert no_terminal.exit_code == no_folder.exit_code == 1
    assert "needs a terminal" in no_terminal.output
    assert "no data folder" in no_folder.output


def test_scripts_are_told_with_what_they_took(tmp_path):
    history = History(tmp_path / "data")
    client = history.connect(b"web")
    source = b"-- name: push\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])"
    for job_id in (b"m1", b"m2"):
        history.run(client, [b"EVAL", source, b"1", b"rq:queue:mail", job_id])
    history.close()

    async def story(screen):
        await screen.press("s")
        everywhere = screen.rows()
        await screen.press("escape")
        screen.app.open_place(Place("queue", "mail"))
        await screen.settle()
        await screen.press("s")
        of_queue, head = screen.rows(), screen.text("head")
        await screen.press("enter")
        return everywhere, of_queue, head, screen.kind, screen.text("head")

    everywhere, of_queue, head, kind, record = drive(history.folder, story)
    told = ["push", "2", "", "114 µs", "57 µs", "57 µs"]
    assert [row[:6] for row in everywhere] == [row[:6] for row in of_queue] == [told]
    assert "scripts of mail" in head
    assert kind == "RecordScreen"
    assert "took 57 µs" in record
