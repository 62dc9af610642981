"""Every command, setting, verb and term is documented, and no page is stale."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.table.table import COMMANDS
from joblog.replay.cli import main
from tests.house import generate_docs

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"

GLOSSARY = {
    "wire": "RESP, inline command, bulk string, argv, request, reply, push, pipeline",
    "table": "command, subcommand, arity, flag, key spec, group, handler, converter",
    "keyspace": "database, key, value, type, deadline, TTL, expired, touched, cursor",
    "engine": "session, outcome, effect, queued command, watched key, waiter, channel, "
    "pattern, script",
    "log": "record, frame, sequence number, segment, append, commit, fsync policy, "
    "group commit, torn tail, corruption, snapshot, fold, replay, apply, prune",
    "actors": "mail, mailbox, owner, batch, hop",
}
TERMS = [term.strip() for terms in GLOSSARY.values() for term in terms.split(",")]


def commands():
    for command in COMMANDS.values():
        yield command
        yield from command.subcommands.values()


def test_generated_pages_say_what_the_tables_say():
    assert generate_docs.stale_pages() == [], "run 'make docs'"


def test_every_setting_says_what_it_is_in_one_line():
    for setting in Config.SETTINGS.values():
        assert setting.summary.endswith("."), setting.name
        assert "\n" not in setting.summary, setting.name


def test_every_command_says_what_it_does_in_one_line():
    for command in commands():
        assert command.summary.strip().endswith("."), command.name
        assert "\n" not in command.summary, command.name
        assert command.complexity, command.name
        assert re.fullmatch(r"\d+\.\d+\.\d+", command.since), command.name


def test_every_command_has_a_parity_script():
    scripts = "\n".join(
        path.read_text() for path in (ROOT / "tests" / "parity").rglob("test_*.py")
    )
    words = set(re.findall(r"[A-Z][A-Z_-]+", scripts))

    missing = [
        name.decode()
        for name, command in COMMANDS.items()
        if name.decode() not in words and command.group != "log"  # of our own
    ]

    assert missing == []


@pytest.mark.parametrize("term", TERMS)
def test_term_is_in_the_glossary(term):
    glossary = (DOCS / "glossary.md").read_text().lower()

    assert re.search(rf"^(\W*){re.escape(term.lower())}\b", glossary, re.MULTILINE), (
        term
    )


def test_every_verb_of_replay_is_documented():
    page = (DOCS / "replay.md").read_text()

    missing = [name for name in main.commands if f"replay {name}" not in page]

    assert missing == []


def test_every_verb_of_make_has_a_line_in_the_help():
    makefile = (ROOT / "Makefile").read_text()
    verbs = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert verbs is not None

    helped = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))

    assert set(verbs[1].split()) - helped == {"docs-check"}


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_link_between_pages_leads_somewhere():
    pages = [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]

    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        if page.exists()
        for target in LINK.findall(page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]

    assert broken == []
