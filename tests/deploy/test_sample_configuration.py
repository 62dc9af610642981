"""The sample joblog.conf starts the server, as it is and with each line switched on."""

import re

import pytest

from joblog.app.config import Config
from joblog.app.config.particular import RawLines
from tests.deploy.conftest import deploy
from tests.house.sample_configuration import EXAMPLES
from tests.support.starts import start

SAMPLE = deploy("joblog.conf").read_text()
SWITCHED_ON = re.sub(r"^#(?=\S)", "", SAMPLE, flags=re.MULTILINE)


def lines_of(text):
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line.split()[0] for line in lines]


def test_sample_sets_nothing_but_where_the_data_is(tmp_path):
    path = tmp_path / "joblog.conf"
    path.write_text(SAMPLE)

    config = Config.from_arguments([str(path)])

    assert lines_of(SAMPLE) == ["dir"]
    assert config.dir == "/var/lib/joblog"
    defaults = Config({"dir": "/var/lib/joblog"})
    for setting in Config.SETTINGS.values():
        assert (
            config.__dict__[setting.attribute] == (defaults.__dict__[setting.attribute])
        ), setting.name


def test_sample_has_every_setting_once_and_says_what_it_is():
    named = lines_of(SWITCHED_ON)
    repeated = {"save", "client-output-buffer-limit"}
    raw = {x.name for x in Config.SETTINGS.values() if isinstance(x, RawLines)}

    assert {name for name in named if named.count(name) > 1} <= repeated
    assert set(Config.SETTINGS) - set(named) == raw - set(EXAMPLES)
    for setting in Config.SETTINGS.values():
        words = setting.summary.replace("`", "").replace("**", "").split()
        assert words[0] in SAMPLE


def test_every_line_switched_on_says_the_default(tmp_path):
    path = tmp_path / "joblog.conf"
    path.write_text(SWITCHED_ON)

    config = Config.from_arguments([str(path)])

    for setting in Config.SETTINGS.values():
        if not isinstance(setting, RawLines) and setting.name != "dir":
            value = config.__dict__[setting.attribute]
            assert value == setting.default, setting.name


@pytest.mark.slow
@pytest.mark.parametrize("text", [SAMPLE, SWITCHED_ON], ids=["as it is", "all on"])
def test_sample_starts_the_server(text):
    outcome = start(text)

    assert outcome.is_serving, outcome.output
    assert outcome.exit_code == 0
