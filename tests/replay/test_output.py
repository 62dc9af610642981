import io

import pytest
from rich.console import Console

from joblog.replay.output.answers import Mode, Output, SlowProgress


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


def test_long_table_is_drawn_in_pieces_under_one_heading(terminal):
    with terminal.rows("key") as rows:
        for number in range(1200):
            rows.add(None, (str(number),))

    assert written(terminal).count("key") == 1


def test_plain_rows_are_cells_between_tabs(capsys):
    with Output(Mode.PLAIN).rows("key", "size") as rows:
        rows.add(None, ("a", "1"))

    assert capsys.readouterr().out == "a\t1\n"


def test_pipe_is_plain_by_default(capsys):
    assert Output().mode is Mode.PLAIN


@pytest.fixture
def slow_terminal(monkeypatch):
    """Let standard error be a terminal, and let all that is done be slow."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("joblog.replay.output.answers._SLOW_SECONDS", -1)


def test_one_bar_is_shown_at_a_time(slow_terminal):
    with SlowProgress("reading", 10) as outer, SlowProgress("folding", 10) as inner:
        outer(1)
        assert outer._bar is not None
        inner(1)
        assert outer._bar is None
        assert inner._bar is not None
        SlowProgress.make_way()
        assert inner._bar is None
        inner(2)
        assert inner._bar is not None

    assert SlowProgress._shown is None


def test_bar_goes_on_with_the_next_piece_of_work(slow_terminal):
    with SlowProgress("indexing", 10) as progress:
        progress(10)
        progress.then("folding")(1)
        assert progress._bar.tasks[0].description == "folding"


def test_there_is_no_bar_without_a_terminal(monkeypatch):
    monkeypatch.setattr("joblog.replay.output.answers._SLOW_SECONDS", -1)
    with SlowProgress("reading", 10) as progress:
        progress(1)

        assert progress._bar is None
