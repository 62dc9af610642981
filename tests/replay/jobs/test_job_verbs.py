import json

import pytest
from click.testing import CliRunner

from joblog.app.history import folding
from joblog.replay.cli import main
from joblog.replay.jobs import reading, sparse
from tests.replay.histories import History, make_mail

AT = ["--at", "2023-11-14T22:30Z"]


@pytest.fixture
def mail(tmp_path):
    make_mail(tmp_path / "mail-data").close()

    def run(verb, *words):
        command = [verb, str(tmp_path / "mail-data"), *words]
        return CliRunner().invoke(main, command, catch_exceptions=False)

    return run


@pytest.mark.parametrize("verb", ["job", "jobs", "audit", "prove", "check"])
def test_verb_explains_itself_with_examples(verb):
    result = CliRunner().invoke(main, [verb, "--help"])

    assert result.exit_code == 0
    assert "Examples:" in result.output


FILTERS = [
    ([], ["m2", "m3", "m4", "m5", "m6"]),
    (["--all"], ["m1", "m2", "m3", "m4", "m5", "m6"]),
    (["--stuck"], ["m2"]),
    (["--deleted"], ["m3"]),
    (["--double"], ["m4"]),
    (["--lost"], ["m5"]),
    (["--stuck", "--lost"], ["m2", "m5"]),
    (["--state", "waiting"], ["m6"]),
    (["--state", "done", "--queue", "mai?"], ["m1"]),
    (["--queue", "other"], []),
    (["--slow", "2"], ["m2", "m5", "m6"]),
    (["--slow"], ["m2", "m5", "m6"]),
    (["--lost", "--lost-after", "86400"], []),
    (["--all", "-n", "2"], ["m1", "m2"]),
]


@pytest.mark.parametrize(("words", "jobs"), FILTERS, ids=[str(f[0]) for f in FILTERS])
def test_filter_lets_its_jobs_through(mail, words, jobs):
    result = mail("jobs", *words, *AT, "--json")

    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == jobs
    assert result.exit_code == (0 if jobs else 1)


def test_job_that_only_has_a_key_of_its_own_has_no_verdict(tmp_path):
    history = History(tmp_path / "data")
    history.run(history.connect(), "HSET job:8 state queued")
    history.close()

    result = CliRunner().invoke(main, ["job", str(tmp_path / "data"), "8"])

    assert result.exit_code == 1
    assert result.output == (
        "replay: no schema fits this log: its jobs are guessed by words in the "
        "names of keys\n"
        "replay: no record up to seq 2 tells of a job 8; "
        "log --job has those that only name it\n"
    )


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_moment_of_the_past_has_the_jobs_as_they_were_then(mail, words):
    then = mail("jobs", "--all", "--at", "@8", *words).output

    assert then.count("waiting") >= 6
    assert "done" not in mail("job", "m1", "--at", "@8").output


def test_job_in_json_has_its_steps_and_who_is_to_blame(mail):
    (facts,) = map(json.loads, mail("job", "m4", "--json").output.splitlines())

    assert facts["verdict"] == "delivered twice"
    assert facts["by"]["client"]["name"] == "worker-2"
    assert facts["deliveries"] == 2
    assert [step["step"] for step in facts["steps"]][:3] == [
        "enqueued",
        "enqueued again",
        "taken",
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["job", "m9"], 1),
        (["job", "m1", "--schema", "nope"], 2),
        (["jobs", "--state", "odd"], 2),
        (["jobs", "--schema", "bullmq"], 1),
        (["audit", "now..now"], 1),
        (["prove", "@99"], 1),
        (["job", "m1", "--exact"], 0),
    ],
    ids=str,
)
def test_exit_code_says_what_was_found(mail, words, code):
    assert mail(*words).exit_code == code


def test_job_of_a_pruned_log_is_told_from_the_first_snapshot_on(tmp_path):
    history = History(tmp_path, segment_bytes_max=400)
    session = history.connect(b"web")
    for number in range(8):
        history.run(session, f"RPUSH rq:queue:q job-{number}")
    history.close()
    prune_behind_snapshot(tmp_path, 6)

    result = CliRunner().invoke(main, ["jobs", str(tmp_path), "--json"])

    found = {each["id"]: each["verdict"] for each in map(json.loads, lines(result))}
    assert found == {f"job-{number}": "waiting" for number in range(8)}


def lines(result):
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def prune_behind_snapshot(folder, until_seq):
    words = [str(folder), "--until", str(until_seq)]
    assert folding.main([*words, "--tidy", "--retention-bytes", "1"]) == 0
    assert min((folder / "log").glob("*.log")).stem != f"{1:020d}"


def _seqs(result):
    facts = map(json.loads, result.output.splitlines())
    return [fact["seq"] for fact in facts]


@pytest.mark.parametrize("job_id", ["m1", "m2", "m4", "m5"])
def test_log_of_a_job_has_the_pops_that_do_not_mention_it(mail, job_id):
    told = json.loads(mail("job", job_id, "--json").output)
    steps = {step["seq"] for step in told["steps"]}

    seqs = _seqs(mail("log", "--job", job_id, "--json"))

    assert steps <= set(seqs)
    assert seqs == sorted(set(seqs))
    assert _seqs(mail("log", "--job", job_id, "--json", "-r")) == seqs[::-1]
    assert _seqs(mail("log", "--job", job_id, "--json", "-n", "2")) == seqs[-2:]


def test_log_of_a_job_passes_the_other_filters_too(mail):
    pops = mail("log", "--job", "m1", "--command", "LMOVE", "--json")

    assert len(_seqs(pops)) == 1
    until = str(_seqs(pops)[0] - 1)
    words = ("log", "--job", "m1", "--command", "LMOVE", "--to", until)
    assert mail(*words).stdout == ""
    assert mail(*words).stderr == "replay: no record is like that\n"


def test_log_of_a_job_says_where_pops_may_be_left_out(mail, monkeypatch):
    monkeypatch.setattr(reading, "LONG_RECORDS", -1)
    monkeypatch.setattr(sparse, "MENTIONS_MAX", 0)

    result = mail("log", "--job", "m5")

    assert "RPUSH rq:queue:mail m5" in result.stdout
    assert "'replay job --exact' finds them" in result.stderr


def test_bisect_finds_the_schema_that_fits_by_itself(mail):
    named = mail("bisect", "..", "--check", "job-in-none", "--schema", "rq", "--json")
    found = mail("bisect", "..", "--check", "job-in-none", "--json")

    assert found.stdout == named.stdout
    assert json.loads(found.stdout)["fails_seq"]
    assert "by the schema rq" in found.stderr


def test_jobs_of_a_range_are_told_with_what_was_before_it(mail):
    since = ("jobs", "--all", *AT, "--since", "@14", "--json")
    jobs = {facts["id"]: facts for facts in map(json.loads, lines(mail(*since)))}
    whole = map(json.loads, lines(mail("jobs", "--all", *AT, "--json")))

    assert jobs["m6"]["enqueued"]
    assert jobs == {facts["id"]: facts for facts in whole if facts["id"] in jobs}


def test_jobs_since_a_moment_are_those_that_were_there_then_or_came_later(mail):
    def verdicts(*words):
        lines = mail("jobs", "--all", *AT, *words, "--json").stdout.splitlines()
        return {fact["id"]: fact["verdict"] for fact in map(json.loads, lines)}

    everything = verdicts()

    assert verdicts("--since", "@0") == everything
    # After the first six records nothing was taken yet, so nothing is missing.
    assert verdicts("--since", "@7") == everything
    assert verdicts("--since", "now").keys() < everything.keys()


def test_job_that_was_done_before_the_moment_and_is_run_again_is_found(tmp_path):
    history = History(tmp_path / "data")
    worker = history.connect(b"")
    again = ["LPOP rq:queue:mail", "HSET rq:job:m1 status started worker_name w1"]
    done = ["HSET rq:job:m1 status finished", "ZADD rq:finished:mail 1700009999 m1"]
    history.run(worker, "HSET rq:job:m1 status queued", "RPUSH rq:queue:mail m1")
    history.run(worker, *again, *done)
    since = history.log.last_seq
    history.run(history.connect(b"ops"), "RPUSH rq:queue:mail m1")
    history.run(worker, *again, *done)
    history.close()

    words = ["jobs", str(history.folder), "--since", f"@{since}", "--double"]
    found = CliRunner().invoke(main, words, catch_exceptions=False).stdout

    [cells] = [line.split("\t") for line in found.splitlines()]
    assert cells[:3] == ["m1", "mail", "delivered twice"]
    assert cells[-1] == "taken again, having been enqueued anew after it was done"
    # A connection without a name is told by the name that its worker has.
    assert cells[-2] == "w1 #1"
