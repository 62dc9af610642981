"""What would protect something that is not protected here stops the start in words."""

from __future__ import annotations

import hashlib

import pytest

from joblog.app.config import Config, ConfigError
from joblog.app.config.conf_file import read_arguments
from joblog.app.config.particular import RawLines
from joblog.app.errors import CommandError
from joblog.app.users.users import Users

SECRET_HASH = "#" + hashlib.sha256(b"sesame").hexdigest()

STOPS = [
    ("aof-load-truncated", "no"),
    ("bind-source-addr", "10.0.0.1"),
    ("cluster-enabled", "yes"),
    ("import-mode", "yes"),
    ("loadmodule", "/usr/lib/module.so argument"),
    ("oom-score-adj", "yes"),
    ("oom-score-adj", "relative"),
    ("oom-score-adj", "absolute"),
    ("rdma-port", "6379"),
    ("rename-command", "FLUSHALL another"),
    ("socket-mark-id", "7"),
    ("syslog-enabled", "yes"),
    ("tls-auth-clients-user", "CN"),
    ("unixsocketgroup", "staff"),
]


@pytest.mark.parametrize(
    ("name", "value"), STOPS, ids=[f"{name} {value}" for name, value in STOPS]
)
def test_value_that_would_protect_stops_the_start_in_one_line(name, value, tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text(f"# mine\n{name} {value}\n")
    setting = Config.BY_NAME[name]

    with pytest.raises(ConfigError) as caught:
        Config.from_arguments([str(path)])

    text = str(caught.value)
    assert text.startswith(f"{path}:2: {name}")
    assert text.endswith(f": {setting.stop.reason}")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name, value in STOPS
        if Config.BY_NAME[name].is_live
        and not isinstance(Config.BY_NAME[name], RawLines)
    ],
)
def test_config_set_of_such_a_value_is_an_error(name, value):
    config = Config()
    before = config.show(name)

    with pytest.raises(CommandError) as caught:
        config.change([(name.encode(), value.encode())])

    reason = Config.BY_NAME[name].stop.reason
    assert caught.value.text.decode() == (
        f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"
    )
    assert config.show(name) == before


def test_every_setting_that_stops_the_start_is_tried_here():
    tried = {Config.BY_NAME[name].name for name, _ in STOPS}

    assert {x.name for x in Config.SETTINGS.values() if x.stop is not None} == tried


def test_every_reason_is_one_sentence_that_says_what_to_do():
    for setting in Config.SETTINGS.values():
        if setting.stop is not None:
            why, what_to_do = setting.stop.reason.split("; ", 1)
            assert why
            assert what_to_do.split()[0] in {"set", "remove", "give"}, setting.name
            assert "\n" not in setting.stop.reason


NEUTRAL = [
    "user default on nopass sanitize-payload ~* &* +@all",
    "user default on nopass ~* &* +@all",
    "USER default ON NOPASS skip-sanitize-payload allkeys allchannels allcommands",
    f"requirepass sesame\nuser default on {SECRET_HASH} ~* &* +@all",
    f"user default on {SECRET_HASH} sanitize-payload ~* &* +@all\nrequirepass sesame",
    'aclfile ""',
    "aof-load-truncated yes",
    "maxmemory-clients 5%",
    "min-replicas-to-write 1\nmin-replicas-max-lag 10",
    "oom-score-adj no\noom-score-adj-values 0 200 800",
    'rename-command FLUSHALL ""\nrename-command CONFIG ""',
    "replicaof no one",
    "syslog-enabled no\nsyslog-ident redis\nsyslog-facility local0",
    "tls-port 0\ntls-cert-file /etc/cert.pem\ntls-auth-clients optional",
    "cluster-enabled no\ncluster-node-timeout 5000",
    "maxmemory 1gb\nmaxmemory-policy allkeys-lru",
]


@pytest.mark.parametrize("text", NEUTRAL)
def test_neutral_value_passes(text):
    Config.from_arguments(["-"], lambda: text)


CONTRADICTIONS = [
    ("user a on\naclfile /etc/users.acl", 2, "aclfile: users stand in the file or"),
    ("appendonly yes\nmemory-only yes", 2, "memory-only yes: appendonly yes asks"),
]


@pytest.mark.parametrize(("text", "line", "start"), CONTRADICTIONS)
def test_lines_that_contradict_each_other_stop_the_start(text, line, start):
    with pytest.raises(ConfigError) as caught:
        Config.from_arguments(["-"], lambda: text)

    assert str(caught.value).startswith(f"standard input:{line}: {start}")
    assert "\n" not in str(caught.value)


def test_rewritten_file_of_another_server_keeps_its_line_of_the_default_user(tmp_path):
    path = tmp_path / "redis.conf"
    line = "user default on nopass sanitize-payload ~* &* +@all\n"
    path.write_text(line)
    config = Config.from_arguments([str(path)])

    config.rewrite()

    assert path.read_text() == line


def test_users_are_written_anew_where_the_file_has_them_and_added_where_not(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text("# mine\nuser a on +@all\nport 7000\nUSER b off\n")
    config = Config.from_arguments([str(path)])
    users = Users(config)
    users.change(b"c", [b"on", b">sesame", b'~a"*'])
    users.delete(b"b")
    (tmp_path / "other.conf").write_text("port 7000\n")
    other = Config.from_arguments([str(tmp_path / "other.conf")])

    config.rewrite(users.configuration())
    other.rewrite(users.configuration(), adds_users=not users.is_plain)

    lines = [
        "user a on resetchannels +@all",
        f'user c on {SECRET_HASH} "~a\\"*" resetchannels -@all',
        "user default on nopass ~* &* +@all",
    ]
    text = "\n".join(lines)
    assert path.read_text() == f"# mine\n{text}\nport 7000\n"
    assert (tmp_path / "other.conf").read_text().endswith(f"{text}\n")
    assert Users(Config.from_arguments([str(path)])).lines() == users.lines()


MANY = """\
prot 1
syslog-enabled yes
port x
include {tmp}/none.conf
maxmemory 1gb
bind "127.0.0.1
user default on {hash} ~* &* +@all
aclfile /users.acl
requirepass a b
include {tmp}/other.conf
"""


def test_all_that_is_wrong_is_told_a_line_each(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text(MANY.format(tmp=tmp_path, hash=SECRET_HASH))
    (tmp_path / "other.conf").write_text("hz 7\ncluster-enabled yes\n")
    config = Config()

    with pytest.raises(ConfigError) as caught:
        config.load(read_arguments([str(path)], str).lines())

    problems = caught.value.problems
    assert [x.removeprefix(f"{tmp_path}/").split(": ")[0] for x in problems] == [
        *("redis.conf:1", "redis.conf:2", "redis.conf:3", "redis.conf:4"),
        *("redis.conf:6", "redis.conf:9", "other.conf:2", "redis.conf:8"),
    ]
    assert str(caught.value) == "\n".join(problems)
    assert all("\n" not in problem for problem in problems)
    assert (config.maxmemory, config.hz) == (1 << 30, 7)


def test_circle_of_many_includes_is_told_once_and_at_once(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text(f"include {path}\n" * 10)

    with pytest.raises(ConfigError) as caught:
        Config.from_arguments([str(path)])

    assert len(caught.value.problems) == 1


def test_memory_only_goes_without_a_value_on_the_command_line():
    config = Config.from_arguments(["--memory-only", "--port", "7"])

    assert (config.memory_only, config.port) == (True, 7)
    assert not config.keeps_log
    assert Config.from_arguments(["--port", "7", "--memory-only"]).memory_only
    assert not Config.from_arguments(["--memory-only", "no"]).memory_only


KEPT = [
    ([], True),
    (["--appendonly", "no"], True),
    (["--appendonly", "no", "--save", "900 1"], True),
    (["--save", ""], True),
    (["--appendonly", "no", "--save", ""], False),
    (["--memory-only"], False),
]


@pytest.mark.parametrize(("arguments", "keeps_log"), KEPT)
def test_log_is_kept_unless_somebody_asks_for_memory_only(arguments, keeps_log):
    assert Config.from_arguments(arguments).keeps_log is keeps_log
