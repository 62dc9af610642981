"""The sessions of the pages are what the tool answers."""

import re

import pytest

from joblog.replay.cli import main
from joblog.replay.jobs.shipped import shipped_schemas
from tests.replay import sessions

BLOCKS = sessions.blocks(sessions.PAGE.read_text())

RECIPES = sessions.blocks(sessions.COOKBOOK.read_text())


LIBRARY_SESSIONS = [
    pytest.param(block, id=f"{page.stem}: {sessions.commands(block)[0]}")
    for page in sessions.LIBRARIES
    for block in sessions.blocks(page.read_text())
]


@pytest.mark.parametrize("block", LIBRARY_SESSIONS)
def test_session_of_a_library_is_what_the_tool_answers(block):
    with sessions.demo_folder():
        answer = sessions.play(block)

    assert sessions.normal(answer) == sessions.normal(block)


def test_every_schema_has_its_library_page():
    assert (
        shipped_schemas().keys() - {page.stem for page in sessions.LIBRARIES} == set()
    )


@pytest.mark.parametrize("block", RECIPES, ids=lambda b: sessions.commands(b)[0])
def test_recipe_of_the_cookbook_is_what_the_tool_answers(block):
    with sessions.demo_folder():
        answer = sessions.play(block)

    assert sessions.normal(answer) == sessions.normal(block)


def test_cookbook_answers_fifteen_questions_and_more():
    questions = re.findall(r"^## .*\n", sessions.COOKBOOK.read_text(), re.MULTILINE)

    assert len(questions) == len(RECIPES) >= 15


@pytest.mark.parametrize("block", BLOCKS, ids=[sessions.commands(b)[0] for b in BLOCKS])
def test_session_of_the_page_is_what_the_tool_answers(block):
    with sessions.demo_folder():
        answer = sessions.play(block)

    assert sessions.normal(answer) == sessions.normal(block)


WITHOUT_SESSION = {
    *("completion", "demo", "serve", "export", "import", "web"),
    *("backup", "follow", "redact", "rekey", "repair", "restore", "salvage"),
    *("metrics", "spans", "ui"),
}
"""Verbs that write files or serve, which the page shows without their answers."""


def test_page_has_a_session_of_every_verb():
    page = sessions.PAGE.read_text()
    shown = {
        command.split()[1] for block in BLOCKS for command in sessions.commands(block)
    }

    assert set(main.commands) - shown <= WITHOUT_SESSION
    assert "replay completion" in page
