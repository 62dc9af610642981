"""Answers that are given again and again: a screen of the newest, until Ctrl-C."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import click

from joblog.replay.verbs.options import FOUND, Tool

if TYPE_CHECKING:
    from collections.abc import Callable

_CLEAR = "\x1b[H\x1b[2J"

watch_option = click.option(
    "--watch",
    "watch_seconds",
    type=click.FloatRange(0.1),
    is_flag=False,
    flag_value=2.0,
    metavar="[SECONDS]",
    help="Show it anew every so often, or every 2 seconds, until Ctrl-C.",
)


def watch(tool: Tool, seconds: float, show: Callable[[Tool], object]) -> int:
    """Show what a log says now, and again after so many seconds, until Ctrl-C."""
    output = tool.output
    output.may_page = False
    try:
        while True:
            now = Tool(tool.folder, output)
            with closing(now.index):
                if output.is_terminal:
                    with output.console.capture() as screen:
                        show(now)
                    output.stream.write(_CLEAR + screen.get())
                else:
                    show(now)
            output.flush()
            time.sleep(seconds)
    except KeyboardInterrupt:
        # The way to end it, and no failure.
        output.flush()
    return FOUND
