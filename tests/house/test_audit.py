"""The audit of dependencies finds what it is told, and fails for nothing else."""

import json
from pathlib import Path

import pytest

from tests.house import audit

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "dependencies.md"


def answer(*weak):
    known = [{"id": name, "fix_versions": ["2.0"]} for name in weak]
    packages = [{"name": "some", "version": "1.0", "vulns": known}]
    return json.dumps({"dependencies": packages})


CASES = [
    pytest.param(answer(), "", 0, "weaknesses: 0", id="sound"),
    pytest.param(
        answer("PYSEC-1"), "", 1, "some 1.0: PYSEC-1, mended in 2.0", id="weak"
    ),
    pytest.param("", "no route\n", 0, f"{audit.UNKNOWN}: no route", id="no network"),
    pytest.param("<html>", "", 0, audit.UNKNOWN, id="no sense"),
]


@pytest.mark.parametrize(("said", "complaint", "code", "says"), CASES)
def test_only_a_known_weakness_fails(monkeypatch, capsys, said, complaint, code, says):
    monkeypatch.setattr(audit, "ask", lambda _: (said, complaint))

    assert audit.main() == code
    assert says in capsys.readouterr().out


def test_what_is_needed_to_run_has_a_line_that_says_why_it_is_trusted():
    page = PAGE.read_text()

    assert [name for name in audit.needed() if f"| {name} |" not in page] == []
