"""Settings: what redis-server accepts is accepted, what it refuses is refused alike."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from joblog.app.config import (
    BufferLimit,
    Config,
    ConfigError,
    SavePoint,
    Setting,
    SettingError,
)
from joblog.app.config.particular import RawLines
from joblog.app.errors import CommandError

FAILED = "ERR CONFIG SET failed (possibly related to argument '{}') - {}"
NOT_AN_INTEGER = "argument couldn't be parsed into an integer"
NOT_MEMORY = "argument must be a memory value"
SAVE = "Invalid save parameters"
PERCENTILES = "latency-tracking-info-percentiles"
BAD_DIRECTIVE = "Bad directive or wrong number of arguments"


def matches(pattern: bytes, name: bytes) -> bool:
    return fnmatchcase(name.decode(), pattern.decode())


def get(config: Config, *patterns: bytes) -> dict[bytes, bytes]:
    return config.matching(patterns, matches)


def set_one(config: Config, name: str, value: str) -> None:
    config.change([(name.encode(), value.encode())])


def test_defaults_are_what_the_readme_says():
    config = Config()

    assert (config.port, config.dir) == (6379, "./joblog-data")
    assert (config.appendonly, config.appendfsync) == (True, "everysec")
    assert config.protected_mode is True
    assert config.bind == ("*", "-::*")


def test_every_setting_shows_a_value_that_it_reads_back():
    for name, setting in Config.SETTINGS.items():
        shown = Config().show(name)
        if not isinstance(setting, RawLines):
            again = Config({name: shown}).__dict__[setting.attribute]
            assert setting.show(again) == shown, name


def test_attribute_of_the_class_is_the_setting_and_of_an_instance_the_value():
    assert isinstance(Config.port, Setting)
    assert Config.port.name == "port"
    assert Config({"port": "7"}).port == 7


COMMAND_LINES = [
    pytest.param(["--port", "6380"], {"port": "6380"}, id="one option"),
    pytest.param(["--PORT", "6380"], {"port": "6380"}, id="any case"),
    pytest.param(["--save", "", "--hz", "20"], {"save": "", "hz": "20"}, id="no save"),
    pytest.param(["--save", "--hz", "20"], {"save": "", "hz": "20"}, id="bare save"),
    pytest.param(["--save"], {"save": ""}, id="bare save at the end"),
    pytest.param(["--save", "900 1"], {"save": "900 1"}, id="save in one word"),
    pytest.param(
        ["--save", "900", "1", "--save", "5", "2"], {"save": "900 1 5 2"}, id="saves"
    ),
    pytest.param(
        ["--bind", "127.0.0.1", "-::1"], {"bind": "127.0.0.1 -::1"}, id="binds"
    ),
    pytest.param(
        ["--bind", "127.0.0.1 -::1"], {"bind": "127.0.0.1 -::1"}, id="binds, one word"
    ),
    pytest.param(["--bind", ""], {"bind": ""}, id="bind to nothing"),
    pytest.param(
        ["--requirepass", "--x"], {"requirepass": "--x"}, id="value like an option"
    ),
    pytest.param(["--maxmemory", "100MB"], {"maxmemory": "104857600"}, id="mb"),
    pytest.param(["--maxmemory", "1k"], {"maxmemory": "1000"}, id="k is a thousand"),
    pytest.param(["--lua-time-limit", "7"], {"busy-reply-threshold": "7"}, id="alias"),
    pytest.param(["--hz", "9999"], {"hz": "500"}, id="hz is brought inside"),
    pytest.param(["--slaveof", "no", "one"], {"port": "6379"}, id="no primary"),
    pytest.param(["--unixsocketperm", "0770"], {"unixsocketperm": "770"}, id="octal"),
]


@pytest.mark.parametrize(("arguments", "shown"), COMMAND_LINES)
def test_command_line_means_what_it_means_to_redis_server(arguments, shown):
    config = Config.from_arguments(arguments)

    assert {name: config.show(name) for name in shown} == shown


BAD_COMMAND_LINES = [
    (["--port", "abc"], 'port "abc"', NOT_AN_INTEGER),
    (["--port", "01"], 'port "01"', NOT_AN_INTEGER),
    (
        ["--port", "70000"],
        'port "70000"',
        "argument must be between 0 and 65535 inclusive",
    ),
    (["--port"], "port", "wrong number of arguments; expected 0 to 65535"),
    (["--port", "1", "2"], 'port "1" "2"', "wrong number of arguments"),
    (["--appendonly", "maybe"], 'appendonly "maybe"', "argument must be 'yes' or 'no'"),
    (
        ["--appendfsync", "sometimes"],
        'appendfsync "sometimes"',
        "argument(s) must be one of the following: everysec, always, no",
    ),
    (["--maxmemory", "1xb"], 'maxmemory "1xb"', NOT_MEMORY),
    (["--maxmemory", "20%"], 'maxmemory "20%"', NOT_MEMORY),
    (["--save", "1"], 'save "1"', SAVE),
    (["--save", "a", "b"], 'save "a" "b"', SAVE),
    (["--save", "900 1", "300 5"], 'save "900 1" "300 5"', SAVE),
    (
        ["--unixsocketperm", "999"],
        'unixsocketperm "999"',
        "argument couldn't be parsed as an octal number",
    ),
    (
        ["--notify-keyspace-events", "Q"],
        'notify-keyspace-events "Q"',
        "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
    ),
    (
        ["--client-output-buffer-limit", "foo", "1", "2", "3"],
        'client-output-buffer-limit "foo" "1" "2" "3"',
        "Invalid client class specified in buffer limit configuration.",
    ),
    (
        ["--appendfilename", "a/b"],
        "appendfilename",
        "appendfilename can't be a path, just a filename",
    ),
    (["--dir", ""], "dir", "No such file or directory"),
    (["--oom-score-adj-values", "1", "2"], None, "wrong number of arguments"),
    ([f"--{PERCENTILES}", "x"], None, f"Invalid {PERCENTILES} parameters"),
    (
        [f"--{PERCENTILES}", "101"],
        None,
        f"{PERCENTILES} parameters should sit between [0.0,100.0]",
    ),
    (["-p", "1"], '"-p"', f"{BAD_DIRECTIVE}; remove it, or correct its name"),
    (["--port=1"], "port=1", f"{BAD_DIRECTIVE}; did you mean 'port'?"),
    (["--rename-command", "GET"], "rename-command", BAD_DIRECTIVE),
]


@pytest.mark.parametrize(
    ("arguments", "text", "reason"),
    BAD_COMMAND_LINES,
    ids=[" ".join(row[0]) for row in BAD_COMMAND_LINES],
)
def test_bad_command_line_is_refused_in_one_line_in_the_words_of_redis_server(
    arguments, text, reason
):
    with pytest.raises(ConfigError) as caught:
        Config.from_arguments(arguments)

    if text is None:
        assert str(caught.value).startswith("command line: ")
        assert str(caught.value).endswith(f": {reason}")
    else:
        assert str(caught.value) == f"command line: {text}: {reason}"


SECRET_LINES = [
    ["--requirepass", "sesame", "sesame"],
    ["--masterauth", "sesame", "sesame"],
    ["--requirepas", "sesame"],
    ["--tls-key-file-pass", "sesame", "x"],
    ["--rename-command", "CONFIG", "sesame"],
    ["--log-archive-command", "put", "--key", "sesame"],
    ["sesame"],
]


@pytest.mark.parametrize("arguments", SECRET_LINES, ids=" ".join)
def test_no_error_shows_what_may_be_a_secret(arguments, tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text(" ".join(arguments).removeprefix("--") + '"\n')

    with pytest.raises(ConfigError) as caught:
        Config.from_arguments(arguments)
    with pytest.raises(ConfigError) as unbalanced:
        Config.from_arguments([str(path)])

    if len(arguments) > 1:
        assert "sesame" not in str(caught.value)
        assert "sesame" not in str(unbalanced.value)
    assert "\n" not in str(caught.value) + str(unbalanced.value)


def test_unknown_directive_names_one_that_is_similar():
    with pytest.raises(ConfigError, match="did you mean 'appendfsync'"):
        Config.from_arguments(["--appendfsynch", "no"])


FILE = """\
# The broker's server.
port 7000
save 900 1
save 300 10

requirepass "p\\x40ss \\"word\\""
rename-command FLUSHALL ""
rename-command "KEYS" ''
APPENDFSYNC always
client-output-buffer-limit normal 1mb 0 0
client-output-buffer-limit replica 1 2 3
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text(FILE)
    return path


def test_file_is_read_with_quotes_comments_and_repeated_directives(path):
    config = Config.from_arguments([str(path)])

    assert config.port == 7000
    assert config.save == (SavePoint(900, 1), SavePoint(300, 10))
    assert config.requirepass == b'p@ss "word"'
    assert config.rename_command == (("FLUSHALL", ""), ("KEYS", ""))
    assert config.appendfsync == "always"
    assert config.client_output_buffer_limit["normal"] == BufferLimit(1 << 20, 0, 0)
    assert config.client_output_buffer_limit["slave"] == BufferLimit(1, 2, 3)
    assert config.client_output_buffer_limit["pubsub"].soft_seconds == 60
    assert config.path == str(path)


def test_command_line_goes_before_the_file_and_standard_input_between(path):
    config = Config.from_arguments(
        [str(path), "--port", "7002", "-"], lambda: "port 7001\nhz 20\n"
    )

    assert (config.port, config.hz) == (7002, 20)


def test_include_reads_other_files_and_patterns(tmp_path):
    (tmp_path / "a.conf").write_text(f"include {tmp_path}/b.conf\nport 1\n")
    (tmp_path / "b.conf").write_text(f"port 2\nhz 20\ninclude {tmp_path}/c*.conf\n")
    (tmp_path / "c1.conf").write_text("databases 3\n")

    config = Config.from_arguments([str(tmp_path / "a.conf")])

    assert (config.port, config.hz, config.databases) == (1, 20, 3)


def test_bad_line_of_an_included_file_is_named_with_the_file(tmp_path):
    main, other = tmp_path / "a.conf", tmp_path / "b.conf"
    main.write_text(f"hz 10\ninclude {other}\n")
    other.write_text("port 1\n  bla  bla\n")

    with pytest.raises(ConfigError) as caught:
        Config.from_arguments([str(main)])

    assert str(caught.value).startswith(f"{other}:2: bla: {BAD_DIRECTIVE}; ")


def test_bad_line_of_standard_input_is_named():
    with pytest.raises(ConfigError) as caught:
        Config.from_arguments(["-"], lambda: "port 1\nhz x\n")

    assert str(caught.value) == f"standard input:2: hz x: {NOT_AN_INTEGER}"


BAD_FILES = [
    pytest.param('bind "127.0.0.1\n', "Unbalanced quotes in configuration", id="quote"),
    pytest.param("include nowhere.conf\n", "can't open config file", id="no include"),
    pytest.param("port\n", "wrong number of arguments", id="no value"),
    pytest.param("include {path}\n", "include each other in a circle", id="circle"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_FILES)
def test_bad_file_is_refused(tmp_path, text, reason):
    path = tmp_path / "redis.conf"
    path.write_text(text.format(path=path))

    with pytest.raises(ConfigError, match=reason):
        Config.from_arguments([str(path)])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("save\n", ""),
        ("save 900 1\nsave \n", "900 1"),
        ("save\nsave 60 1\n", "60 1"),
        ('save 900 1\nsave ""\n', ""),
        ("client-output-buffer-limit\n", get(Config(), b"save")[b"save"].decode()),
    ],
)
def test_bare_line_of_a_setting_with_many_values_adds_nothing(tmp_path, text, shown):
    path = tmp_path / "redis.conf"
    path.write_text(text)

    config = Config.from_arguments([str(path)])

    assert get(config, b"save")[b"save"].decode() == shown
    assert config.client_output_buffer_limit == Config().client_output_buffer_limit


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file or directory"):
        Config.from_arguments([str(tmp_path / "none.conf")])


def test_matching_gives_names_as_asked_and_aliases_beside_names():
    config = Config({"maxmemory": "1mb"})

    assert get(config, b"MAXMEMORY") == {b"MAXMEMORY": b"1048576"}
    assert get(config, b"*-PRIORITY") == {
        b"replica-priority": b"100",
        b"slave-priority": b"100",
    }
    assert get(config, b"nope", b"rename-command", b"user") == {}
    assert len(get(config, b"*")) > 170


SHOWN = [
    ("maxmemory", "10mb", "10485760"),
    ("maxmemory", "", "0"),
    ("maxmemory", "99999999999999999999", "18446744073709551615"),
    ("appendfsync", "ALWAYS", "always"),
    ("save", "", ""),
    ("save", "900 1 300 10", "900 1 300 10"),
    ("notify-keyspace-events", "KEA", "AKE"),
    ("notify-keyspace-events", "lA", "A"),
    ("notify-keyspace-events", "KEn", "nKE"),
    ("notify-keyspace-events", "KEAn", "AKE"),
    ("maxmemory-clients", "0%", "0"),
    (PERCENTILES, "50 99.9 100.0 12.345", "50 99.9 100 12.345"),
    (PERCENTILES, "33.3333333333", "33.333333"),
    (PERCENTILES, "", ""),
    (
        "client-output-buffer-limit",
        "normal 1mb 2k 3 pubsub 5 5 5",
        "normal 1048576 2000 3 slave 268435456 67108864 60 pubsub 5 5 5",
    ),
]


@pytest.mark.parametrize(("name", "value", "shown"), SHOWN)
def test_change_is_shown_as_redis_shows_it(name, value, shown):
    config = Config()

    set_one(config, name, value)

    assert get(config, name.encode()) == {name.encode(): shown.encode()}


REFUSED = [
    ("hz", " 1", NOT_AN_INTEGER),
    ("hz", "+1", NOT_AN_INTEGER),
    ("hz", "99999999999999999999", NOT_AN_INTEGER),
    ("timeout", "-1", "argument must be between 0 and 2147483647 inclusive"),
    ("maxmemory", "-1", NOT_MEMORY),
    ("maxmemory", "1t", NOT_MEMORY),
    ("maxmemory-clients", "zzz", "argument must be a memory or percent value"),
    (
        "maxmemory-clients",
        "500%",
        "percentage argument must be less or equal to 100",
    ),
    ("save", "1 2 3", SAVE),
    ("daemonize", "yes", "can't set immutable config"),
    ("dir", "elsewhere", "can't set protected config"),
    ("dbfilename", "a", "can't set protected config"),
    (
        "client-output-buffer-limit",
        "normal 1",
        "Wrong number of arguments in buffer limit configuration.",
    ),
    (
        "client-output-buffer-limit",
        "normal a 2 3",
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
    ),
    ("oom-score-adj-values", "1 2", "wrong number of arguments"),
    (
        "oom-score-adj-values",
        "1 2 3000",
        "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
    ),
]


@pytest.mark.parametrize(("name", "value", "reason"), REFUSED)
def test_bad_change_is_refused_in_the_words_of_redis(name, value, reason):
    config = Config()
    before = config.show(name)

    with pytest.raises(CommandError) as caught:
        set_one(config, name, value)

    assert caught.value.text.decode() == FAILED.format(name, reason)
    assert config.show(name) == before


def test_change_applies_all_or_nothing():
    config = Config()

    with pytest.raises(CommandError) as unknown:
        config.change([(b"hz", b"20"), (b"nope", b"1")])
    with pytest.raises(CommandError) as twice:
        config.change([(b"hz", b"20"), (b"HZ", b"30")])

    text = b"ERR Unknown option or number of arguments for CONFIG SET - 'nope'"
    assert unknown.value.text == text
    assert twice.value.text.decode() == FAILED.format("HZ", "duplicate parameter")
    assert config.hz == 10


def test_change_through_name_and_alias_takes_the_later():
    config = Config()

    config.change([(b"slave-priority", b"5"), (b"replica-priority", b"6")])

    assert config.replica_priority == 6


PROTECTED = [("yes", False, True), ("local", True, True), ("local", False, False)]


@pytest.mark.parametrize(("allowed", "is_local", "is_changed"), PROTECTED)
def test_protected_setting_changes_only_where_it_is_allowed(
    allowed, is_local, is_changed
):
    config = Config({"enable-protected-configs": allowed})
    pairs = [(b"dbfilename", b"other.rdb")]

    if is_changed:
        config.change(pairs, is_local=is_local)
    else:
        with pytest.raises(CommandError):
            config.change(pairs, is_local=is_local)

    assert (config.dbfilename == "other.rdb") is is_changed


def test_listener_is_told_once_and_may_refuse():
    config = Config()
    seen: list[tuple[int, int]] = []

    def listener() -> None:
        seen.append((config.maxclients, config.hz))
        if config.maxclients == 1:
            raise SettingError("The operating system has no room for so many.")

    config.on_change(listener, "maxclients", "hz")
    config.change([(b"maxclients", b"7000"), (b"hz", b"20")])
    with pytest.raises(CommandError) as caught:
        config.change([(b"maxclients", b"1")])

    reason = "The operating system has no room for so many."
    assert caught.value.text.decode() == FAILED.format("maxclients", reason)
    assert (config.maxclients, config.hz) == (7000, 20)
    assert seen == [(7000, 20), (1, 20)]


def test_listeners_hear_the_old_values_again_when_a_later_one_refuses():
    config = Config()
    seen: list[int] = []

    def refuse() -> None:
        raise SettingError("no")

    config.on_change(lambda: seen.append(config.hz), "hz")
    config.on_change(refuse, "timeout")
    with pytest.raises(CommandError, match="related to argument 'timeout'"):
        config.change([(b"hz", b"20"), (b"timeout", b"1")])

    assert seen == [20, 10]


def test_rewrite_keeps_comments_order_and_lines_that_still_hold(path):
    path.write_text(FILE + "maxmemory 10MB\nhz 10\nport 7000\n")
    config = Config.from_arguments([str(path), "--loglevel", "verbose"])
    set_one(config, "save", "")
    set_one(config, "maxmemory", "5120kb")
    set_one(config, "timeout", "7")
    set_one(config, "notify-keyspace-events", "KEA")

    config.rewrite()

    expected = FILE.replace("save 900 1\nsave 300 10\n", 'save ""\n')
    assert path.read_text() == expected + (
        "maxmemory 5mb\nhz 10\n\n"
        "# Generated by CONFIG REWRITE\n"
        'timeout 7\nnotify-keyspace-events "AKE"\nloglevel verbose\n'
    )


def test_rewritten_file_is_read_back_to_the_same_values(path):
    config = Config.from_arguments([str(path)])
    for name, value in [
        ("requirepass", 'a"b\\c\n\x00é'),
        ("save", "1 2 3 4"),
        ("client-output-buffer-limit", "normal 1 2 3"),
        ("maxmemory", "1gb"),
        (PERCENTILES, "1 2"),
    ]:
        set_one(config, name, value)

    config.rewrite()
    first = path.read_text()
    again = Config.from_arguments([str(path)])
    again.rewrite()

    for name in Config.SETTINGS:
        assert again.show(name) == config.show(name), name
    assert path.read_text() == first


def test_rewrite_is_refused_without_a_file_and_where_the_file_is_gone(path):
    with pytest.raises(CommandError) as caught:
        Config().rewrite()
    assert caught.value.text == b"ERR The server is running without a config file"

    config = Config.from_arguments([str(path)])
    path.unlink()
    with pytest.raises(CommandError) as caught:
        config.rewrite()
    assert caught.value.text == b"ERR Rewriting config file: No such file or directory"
