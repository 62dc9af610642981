"""What a start says of how joblog is installed leads to a faster one."""

import sys

import pytest

from joblog.actors.service import installation
from joblog.app.version import VERSION
from tests.support.servers import ROOT


def test_checkout_is_told_of_its_makefile(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")

    advice = installation._advice(ROOT)

    assert "gcc, python3-dev" in advice
    assert advice.endswith(f"run `make clean setup` in {ROOT}")


def test_checkout_with_a_compiler_is_told_of_no_other(monkeypatch):
    monkeypatch.setattr(installation, "_can_compile", lambda: True)

    advice = installation._advice(ROOT)

    assert advice.startswith(f"run `make setup` in {ROOT}")
    assert "gcc" not in advice


def test_installation_without_a_makefile_is_told_of_pip(tmp_path):
    advice = installation._advice(tmp_path)

    assert "make" not in advice
    assert f"`{sys.executable} -m pip install --force-reinstall" in advice
    assert f"joblog-{VERSION}.tar.gz`" in advice


@pytest.mark.parametrize(("is_compiled", "word"), [(True, "yes"), (False, "no,")])
def test_start_says_the_version_and_whether_it_is_compiled(
    monkeypatch, is_compiled, word
):
    monkeypatch.setattr(installation, "is_compiled", lambda: is_compiled)

    line = installation.describe_installation()

    assert line.startswith(f"joblog {VERSION}, compiled: {word}")
