import io

import pytest
from rich.console import Console

from replay.output import Mode, Output


@pytest.fixture
def terminal():
    output = Output(Mode.TERMINAL)
    output.console = Console(
        file=io.StringIO(),
        force_terminal=True,
        width=40,
        highlight=False,
        no_color=True,
    )
    return output


def written(output):
    return output.console.file.getvalue()


def test_table_has_headings_on_a_terminal(terminal):
    with terminal.rows("key", "size", right=("size",)) as rows:
        rows.add(None, ("a", "1"))

    assert "key" in written(terminal)
    assert rows.count == 1


def test_square_brackets_are_no_markup(terminal):
    terminal.text("[red]x")
    terminal.line(("[bold]y",))

    assert "[red]x" in written(terminal)
    assert "[bold]y" in written(terminal)


def test_long_table_is_drawn_in_pieces(terminal):
    with terminal.rows("key") as rows:
        for number in range(1200):
            rows.add(None, (str(number),))

    assert written(terminal).count("key") == 3


def test_plain_rows_are_cells_between_tabs(capsys):
    with Output(Mode.PLAIN).rows("key", "size") as rows:
        rows.add(None, ("a", "1"))

    assert capsys.readouterr().out == "a\t1\n"


def test_pipe_is_plain_by_default(capsys):
    assert Output().mode is Mode.PLAIN
