import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.index.finder import LogIndex
from joblog.replay.jobs.schema import (
    FIELDS,
    SCORES,
    STATES,
    SchemaError,
)
from joblog.replay.jobs.schema_files import parse_schema, read_schema
from joblog.replay.jobs.shipped import detect_schemas, load_schemas, shipped_schemas
from joblog.storage.filesystem import FileSystem
from tests.replay.histories import History
from tests.replay.jobs.reading import follow

ROOT = Path(__file__).resolve().parents[3]
LIBRARIES = (
    *("arq", "asynq", "bull", "bullmq", "celery", "delancie"),
    *("dramatiq", "huey", "rq", "saq", "sidekiq", "taskiq"),
)

KEYS = [
    ("delancie", b"delancie:{mail}:leased", "running"),
    ("delancie", b"delancie:{mail}:waitlist:group", "blocked"),
    ("rq", b"rq:queue:mail", "waiting"),
    ("rq", b"rq:queue:mail:intermediate", "running"),
    ("celery", b"celery", "waiting"),
    ("celery", b"celery\x06\x163", "waiting"),
    ("celery", b"unacked", "running"),
    ("dramatiq", b"dramatiq:default.DQ", "scheduled"),
    ("dramatiq", b"dramatiq:default", "waiting"),
    ("huey", b"huey.schedule.q", "scheduled"),
    ("arq", b"arq:queue", "waiting"),
    ("arq", b"arq:in-progress:7", "running"),
    ("saq", b"saq:default:active", "running"),
    ("bullmq", b"bull:mail:wait", "waiting"),
    ("bullmq", b"bull:mail:waiting-children", "blocked"),
    ("bull", b"bull:mail:completed", "done"),
    ("sidekiq", b"host:1:abc:work", "running"),
    ("sidekiq", b"retry", "scheduled"),
    ("asynq", b"asynq:{mail}:archived", "failed"),
]


def test_each_library_has_a_schema():
    assert tuple(shipped_schemas()) == LIBRARIES


@pytest.mark.parametrize(("name", "key", "state"), KEYS)
def test_key_means_a_state(name, key, state):
    assert shipped_schemas()[name].meaning(key).rule.state == state


def test_key_of_a_job_is_no_other_key_of_its_queue():
    schema = shipped_schemas()["bullmq"]

    assert schema.meaning(b"bull:mail:7").names == (b"mail", b"7")
    assert schema.meaning(b"bull:mail:7").rule.kind == "job"
    assert schema.meaning(b"bull:mail:meta") is None
    assert schema.meaning(b"bull:mail:7:logs") is None
    assert schema.meaning(b"other") is None


GOOD = {"name": "own", "place": [{"key": "q", "state": "waiting"}]}
WRONG = [
    pytest.param({"name": ""}, "give it one", id="no name"),
    pytest.param({"place": []}, "says nothing of any key", id="no rule"),
    pytest.param({"plaice": []}, "keys are", id="unknown table"),
    pytest.param({"place": [{"state": "waiting"}]}, "give it a key", id="no key"),
    pytest.param({"place": [{"key": "{"}]}, "brace", id="pattern"),
    pytest.param({"place": [{"key": "q", "state": "x"}]}, "states are", id="state"),
    pytest.param({"place": [{"key": "q", "id": "x"}]}, "reads no id", id="reader"),
    pytest.param({"place": [{"key": "q", "score": "x"}]}, "score is", id="score"),
    pytest.param({"place": [{"key": "q", "hue": 1}]}, "keys are", id="unknown key"),
    pytest.param({"job": [{"key": "q"}]}, r"needs \{id\}", id="job without id"),
    pytest.param(
        {"job": [{"key": "{id}", "fields": {"x": "y"}}]}, "fields", id="field"
    ),
    pytest.param({"job": [{"key": "{id}", "as": "xml"}]}, "as is", id="form"),
    pytest.param({"status": {"a": "b"}}, "states are", id="status"),
    pytest.param({"ids": "mine"}, "everywhere", id="ids"),
    pytest.param({"detect": ["{"]}, "detect", id="detect"),
    pytest.param({"detect": "q"}, "detect is a list, not 'q'", id="no list"),
    pytest.param({"detect": [1]}, "detect", id="list of numbers"),
    pytest.param({"acks": "no"}, "acks is true or false, not 'no'", id="no flag"),
    pytest.param({"title": 5}, "title is a string, not 5", id="title"),
    pytest.param({"status": "done"}, "status is a table", id="no table"),
    pytest.param({"status": {"a": 1}}, "status.a is a string", id="status number"),
    pytest.param({"place": {"key": "q"}}, r"write \[\[place\]\]", id="one bracket"),
    pytest.param({"place": [{"key": 5}]}, "key is a string, not 5", id="key"),
    pytest.param({"place": [{"key": "q", "id": 5}]}, "id is a string", id="id"),
    pytest.param({"place": [{"key": "q", "part": "x"}]}, "part is one of", id="part"),
    pytest.param(
        {"place": [{"key": "q", "fields": ["x"]}]}, "fields is a table", id="fields"
    ),
    pytest.param(
        {"place": [{"key": "q", "lease": True}]}, "'lease' cannot stand", id="not there"
    ),
]


@pytest.mark.parametrize(("change", "text"), WRONG)
def test_wrong_schema_is_refused_with_file_and_place(change, text):
    with pytest.raises(SchemaError, match=rf"own\.toml.*{text}"):
        parse_schema(GOOD | change, "own.toml")


WRONG_FILES = [
    pytest.param(
        "nam = 'x'", "1: 'nam' cannot stand here: did you mean name?", id="key"
    ),
    pytest.param(
        "name = 'x'\n[[place]]\nkey = 'a'\n\n[[place]]\nkey = 'b'\nstat = 'done'",
        "7: [[place]] 2: 'stat' cannot stand here: did you mean state? keys are",
        id="key of it",
    ),
    pytest.param(
        "name = 'x'\n[[place]]\nkey = 'a'\nstate = 'runing' # now",
        "4: [[place]] 1: 'runing' cannot stand here: did you mean running? states are",
        id="state",
    ),
    pytest.param(
        "name = 'x'\n[[job]]\nkey = '{id}'\nfields = { statu = 'a' }",
        "4: [[job]] 1: 'statu' cannot stand here: did you mean status? fields are",
        id="field",
    ),
    pytest.param(
        "name = 'x'\n[[job]]\nkey = '{id}'\n[job.fields]\nattempt = 'a'",
        "5: [[job]] 1: 'attempt' cannot stand here: did you mean attempts? fields are",
        id="field in a table",
    ),
    pytest.param(
        "name = 'x'\n[[job]]\n\nkey = 'j'", "4: [[job]] 1: its key", id="hole"
    ),
    pytest.param(
        "name = 'x'\n[[place]]\n", "2: [[place]] 1: give it a key", id="table"
    ),
    pytest.param("name = 'x'\n[status]\nx = 'don'", "3: 'don' cannot", id="status"),
    pytest.param("name = 'x'\nkey =\n", "2: no TOML: Invalid value", id="TOML"),
]


@pytest.mark.parametrize(("text", "told"), WRONG_FILES)
def test_error_of_a_schema_names_its_line_and_what_was_meant(tmp_path, text, told):
    path = tmp_path / "own.toml"
    path.write_text(text)

    with pytest.raises(SchemaError) as caught:
        read_schema(path)

    assert f"{path}:{told}" in str(caught.value)


def test_file_that_is_no_toml_is_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("name = ")

    with pytest.raises(SchemaError, match="no TOML"):
        read_schema(path)


def test_schemas_are_loaded_by_name_file_and_folder(tmp_path):
    (tmp_path / "own.toml").write_text('name = "own"\n[[place]]\nkey = "q"\n')

    for word in (str(tmp_path), str(tmp_path / "own.toml")):
        assert [schema.name for schema in load_schemas([word])] == ["own"]
    names = [schema.name for schema in load_schemas(["rq", "generic"])]
    assert names == ["rq", "generic"]
    with pytest.raises(SchemaError, match="there are arq"):
        load_schemas(["nope"])
    with pytest.raises(SchemaError, match=r"did you mean bullmq\?"):
        load_schemas(["bulmq"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SchemaError, match=r"no .*toml"):
        load_schemas([str(tmp_path / "empty")])


DETECTED = [
    (["HSET rq:job:1 status queued", "RPUSH rq:queue:q 1"], ["rq"]),
    (["XADD bull:q:events * a 1", "INCR bull:q:id", "LPUSH bull:q:wait 1"], ["bullmq"]),
    (
        ["HSET bull:q:meta paused 1", "LPUSH bull:q:paused 1", "INCR bull:q:id"],
        ["bull"],
    ),
    (["INCR bull:q:id", "LPUSH bull:q:wait 1"], ["bull"]),
    (["SADD queues mail", "LPUSH queue:mail x"], ["sidekiq"]),
    (["LPUSH mine x"], ["generic"]),
    (["RPUSH rq:queue:q 1", "SADD rq:queues q", "ZADD arq:queue 1 a"], ["rq", "arq"]),
]


@pytest.mark.parametrize(("lines", "names"), DETECTED)
def test_library_is_found_by_the_keys_in_the_log(tmp_path, lines, names):
    history = History(tmp_path)
    history.run(history.connect(), *lines)
    history.close()

    found = detect_schemas(LogIndex(tmp_path, FileSystem()))

    assert sorted(schema.name for schema in found) == sorted(names)


OWN = 'name = "{0}"\n{1}\n[[place]]\nkey = "mine"\nstate = "waiting"\n'


def test_schemas_are_found_in_the_data_folder(tmp_path):
    history = History(tmp_path)
    history.run(history.connect(), "RPUSH mine 1", "RPUSH rq:queue:q 1")
    history.close()
    index = LogIndex(tmp_path, FileSystem())

    def names():
        return [schema.name for schema in detect_schemas(index)]

    assert names() == ["rq"]
    (tmp_path / "schemas").mkdir()
    own = tmp_path / "schemas" / "a.toml"
    own.write_text(OWN.format("a", 'detect = ["mine"]'))
    assert sorted(names()) == ["a", "rq"]
    own.write_text(OWN.format("a", 'detect = ["other"]'))
    assert names() == ["rq"]
    own.write_text(OWN.format("a", ""))
    assert names() == ["a", "rq"]
    own.rename(tmp_path / "b.schema.toml").write_text(OWN.format("rq", ""))
    (found,) = detect_schemas(index)
    assert found.source.endswith("b.schema.toml")


def test_schemas_are_named_in_the_environment(tmp_path, monkeypatch):
    history = History(tmp_path / "data")
    history.run(history.connect(), "RPUSH mine 1", "RPUSH rq:queue:q 1")
    history.close()
    own = tmp_path / "own.toml"
    own.write_text(OWN.format("own", ""))
    words = ["jobs", str(tmp_path / "data"), "--all", "--json"]

    def queues(*more):
        result = CliRunner().invoke(main, words + list(more))
        return result.exit_code, result.stdout.count("\n"), result.stderr

    monkeypatch.setenv("REPLAY_SCHEMA", f"{own}:rq")
    assert queues()[:2] == (0, 2)
    assert queues("--schema", "rq")[:2] == (0, 1)
    monkeypatch.setenv("REPLAY_SCHEMA", "bulmq")
    code, lines, error = queues()
    assert (code, lines) == (2, 0)
    assert error.startswith("replay: bulmq: no file, and no schema: did you mean")


def test_schema_of_the_page_reads_a_queue_of_its_own(tmp_path):
    page = (ROOT / "docs" / "schemas.md").read_text()
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "mail.toml").write_text(text)
    history = History(tmp_path / "data")
    history.run(
        history.connect(),
        "LPUSH mail:ready 7",
        "HSET mail:job:7 state new tries 1",
        "RPOPLPUSH mail:ready mail:busy:w1",
        "SET mail:lock:7 w1 PX 30000",
        "LREM mail:busy:w1 1 7",
        "HSET mail:job:7 state bounced why full",
    )

    timeline = follow(history, b"7", str(tmp_path / "mail.toml"))

    assert timeline.verdict.word == "failed"
    assert timeline.verdict.reason == "full"
    history.close()


def test_page_has_every_schema_and_every_word_of_one():
    page = (ROOT / "docs" / "schemas.md").read_text()

    for word in (*LIBRARIES, *STATES, *FIELDS, *SCORES[1:]):
        assert re.search(rf"\b{word}\b", page), word


def own(text):
    return parse_schema(tomllib.loads(f'name = "own"\n{text}'), "own.toml")


def test_key_whose_id_is_none_is_no_jobs():
    schema = own("[[job]]\nkey = 'q:{id}'\nid = 'regex ^([0-9]+)$'")

    assert schema.meaning(b"q:7").names.id == b"7"
    assert schema.meaning(b"q:lock") is None


def test_place_is_only_where_its_expression_is_found():
    schema = own(
        "[[place]]\nkey = 'g:{*}'\nstate = 'blocked'\n"
        "[[place]]\nkey = 'g:{*}:{*}'\nstate = 'running'\nwhere = ':[0-9]+$'"
    )

    assert schema.meaning(b"g:a:1").rule.state == "running"
    assert schema.meaning(b"g:a:b").rule.state == "blocked"


def test_expression_that_is_none_is_named():
    with pytest.raises(SchemaError, match=r"own.toml: \[\[place\]\] 1: "):
        own("[[place]]\nkey = 'g'\nwhere = '('")


def test_other_keys_that_share_a_beginning_are_none_of_a_librarys():
    schema = own(
        "[[other]]\nkey = 'q::bus:{*}'\n"
        "[[place]]\nkey = 'q:{queue}:waiting-for-children'\nstate = 'blocked'"
    )

    assert schema.meaning(b"q:mail:waiting-for-children") is not None
    assert schema.meaning(b"q::bus:waiting-for-children") is None
