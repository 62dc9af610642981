"""The manual pages are sound roff, and tell every option, setting and verb."""

import os

import pytest

from joblog.app.config import Config
from joblog.replay.verbs import VERBS
from tests.deploy.conftest import deploy, run
from tests.support.servers import require_program

PAGES = ["man1/joblog.1", "man1/replay.1", "man5/joblog.conf.5"]


def shown(name):
    """Return a page as man(1) shows it, in one line."""
    require_program("man")
    columns = os.environ | {"MANWIDTH": "1000", "MAN_KEEP_FORMATTING": ""}
    text = run("man", "-l", deploy(f"man/{name}"), env=columns)
    return text.replace("\u2010", "-").replace("\u2212", "-")


@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_fault_that_groff_knows(name):
    require_program("groff")
    warnings = run("groff", "-man", "-ww", "-Tutf8", "-z", deploy(f"man/{name}"))

    assert warnings == ""


@pytest.mark.slow
def test_page_of_settings_has_each_with_its_default():
    text = shown("man5/joblog.conf.5")

    for setting in Config.SETTINGS.values():
        assert f" {setting.name} " in text, setting.name
    assert "appendfsync everysec" in text
    assert "Stops the start: any but an empty one; " in text


@pytest.mark.slow
def test_pages_of_the_programs_tell_verbs_options_and_exit_codes():
    joblog, replay = shown("man1/joblog.1"), shown("man1/replay.1")

    assert "--check-config" in joblog
    assert "another process has the data folder" in joblog
    for verb in VERBS:
        assert f"replay {verb}" in replay
    assert "--at MOMENT" in replay
