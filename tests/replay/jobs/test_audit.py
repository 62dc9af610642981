import csv
import html.parser
import json

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.storage.filesystem import FileSystem
from joblog.storage.verify import compute_digest
from tests.replay.histories import History, make_mail


@pytest.fixture
def mail(tmp_path):
    make_mail(tmp_path / "data").close()
    return tmp_path / "data"


def run(folder, *words):
    command = ["audit", str(folder), *map(str, words)]
    return CliRunner().invoke(main, command, catch_exceptions=False)


def objects(result):
    return [json.loads(line) for line in result.output.splitlines()]


def test_totals_add_up_to_the_deeds(mail):
    head, *deeds, totals = objects(run(mail, "..", "--json"))

    groups = totals["totals"]["groups"]
    assert sum(group["deeds"] for group in groups) == len(deeds)
    assert totals["totals"]["deeds"] == len(deeds)
    assert totals["totals"]["jobs"] == {"mail": len({deed["job"] for deed in deeds})}
    for group in groups:
        same = [
            deed
            for deed in deeds
            if all(deed[name] == group[name] for name in ("client", "user", "step"))
        ]
        assert len(same) == group["deeds"]
    assert head["audit"]["until_seq"] == 25


def test_two_ranges_have_together_what_the_whole_has(mail):
    whole, *parts = (
        objects(run(mail, span, "--json"))[1:-1] for span in ("..", "..@14", "@14..")
    )

    assert parts[0] + parts[1] == whole


def test_both_ends_have_the_logs_digest(mail):
    head = objects(run(mail, "@14..@20", "--json"))[0]["audit"]

    for end in ("from", "until"):
        digest = compute_digest(mail, head[f"{end}_seq"], filesystem=FileSystem())
        assert head[f"{end}_digest"] == digest


def test_deed_says_who_did_what_to_which_job(mail):
    deeds = objects(run(mail, "..", "--json"))[1:-1]

    (deed,) = [deed for deed in deeds if deed["step"] == "deleted"]
    assert deed == {
        "seq": 15,
        "at": "2023-11-14T22:13:22.041Z",
        "queue": "mail",
        "job": "m3",
        "step": "deleted",
        "state": "deleted",
        "client": "ops #4",
        "address": "10.0.0.9:40009",
        "user": "admin",
        "library": "",
        "by": "LREM rq:queue:mail",
        "key": "rq:queue:mail",
        "problem": "",
    }


def test_csv_has_a_row_for_each_deed_between_the_digests(mail):
    lines = run(mail, "..", "--csv").output.splitlines()

    rows = list(csv.DictReader(line for line in lines if line[0] != "#"))
    assert len(rows) == int(lines[-1].split()[1])
    assert [row["job"] for row in rows if row["problem"]] == ["m4", "m4"]
    assert lines[1].endswith("@25")


NASTY = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", '"><img src=x>', "a,b\nc"]


@pytest.fixture
def nasty(tmp_path):
    history = History(tmp_path)
    session = history.connect(b"<b>web</b>", user=b"=user")
    for word in NASTY:
        history.run(session, [b"RPUSH", b"rq:queue:<i>", word.encode()])
    history.close()
    return tmp_path


def test_csv_has_no_formula_and_loses_nothing(nasty):
    lines = run(nasty, "..", "--csv").output.split("\n")
    body = "\n".join(line for line in lines if not line.startswith("#"))

    rows = list(csv.DictReader(body.splitlines(keepends=True)))
    assert [row["job"].removeprefix("'") for row in rows] == NASTY
    assert not any(cell.startswith("=") for row in rows for cell in row.values())


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = set()
        self.attributes = set()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def test_page_needs_nothing_else_and_escapes_all(nasty, tmp_path):
    path = tmp_path / "audit.html"
    assert run(nasty, "..", "--html", "-o", path).exit_code == 0

    page = Tags()
    page.feed(path.read_text())
    assert page.tags == {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p"),
        *("table", "tr", "th", "td", "code"),
    }
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "class"}
    for word in NASTY:
        assert word.replace("\n", " ") in page.text
    assert "4 deeds, 4 jobs" in page.text


def test_queue_filter_and_exit_codes(mail):
    assert run(mail, "..", "--queue", "ma*").exit_code == 0
    assert run(mail, "..", "--queue", "x*").exit_code == 1
    assert run(mail, "@9..@3").exit_code == 2
    assert run(mail, "..", "-o", "x").exit_code == 2
