"""`replay sql`: its rows are those of other verbs, and it reaches nothing else."""

import csv
import io
import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.index.finder import LogIndex
from joblog.replay.output import queries
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History, make_deploys
from tests.replay.jobs.test_ledger import build

DATA = Path(__file__).resolve().parent.parent / "data"
RECORDED = sorted([*DATA.glob("tours/*/data"), *DATA.glob("histories/*/data")])


def run(*words):
    return CliRunner().invoke(main, words, catch_exceptions=False)


def rows(folder, query, *words):
    done = run("sql", str(folder), query, *words, "--json")
    assert done.exit_code in {0, 1}, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def one(folder, query, *words):
    (row,) = rows(folder, query, *words)
    return next(iter(row.values()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_deploys(tmp_path_factory.mktemp("deploys") / "data").folder


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A log with what is no text, of each type."""
    history = History(tmp_path_factory.mktemp("odd") / "data")
    session = history.connect(name=b"odd")
    history.run(
        session,
        [b"SET", b"k\xff", b"v\xfe"],
        [b"SET", b"text", "grüße".encode()],
        [b"RPUSH", b"list", b"a", b"\xff"],
        [b"HSET", b"hash", b"f", b"v"],
        [b"ZADD", b"zset", b"1.5", b"m"],
        [b"SADD", b"set", b"m"],
        [b"XADD", b"stream", b"1-1", b"f", b"v"],
        [b"SET", b"soon", b"v", b"PX", b"5"],
    )
    history.clock.at_ms += 1000
    history.run(session, [b"SET", b"last", b"v"])
    history.close()
    return history.folder


# --- tables -------------------------------------------------------------------------


@pytest.mark.parametrize("data", RECORDED[::2], ids=lambda data: str(data.parent)[-12:])
def test_jobs_and_records_are_those_of_the_verbs(data):
    listed = [
        json.loads(line)
        for line in run("jobs", str(data), "--all", "--json").stdout.splitlines()
    ]
    stats = json.loads(run("stats", str(data), "-n", "99", "--json").stdout)

    told = rows(data, "SELECT id, queue, verdict, state FROM jobs")
    commands = rows(
        data,
        "SELECT command, count(*) AS n FROM records WHERE effects > 0 GROUP BY ALL",
    )
    effects = rows(data, "SELECT count(*) AS n FROM effects")

    names = ("id", "queue", "verdict", "state")
    wanted = sorted(tuple(job[name] for name in names) for job in listed)
    assert sorted(tuple(job[name] for name in names) for job in told) == wanted
    assert {row["command"]: row["n"] for row in commands} == stats["commands"]
    assert effects == [{"n": stats["effects"]}]


def test_steps_clients_and_scripts_are_those_of_the_verbs():
    data = DATA / "tours" / "bullmq" / "data"
    scripts = run("scripts", str(data), "--json").stdout.splitlines()
    told = rows(data, "SELECT * FROM scripts ORDER BY first_seq")

    assert [(each["sha"], each["calls"]) for each in told] == [
        (each["sha"], each["calls"]) for each in map(json.loads, scripts)
    ]
    assert all(each["source"] for each in told)
    overview = json.loads(run("top", str(data), "--json").stdout)
    for queue in overview["queues"]:
        query = f"FROM steps WHERE queue = '{queue['queue']}' AND step = 'taken'"
        taken = sum(each["taken"] for each in queue["stretches"])
        assert one(data, f"SELECT count(*) {query}") == taken
    assert (
        one(
            data,
            "SELECT count(*) FROM steps s LEFT JOIN clients c ON c.id = s.client_id "
            "WHERE s.client_id > 0 AND c.id IS NULL",
        )
        == 0
    )


def test_jobs_of_an_indexed_log_are_the_same(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("joblog.storage.segment.CHUNK_BYTES", 300)
    monkeypatch.setattr("joblog.replay.index.building._CHUNK_RECORDS", 3)
    monkeypatch.setattr("joblog.replay.jobs.ended._LEAVING_KEPT", 2)
    copy = tmp_path / "data"
    shutil.copytree(folder, copy)
    query = "SELECT id, queue, verdict, state, last_seq FROM jobs ORDER BY ALL"
    followed = rows(copy, query)

    build(copy)

    assert rows(copy, query) == followed
    assert len(followed) == len({row["id"] for row in followed})


def test_range_bounds_the_tables(folder):
    with closing(LogIndex(folder, FileSystem())) as index:
        last = index.last_seq
    words = ("--since", "@5", "--until", "@9")

    assert one(folder, "SELECT list(seq) FROM records", *words) == [6, 7, 8, 9]
    assert one(folder, "SELECT count(*) FROM records") == last
    assert one(folder, "SELECT max(seq) FROM effects", *words) <= 9
    assert one(folder, "SELECT max(seq) FROM steps", *words) <= 9
    assert rows(folder, "SELECT id FROM jobs", "--until", "@0") == []


def test_what_is_no_text_is_there_as_bytes(odd):
    (row,) = rows(
        odd, "SELECT key, key_blob, hex(key_blob) h FROM effects WHERE seq = 2"
    )
    assert row == {"key": None, "key_blob": "k\\xff", "h": "6BFF"}
    (row,) = rows(odd, "SELECT arguments, argument_blobs FROM records WHERE seq = 4")
    assert row["arguments"] == ["list", "a", None]
    assert row["argument_blobs"] == ["list", "a", "\\xff"]


def test_keys_are_those_of_the_moment(odd):
    found = {row["key"]: row for row in rows(odd, "FROM keys_at('now')")}

    assert set(found) == {None, *"text list hash zset set stream last".split()}  # noqa: SIM905 - as it is read
    assert found["text"]["value"] == "grüße"
    assert found[None]["value_blob"] == "v\\xfe"
    assert (found["list"]["places"], found["list"]["contents"]) == (
        ["0", "1"],
        ["a", None],
    )
    assert (found["zset"]["places"], found["zset"]["contents"]) == (["m"], ["1.5"])
    assert found["hash"]["size"] == 1
    soon = rows(
        odd, "SELECT key, deadline FROM keys_at('@9') WHERE deadline IS NOT NULL"
    )
    assert [row["key"] for row in soon] == ["soon"]
    assert one(odd, "SELECT count(*) FROM keys_at('@2')") == 1
    joined = (
        "SELECT count(*) FROM keys_at('@3') a JOIN keys_at('@5') b USING (key_blob)"
    )
    assert one(odd, joined) == 2


def test_tables_can_be_read_twice_in_a_query(folder):
    query = "SELECT count(*) FROM records a JOIN records b ON b.seq = a.seq + 1"

    assert one(folder, query) == one(folder, "SELECT count(*) - 1 FROM records")


# --- faces --------------------------------------------------------------------------


def test_csv_parquet_and_json_say_the_same(folder, tmp_path):
    query = "SELECT seq, time, command, arguments FROM records ORDER BY seq"
    as_json = rows(folder, query)
    as_csv = list(
        csv.DictReader(io.StringIO(run("sql", str(folder), query, "--csv").stdout))
    )
    for name in ("rows.parquet", "rows.csv"):
        assert (
            run("sql", str(folder), query, "--to", str(tmp_path / name)).exit_code == 0
        )
    table = pq.read_table(tmp_path / "rows.parquet").to_pylist()

    assert [int(row["seq"]) for row in as_csv] == [row["seq"] for row in as_json]
    assert [row["time"] for row in as_csv] == [row["time"] for row in as_json]
    assert [row["command"] for row in table] == [row["command"] for row in as_json]
    assert [row["arguments"] for row in table] == [row["arguments"] for row in as_json]
    assert table[0]["time"].tzinfo is not None
    assert (tmp_path / "rows.csv").read_text() == run(
        "sql", str(folder), query, "--csv"
    ).stdout


def test_file_that_is_there_is_kept(folder, tmp_path):
    (tmp_path / "mine.parquet").write_text("mine")

    done = run("sql", str(folder), "SELECT 1", "--to", str(tmp_path / "mine.parquet"))

    assert done.exit_code == 2
    assert (tmp_path / "mine.parquet").read_text() == "mine"
    done = run(
        "sql", str(folder), "SELECT 1", "--to", str(tmp_path / "no" / "x.parquet")
    )
    assert done.exit_code == 1


def test_query_without_rows_exits_with_one(folder):
    assert run("sql", str(folder), "FROM records WHERE false").exit_code == 1


def test_plan_and_columns_are_shown(folder):
    assert "seq" in run("sql", str(folder), "EXPLAIN FROM records").stdout
    assert "argument_blobs" in run("sql", str(folder), "DESCRIBE records").stdout


# --- what it does not reach -----------------------------------------------------------

WRONG = [
    pytest.param("SELEC 1", "syntax error", id="syntax"),
    pytest.param("SELECT nope FROM records", "nope", id="column"),
    pytest.param("FROM nope", "nope", id="table"),
    pytest.param("SELECT 1; SELECT 2", "one SELECT", id="two"),
    pytest.param("", "one SELECT", id="none"),
    pytest.param("COPY records TO '/tmp/x.csv'", "not COPY", id="copy"),
    pytest.param("ATTACH '/tmp/x.db'", "not ATTACH", id="attach"),
    pytest.param("INSTALL httpfs", "one SELECT", id="extension"),
    pytest.param("SET memory_limit = '1TB'", "not SET", id="setting"),
    pytest.param("CREATE TABLE t (x INT)", "not CREATE", id="create"),
    pytest.param("DROP VIEW jobs", "not DROP", id="drop"),
    pytest.param("PRAGMA enable_profiling", "not PRAGMA", id="pragma"),
    pytest.param("FROM read_text('/etc/hostname')", "disabled", id="file"),
    pytest.param("FROM '/etc/hostname.csv'", "hostname", id="file by its name"),
    pytest.param("FROM glob('/*')", "disabled", id="folder"),
    pytest.param("FROM read_csv('http://127.0.0.1:1/x')", "", id="network"),
    pytest.param("FROM query('COPY records TO ''/tmp/x''')", "", id="query in a query"),
    pytest.param("FROM keys_at('garbage')", "no moment", id="moment"),
    pytest.param("FROM keys_at('no-such-tag')", "no-such-tag", id="tag"),
    pytest.param("SELECT * FROM main", "main", id="variable of ours"),
]


@pytest.mark.parametrize(("query", "words"), WRONG)
def test_query_that_is_wrong_or_reaches_out_is_refused_in_one_line(
    folder, query, words
):
    before = set(Path("/tmp").glob("x*"))

    done = run("sql", str(folder), query)

    assert done.exit_code == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("replay: ")
    assert set(Path("/tmp").glob("x*")) == before


def test_damaged_log_is_told_as_one(tmp_path):
    history = History(tmp_path / "data", segment_bytes_max=4096)
    session = history.connect()
    for number in range(200):
        history.run(session, [b"SET", b"k%d" % number, b"v" * 50])
    history.close()
    first, *_ = sorted((history.folder / "log").glob("*.log"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 0xFF
    first.write_bytes(bytes(data))

    done = run("sql", str(history.folder), "SELECT count(*) FROM records")

    assert done.exit_code == 3
    assert "run 'replay repair" in done.stderr
    assert done.stdout == ""


def test_missing_package_is_told_in_one_line(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)

    done = run("sql", str(folder), "SELECT 1")

    assert done.exit_code == 1
    assert done.stderr.strip() == (
        "replay: SQL needs the packages duckdb and pyarrow: pip install 'joblog[sql]'"
    )


def test_folder_of_what_is_sorted_is_removed(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(queries.tempfile, "tempdir", str(tmp_path))

    assert rows(folder, "FROM records ORDER BY arguments")
    assert list(tmp_path.iterdir()) == []


class Wide:
    """A table of more than DuckDB may hold at a time."""

    name = "wide"
    columns = (("number", "number"), ("word", "text"))

    def batches(self):
        for start in range(0, 200_000, 1000):
            yield [
                (n, f"{n * 7919 % 200_000:06}" * 100)
                for n in range(start, start + 1000)
            ]


def sort_wide(*, may_spill):
    """Return how many rows come sorted."""
    with queries.open_queries(may_spill=may_spill) as opened:
        opened.add(Wide())
        opened.shut_in()
        result = opened.ask("SELECT number FROM wide ORDER BY word, number")
        return sum(batch.num_rows for batch in result.batches)


@pytest.mark.slow
def test_what_does_not_fit_is_written_only_where_that_may_be():
    assert sort_wide(may_spill=True) == 200_000
    with pytest.raises(queries.QueryError, match="Out of Memory") as refused:
        sort_wide(may_spill=False)
    assert not refused.value.is_usage


def test_other_verbs_import_neither_package(folder):
    code = (
        "import sys; from joblog.replay.cli import main; "
        "main(['jobs', sys.argv[1]], standalone_mode=False); "
        "assert not {'duckdb', 'pyarrow', 'prometheus_client'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
