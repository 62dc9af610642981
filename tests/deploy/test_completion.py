"""The completion scripts are sound, and bash completes with them."""

import pytest

from joblog.app.config import Config
from joblog.app.config.particular import RawLines
from tests.deploy.conftest import deploy, run
from tests.support.servers import require_program

SHELLS = [
    ("bash", "bash/joblog"),
    ("bash", "bash/replay"),
    ("zsh", "zsh/_joblog"),
    ("zsh", "zsh/_replay"),
    ("fish", "fish/joblog.fish"),
    ("fish", "fish/replay.fish"),
]


@pytest.mark.parametrize(("shell", "name"), SHELLS)
def test_shell_finds_no_fault_in_its_script(shell, name):
    require_program(shell)
    assert run(shell, "-n", deploy(f"completion/{name}")) == ""


def complete(*words):
    """Return what bash offers for the last of some words."""
    given = " ".join(f"'{word}'" for word in words)
    script = (
        f"source {deploy('completion/bash/joblog')}\n"
        f"COMP_WORDS=(joblog {given}); COMP_CWORD={len(words)}\n"
        "_joblog\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    return run("bash", "-c", script).split()


def test_bash_completes_options_values_and_folders(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "file").touch()

    assert complete("--appendf") == ["--appendfsync"]
    assert complete("--appendfsync", "") == ["everysec", "always", "no"]
    assert complete("--daemonize", "y") == ["yes"]
    assert complete("--dir", f"{tmp_path}/") == [f"{tmp_path}/data"]
    assert complete("--check-config", f"{tmp_path}/f") == [f"{tmp_path}/file"]
    offered = complete("--")
    for setting in Config.SETTINGS.values():
        is_option = setting.has_effect and not isinstance(setting, RawLines)
        assert (f"--{setting.name}" in offered) is is_option, setting.name
