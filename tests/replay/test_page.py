"""The sessions in docs/replay.md are what the tool answers."""

import pytest

from replay.cli import main
from tests.replay import sessions

BLOCKS = sessions.blocks(sessions.PAGE.read_text())


@pytest.mark.parametrize("block", BLOCKS, ids=[sessions.commands(b)[0] for b in BLOCKS])
def test_session_of_the_page_is_what_the_tool_answers(block):
    with sessions.demo_folder():
        answer = sessions.play(block)

    assert sessions.normal(answer) == sessions.normal(block)


WITHOUT_SESSION = {
    *("completion", "serve", "export", "import"),
    *("backup", "restore", "repair", "salvage"),
}
"""Verbs that write files or serve, which the page shows without their answers."""


def test_page_has_a_session_of_every_verb():
    page = sessions.PAGE.read_text()
    shown = {
        command.split()[1] for block in BLOCKS for command in sessions.commands(block)
    }

    assert set(main.commands) - shown <= WITHOUT_SESSION
    assert "replay completion" in page
