"""What the verbs share on the command line: the folder, moments, and kinds of output."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app import clock
from replay.moments import (
    Moment,
    MomentError,
    Point,
    find_point,
    parse_moment,
    parse_range,
)
from replay.output import Mode, Output, SlowProgress
from replay.past import Past
from replay.texts import from_json_text
from storage.filesystem import FileSystem
from storage.folder import LogFolder
from storage.reader import last_seq_hint

if TYPE_CHECKING:
    from click import Context, Parameter

F = TypeVar("F", bound=Callable[..., Any])

FOUND = 0
NOTHING = 1
DAMAGED = 3


class Tool:
    """What a verb works with.

    Attributes:
        folder: the data folder.
        filesystem: the door to the disk.
        output: where the answer goes.
    """

    def __init__(self, folder: Path, output: Output) -> None:
        """Look at a data folder.

        Raises:
            StorageError: it is none.
        """
        self.folder = folder
        self.filesystem = FileSystem()
        self.output = output
        LogFolder(folder, self.filesystem).find_segments()

    def point(self, moment: Moment | None) -> Point:
        """Find a moment in the log; None is its end."""
        if moment is None:
            moment = Moment("now", at_ms=clock.now_ms())
        return find_point(moment, self.folder, self.filesystem)

    def last_seq(self) -> int:
        """Return the number of the log's last record."""
        return last_seq_hint(self.folder, filesystem=self.filesystem)

    def progress(self, label: str, total: int) -> SlowProgress:
        """Return a progress bar for work of so many records."""
        return SlowProgress(label, total)

    def past(self, progress: Callable[[int], None]) -> Past:
        """Return the log's past, before the first record."""
        return Past(self.folder, self.filesystem, progress)


class MomentType(click.ParamType):
    """A moment, as `replay.moments` reads it."""

    name = "moment"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """Return the moment, or fail with what was expected."""
        if isinstance(value, Moment):
            return value
        try:
            return parse_moment(value, clock.now_ms())
        except MomentError as error:
            self.fail(str(error), param, ctx)


class RangeType(click.ParamType):
    """Two moments, `A..B`."""

    name = "range"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """Return the two moments, or fail with what was expected."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_range(value, clock.now_ms())
        except MomentError as error:
            self.fail(str(error), param, ctx)


class SeqType(click.ParamType):
    """The number of a record, with or without `@`."""

    name = "seq"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """Return the number."""
        digits = str(value).removeprefix("@")
        if not digits.isdecimal():
            self.fail(f"{value!r} is no sequence number; write 1042 or @1042")
        return int(digits)


class BytesType(click.ParamType):
    r"""A byte string; `\xHH` is a byte, a backslash itself may be doubled."""

    name = "text"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """Return the bytes."""
        return from_json_text(value) if isinstance(value, str) else value


class GlobType(click.ParamType):
    r"""A glob over byte strings, with the backslash escapes that Redis's globs have."""

    name = "glob"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """Return the bytes."""
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        return value


MOMENT = MomentType()
RANGE = RangeType()
SEQ = SeqType()
BYTES = BytesType()
GLOB = GlobType()

at_option = click.option(
    "--at",
    "at",
    type=MOMENT,
    metavar="MOMENT",
    help="The moment, such as @1042, '5m ago', 2026-11-23T14:00; by default now.",
)
db_option = click.option(
    "--db", type=click.IntRange(0), default=0, show_default=True, help="The database."
)
any_db_option = click.option(
    "--db", type=click.IntRange(0), help="Only this database."
)
key_glob_option = click.option(
    "--key", "key_glob", type=GLOB, metavar="GLOB", help="Only keys like this."
)


def takes_folder(verb: F) -> F:
    """Give a verb the argument DIR and the kinds of output, as its `Tool`."""

    @click.argument(
        "folder",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
    )
    @click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
    @click.option(
        "--plain", "is_plain", is_flag=True, help="Tab-separated lines, as in a pipe."
    )
    @functools.wraps(verb)
    def run(
        folder: Path, *, is_json: bool, is_plain: bool, **arguments: Any
    ) -> Any:
        mode = Mode.JSON if is_json else Mode.PLAIN if is_plain else None
        return verb(Tool(folder, Output(mode)), **arguments)

    return run  # type: ignore[return-value]  # the options took the place of arguments
