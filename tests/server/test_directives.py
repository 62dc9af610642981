"""Every directive of the real servers' files does what the table says of it."""

import re

import pytest

from joblog.app.config import Config
from joblog.app.config.kinds import quote
from joblog.app.config.particular import RawLines
from tests.app.test_config_stops import STOPS
from tests.house.directives import FILE_ONLY, REDIS_7_2, VALKEY_9_1
from tests.support.servers import ROOT, start_redis, start_valkey
from tests.support.starts import start

PAGE = (ROOT / "docs" / "operations.md").read_text()
DIRECTIVES = sorted({*REDIS_7_2, *VALKEY_9_1})
NEUTRAL = {
    "include": "include /nowhere/*.conf",
    "rename-command": 'rename-command FLUSHALL ""',
    "user": "user default on nopass sanitize-payload ~* &* +@all",
}
OF_THE_PROCESS = {"dir", "port", "unixsocket", "logfile", "pidfile", "daemonize"}


def settings_of(server):
    words = re.findall(
        rb"\$\d+\r\n(.*?)\r\n(?=[$*]|\Z)", server.connect().ask("CONFIG", "GET", "*")
    )
    names = [word.decode() for word in words]
    return dict(zip(names[::2], names[1::2], strict=True))


SERVERS = [
    pytest.param(start_redis, REDIS_7_2, id="Redis"),
    pytest.param(start_valkey, VALKEY_9_1, id="Valkey"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("start_real", "known"), SERVERS)
def test_table_has_every_directive_that_a_real_server_knows(start_real, known):
    with start_real() as server:
        names = set(settings_of(server))

    assert names - set(known) == set()


@pytest.mark.slow
@pytest.mark.parametrize(("start_real", "known"), SERVERS)
def test_all_that_a_real_server_is_set_to_starts_the_server(start_real, known):
    del known
    with start_real() as server:
        settings = settings_of(server)
    lines = [
        f"{name} {quote(value)}"
        for name, value in settings.items()
        if name not in OF_THE_PROCESS
    ]

    outcome = start("\n".join(lines))

    assert len(lines) > 180
    assert outcome.is_serving, outcome.output
    assert outcome.exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize(("start_real", "known"), SERVERS)
def test_file_that_a_real_server_writes_starts_the_server(start_real, known, tmp_path):
    path = tmp_path / "real.conf"
    path.write_text("hz 20\n")
    with start_real() as server:
        server.stop()
        server._command.insert(1, str(path))
        server._command += ["--requirepass", "sesame"]
        server.start()
        client = server.connect()
        client.ask("AUTH", "sesame")
        assert client.ask("CONFIG", "REWRITE") == b"+OK\r\n"
    lines = path.read_text().splitlines()
    ours = [line for line in lines if line.split(" ")[0] not in OF_THE_PROCESS]

    outcome = start("\n".join(ours))

    assert any(line.startswith("user default on ") for line in ours)
    assert outcome.is_serving, outcome.output
    assert outcome.exit_code == 0


def line_of(name):
    if name in NEUTRAL:
        return NEUTRAL[name]
    setting = Config.BY_NAME[name]
    return f"{name} {quote(setting.show(setting.default))}"


@pytest.mark.slow
@pytest.mark.parametrize("name", [x for x in DIRECTIVES if x != "loadmodule"])
def test_directive_at_its_default_starts_the_server(name):
    outcome = start(line_of(name))

    assert outcome.is_serving, outcome.output
    assert outcome.exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"), STOPS, ids=[f"{name} {value}" for name, value in STOPS]
)
def test_value_that_would_protect_stops_the_start(name, value):
    outcome = start(f"{name} {value}")

    assert not outcome.is_serving
    assert outcome.exit_code == 1
    assert outcome.output.count("\n") == 1
    assert f"redis.conf:1: {name}" in outcome.output
    assert Config.BY_NAME[name].stop.reason in outcome.output


def test_table_says_of_each_directive_what_was_tried_here():
    rows = re.findall(r"^\| (`.*?`) \| .*? \| (.*?) \|", PAGE, re.MULTILINE)
    told = {name: here for names, here in rows for name in re.findall(r"[\w-]+", names)}

    assert [name for name in DIRECTIVES if name not in told] == []
    for name in set(DIRECTIVES) - {"include"}:
        setting = Config.BY_NAME[name]
        stops = setting.stop is not None
        assert ("stops the start" in told[name]) is stops, name
        assert told[name].startswith("works") is setting.has_effect, name


def test_directives_of_files_only_are_those_that_config_get_does_not_show():
    raw = {x.name for x in Config.SETTINGS.values() if isinstance(x, RawLines)}

    assert raw | {"include"} == set(FILE_ONLY)
