"""`replay metrics`: parsers read it, and its numbers are those of other verbs."""

import json
import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from joblog.app import families
from joblog.app.history.notes import EvictedNote, ExpiredNote, ScriptNote, encode_note
from joblog.replay.cli import main
from joblog.replay.index.finder import LogIndex
from joblog.replay.views.past_series import Columns, TooManyValuesError
from joblog.replay.views.series import (
    OPEN_STATES,
    JobCounts,
    RecordCounts,
    Value,
    Waiting,
)
from joblog.storage.filesystem import FileSystem
from joblog.storage.record import Origin, Record
from tests.replay.histories import START_MS, History, make_deploys
from tests.replay.jobs.test_ledger import build
from tests.support.servers import require_program

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "tests" / "data"
RECORDED = sorted([*DATA.glob("tours/*/data"), *DATA.glob("histories/*/data")])
DASHBOARD = json.loads((ROOT / "docs" / "deploy" / "grafana.json").read_text())


def run(*words):
    return CliRunner().invoke(main, words, catch_exceptions=False)


def told(folder, *words):
    """Return the values of the last moment, by name and labels."""
    lines = run("metrics", str(folder), *words, "--json").stdout.splitlines()
    return {
        (each["name"], *each["labels"].values()): each["value"]
        for each in json.loads(lines[-1])["series"]
    }


def at(folder, seq):
    return told(folder, "--until", f"@{seq}", "--step", "365d")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_deploys(tmp_path_factory.mktemp("deploys") / "data").folder


@pytest.fixture(scope="module")
def text(folder):
    return run("metrics", str(folder), "--step", "1s").stdout


# --- parsers ------------------------------------------------------------------------


def test_openmetrics_parser_reads_every_family_of_the_log(text):
    found = {family.name: family for family in text_string_to_metric_families(text)}
    known = {family.name: family for family in families.HISTORY}

    assert set(found) <= set(known)
    assert {each.name for each in families.DEEDS.values()} < set(found)
    for name, family in found.items():
        assert family.type == known[name].kind
        assert family.samples
        times = [float(sample.timestamp) for sample in family.samples]
        assert all(float(time).is_integer() for time in times)


def test_promtool_makes_blocks_of_it_and_tells_their_series(text, tmp_path):
    promtool = require_program("promtool")
    (tmp_path / "past.om").write_text(text)

    words = ["tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run(
        [promtool, *words, str(tmp_path / "past.om"), str(tmp_path / "blocks")],
        check=True,
        capture_output=True,
    )
    (tmp_path / "blocks" / "wal").mkdir()  # it looks for one
    dump = subprocess.run(
        [promtool, "tsdb", "dump", str(tmp_path / "blocks")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    waiting = re.findall(
        r'{__name__="joblog_queue_jobs", queue="mail", state="waiting"} (\S+)', dump
    )
    expected = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels == {"queue": "mail", "state": "waiting"}
    ]
    assert list(map(float, waiting)) == expected


def test_labels_are_escaped(tmp_path):
    history = History(tmp_path / "data")
    session = history.connect()
    history.run(
        session,
        [b"SADD", b"rq:queues", b'rq:queue:a"b\\c\nd'],
        [b"RPUSH", b'rq:queue:a"b\\c\nd', b"j1"],
    )
    history.close()

    text = run("metrics", str(tmp_path / "data"), "--step", "1s").stdout

    labels = {
        sample.labels.get("queue")
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert 'a"b\\c\nd' in labels


# --- numbers ------------------------------------------------------------------------


def top(folder, seq):
    words = ("--until", f"@{seq}", "--lost-after", "1e9", "--stuck-after", "1e9")
    return json.loads(run("top", str(folder), *words, "--json").stdout)


def last_seq_of(folder):
    with closing(LogIndex(folder, FileSystem())) as index:
        return index.last_seq


def check_moment(folder, seq):
    """Compare with `top` and `stats` at a moment."""
    found, overview = at(folder, seq), top(folder, seq)
    for queue in overview["queues"]:
        name = queue["queue"]
        depths = {state: queue["depths"].get(state, [0])[-1] for state in OPEN_STATES}
        jobs = {
            state: found.get(("joblog_queue_jobs", name, state))
            for state in OPEN_STATES
        }
        if jobs["running"] is None:
            del jobs["running"], depths["running"]
        elif jobs != depths:
            # `top` calls some stuck, and scheduled what a worker holds until it is due.
            jobs["scheduled"] += jobs.pop("running")
            depths["scheduled"] += depths.pop("running")
            depths["scheduled"] += queue["depths"].get("stuck", [0])[-1]
        assert jobs == depths, name
        for deed in families.DEEDS:
            total = sum(each[deed] for each in queue["stretches"])
            assert found[f"joblog_queue_{deed}_total", name] == total, (name, deed)
    stats = run("stats", str(folder), "--until", f"@{seq}", "-n", "99", "--json")
    stats = json.loads(stats.stdout)
    for command, count in stats["commands"].items():
        assert found["joblog_log_commands_total", command] == count
    for script, count in stats["scripts"].items():
        assert found["joblog_script_records_total", script] == count
    assert found["joblog_log_last_seq",] == seq


@pytest.mark.parametrize("data", RECORDED, ids=lambda data: str(data.parent)[-12:])
def test_numbers_are_those_of_top_and_stats_at_three_moments(data):
    last = last_seq_of(data)

    for seq in (last // 3, last * 2 // 3, last):
        check_moment(data, seq)


def test_counters_go_on_from_the_logs_start_in_a_range(folder):
    whole = told(folder, "--until", "deploy-3", "--step", "365d")
    part = told(folder, "--since", "deploy-2", "--until", "deploy-3", "--step", "365d")

    assert {name: part[name] for name in part if "keys" not in name[0]} == {
        name: whole[name] for name in part if "keys" not in name[0]
    }


def test_ledger_of_the_index_tells_the_same(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
    monkeypatch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 3)
    copy = tmp_path / "data"
    shutil.copytree(folder, copy)
    followed = run("metrics", str(copy), "--step", "1s").stdout

    build(copy)

    assert run("metrics", str(copy), "--step", "1s").stdout == followed


def test_age_is_that_of_the_oldest_job_that_waits(tmp_path):
    history = History(tmp_path / "data")
    session = history.connect()
    ages = []
    history.run(session, "SADD rq:queues rq:queue:mail")
    for words in ("RPUSH a", "RPUSH b", "LPOP", "LPOP", "RPUSH c"):
        verb, *job = words.split()
        history.clock.at_ms += 1000
        history.run(session, " ".join((verb, "rq:queue:mail", *job)))
        seq = history.log.last_seq
        ages.append(
            at(history.folder, seq)["joblog_queue_oldest_waiting_seconds", "mail"]
        )
    history.close()

    assert ages == [0, 1.001, 1.001, 0, 0]


def test_waiting_jobs_that_leave_from_the_middle_are_not_kept():
    waiting = Waiting()
    for number in range(5000):
        waiting.add(b"%d" % number, number)
        if number:
            waiting.remove(b"%d" % number)

    assert len(waiting) == 1
    assert waiting.oldest_ms() == 0
    assert len(waiting._turns) < 2000
    waiting.remove(b"0")
    assert waiting.oldest_ms() is None


def test_jobs_that_were_there_before_count_from_then():
    counts = JobCounts({(b"mail", "waiting"): 2}, START_MS)

    found = {value[:2]: value.number for value in counts.values(START_MS + 5000)}

    assert found[families.JOBS, ("mail", "waiting")] == 2
    assert found[families.OLDEST, ("mail",)] == 5


def test_keys_that_the_server_removed_are_counted():
    counts = RecordCounts()
    for note in (ExpiredNote(), EvictedNote("allkeys-lru"), ScriptNote("")):
        origin = Origin(0, [b"FCALL", b"sweep"], encode_note(note))
        effects = [[b"DEL", b"a", b"b"], [b"HDEL", b"h", b"f"]]
        counts.observe(Record(1, 0, START_MS, 0, effects, origin))

    assert (counts.expired, counts.evicted) == (2, 2)
    assert counts.scripts == {"sweep": 1}


def test_more_values_than_can_be_held_are_refused(monkeypatch, folder):
    monkeypatch.setattr("joblog.replay.views.past_series.VALUES_MAX", 100)

    with pytest.raises(TooManyValuesError, match="a longer --step"):
        Columns(101).take(0, [Value(families.LAST_SEQ, (), 1)])
    done = run("metrics", str(folder), "--step", "1s")
    assert done.exit_code == 2
    assert "a longer --step" in done.stderr


@pytest.mark.parametrize("step", ["0", "1y", "-1s", ""])
def test_step_that_is_none_is_refused(folder, step):
    done = run("metrics", str(folder), "--step", step)

    assert done.exit_code == 2
    assert "is no duration" in done.stderr


def test_range_without_records_or_moments_exits_with_one(folder):
    assert run("metrics", str(folder), "--until", "@0").exit_code == 1
    assert run("metrics", str(folder), "@3..@3").exit_code == 1


# --- the dashboard ------------------------------------------------------------------


def queries():
    return [
        target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    ]


def test_dashboard_asks_for_series_that_exist():
    known = set()
    for family in (*families.SERVER, *families.HISTORY):
        known.add(family.sample_name)
        if family.kind == "histogram":
            known |= {f"{family.name}_{end}" for end in ("bucket", "sum", "count")}
    asked = {name for expr in queries() for name in re.findall(r"joblog_\w+", expr)}
    asked |= set(re.findall(r"joblog_\w+", json.dumps(DASHBOARD["templating"])))

    assert len(queries()) > 20
    assert asked <= known
    # What the log tells is what the first half of it shows: it works on the past.
    of_log = {each.sample_name for each in families.HISTORY}
    live = next(
        at for at, panel in enumerate(DASHBOARD["panels"])
        if panel["title"] == "The server (live)"
    )  # fmt: skip
    for panel in DASHBOARD["panels"][:live]:
        for target in panel.get("targets", ()):
            assert set(re.findall(r"joblog_\w+", target["expr"])) <= of_log


def test_prometheus_understands_the_dashboards_queries(tmp_path):
    promtool = require_program("promtool")
    rules = []
    for number, query in enumerate(queries()):
        expr = query.replace("$__rate_interval", "5m").replace("$queue", ".*")
        rules.append({"record": f"r{number}", "expr": expr})
    (tmp_path / "rules.json").write_text(
        json.dumps({"groups": [{"name": "dashboard", "rules": rules}]})
    )

    done = subprocess.run(
        [promtool, "check", "rules", str(tmp_path / "rules.json")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_has_what_grafana_asks_of_one():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert {"title", "uid", "schemaVersion", "templating", "time"} <= set(DASHBOARD)
    places = set()
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        assert (grid["x"], grid["y"]) not in places
        places.add((grid["x"], grid["y"]))
