"""The console of a terminal, whose answers the pager may show."""

from __future__ import annotations

import sys

from rich.console import Console

from joblog.replay.output.pager import Pager


class _Console(Console):
    """A console that leaves it to others what to do where nobody reads any more."""

    def on_broken_pipe(self) -> None:
        """Say so, as for other files.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError


def make_console() -> Console:
    """Return the console of standard output."""
    return _Console(highlight=False, emoji=False)


def begin_pager(console: Console) -> Console:
    """Let the pager take what goes to a console; return the one to write to."""
    if not sys.stdout.isatty():
        return console
    width, is_terminal = console.width, console.is_terminal
    Pager.begin()
    return _Console(
        highlight=False, emoji=False, width=width, force_terminal=is_terminal
    )
