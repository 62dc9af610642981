"""What the verbs share on the command line: folder, moments, kinds of output."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from joblog.app import clock
from joblog.app.history.moments import (
    BEGINNING,
    NOW,
    Moment,
    MomentError,
    Point,
    parse_moment,
    parse_range,
)
from joblog.app.history.notes import TagNote, read_note
from joblog.replay.index.background import index_later
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.keys.past import Past
from joblog.replay.output import exits
from joblog.replay.output.answers import Mode, Output, SlowProgress
from joblog.replay.output.texts import from_json_text, json_text
from joblog.replay.records.clients import ClientDirectory
from joblog.replay.records.points import find_point, tag_records
from joblog.storage.archives import Archive, is_archive
from joblog.storage.errors import PrunedError, StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder
from joblog.storage.memory_mark import read_mark
from joblog.storage.places import last_seq_hint
from joblog.storage.segment_files import open_segment

F = TypeVar("F", bound=Callable[..., Any])

FOUND = exits.FOUND
NOTHING = exits.NOTHING
DAMAGED = exits.DAMAGED


class Tool:
    """What a verb works with.

    Attributes:
        folder: the data folder.
        filesystem: the door to the disk.
        output: where the answer goes.
        index: where in the log things are.
        may_index: whether to index a long log behind the back of the verb.
    """

    def __init__(self, folder: Path, output: Output) -> None:
        """Look at a data folder.

        Raises:
            StorageError: it is none.
        """
        self.folder = folder
        self.filesystem = FileSystem()
        is_of_archive = is_archive(folder, self.filesystem)
        if is_of_archive:
            self.filesystem = Archive(folder)
        self.output = output
        mark = read_mark(folder)
        if mark:
            output.hint(f"replay: {folder}: {mark}")
        self.index = LogIndex(folder, self.filesystem)
        self.may_index = not is_of_archive
        self._has_told_floor = False

    def point(self, moment: Moment | None) -> Point:
        """Find a moment in the log; None is its end.

        The beginning of a log that was pruned is the first moment that can be opened.
        """
        if moment is None:
            moment = Moment(NOW, at_ms=clock.now_ms())
        elif moment == BEGINNING:
            moment = Moment("", seq=self.floor_seq())
        try:
            return find_point(moment, self.index)
        except MomentError as error:
            raise click.BadParameter(str(error)) from error

    def floor_seq(
        self, since: Moment | None = None, until_seq: int | None = None
    ) -> int:
        """Return the first moment that can be opened; or one that was asked for.

        Where the log was pruned, the state of its first moments is only known from a
        snapshot on. Who asked for all that was, is told that this is not all.

        Args:
            since: the moment that was asked for, if one was.
            until_seq: the end of what was asked for.

        Raises:
            PrunedError: what was asked for lies before.
        """
        if until_seq is not None:
            self.index.bases.require_openable(until_seq)
        if since is not None:
            seq = self.point(since).seq
            self.index.bases.require_openable(seq)
            return seq
        floor = self.index.bases.find_floor()
        if floor and not self._has_told_floor:
            self._has_told_floor = True
            self.output.hint(f"replay: what was before seq {floor + 1} is pruned")
        return floor

    def find_kept(self) -> tuple[int, list[int]]:
        """Return what pruning changes: the log's first number, and the snapshots."""
        folder = LogFolder(self.folder, self.filesystem)
        return self.index.first_seq, folder.find_snapshots()

    def log_id(self) -> str:
        """Return the log's id, in hexadecimal digits."""
        paths = LogFolder(self.folder, self.filesystem)
        newest = paths.find_segments()[-1]
        reader = open_segment(paths, self.filesystem, newest)
        reader.close()
        return reader.header.log_id.hex()

    def last_seq(self) -> int:
        """Return the number of the log's last record."""
        return self.index.last_seq

    def clients(self) -> ClientDirectory:
        """Return who the clients were; the log is only read where one is asked for."""
        return ClientDirectory(self.index, from_seq=END_SEQ)

    def progress(self, label: str, total: int) -> SlowProgress:
        """Return a progress bar for work of so many records."""
        return SlowProgress(label, total)

    def reading(self) -> SlowProgress:
        """Return a progress bar for scans of the log, told of from now on."""
        progress = SlowProgress(
            "reading", lambda: last_seq_hint(self.folder, filesystem=self.filesystem)
        )
        self.index.tell(progress)
        return progress

    def past(self, progress: Callable[[int], None]) -> Past:
        """Return the log's past, before the first record.

        Args:
            progress: is told how far a fold has come.
        """
        return Past(self.folder, self.filesystem, progress, self.index.bases)


_ATTEMPTS = 10
"""How often a verb begins anew where pruning overtakes it."""

_WORDS = ("now", "today", "yesterday")
_QUICK_BYTES = 64 << 20
_UNTYPED = re.compile("[\\x00-\\x1f\\x7f]")


def complete_moment(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[str]:
    """Return what a moment, or the end of a range, may go on with in a shell.

    The tags of the folder that stands before it are among them, where finding them does
    not need a scan of a long log.
    """
    range_start, dots, start = incomplete.rpartition("..")
    # Behind an option without its value click leaves the arguments unread.
    folder = ctx.params.get("folder") or next(iter(ctx.args), None)
    words = (*_WORDS, *_find_tags(folder))
    return [range_start + dots + word for word in words if word.startswith(start)]


def complete_key(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the keys that one may go on with in a shell, as far as soon found."""
    from joblog.replay.verbs.completing import find_keys  # noqa: PLC0415 - only then

    return _complete(ctx, incomplete, find_keys)


def complete_job(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the jobs' ids that one may go on with in a shell, as far as soon found."""
    from joblog.replay.verbs.completing import find_jobs  # noqa: PLC0415 - only then

    return _complete(ctx, incomplete, find_jobs)


def _complete(
    ctx: click.Context, incomplete: str, find: Callable[[LogIndex, bytes], list[bytes]]
) -> list[str]:
    folder = ctx.params.get("folder") or next(iter(ctx.args), None)
    if folder is None:
        return []
    try:
        with closing(LogIndex(Path(folder), FileSystem())) as index:
            found = map(json_text, find(index, text(incomplete)))
            return [_UNTYPED.sub(_as_typed, name) for name in found]
    except (StorageError, OSError):
        return []


def _as_typed(letter: re.Match[str]) -> str:
    return f"\\x{ord(letter[0]):02x}"


def _find_tags(folder: Path | str | None) -> Iterator[str]:
    if folder is None:
        return
    try:
        with closing(LogIndex(Path(folder), FileSystem())) as index:
            if index.count_unindexed_bytes() < _QUICK_BYTES:
                notes = (read_note(record.origin) for record in tag_records(index))
                names = (note.name for note in notes if isinstance(note, TagNote))
                yield from sorted({name.decode(errors="replace") for name in names})
    except StorageError:
        return


def moment(value: str | Moment) -> Moment:
    """Return the moment in an argument, as `joblog.app.history.moments` reads it.

    Raises:
        click.BadParameter: it is none.
    """
    if isinstance(value, Moment):
        return value
    try:
        return parse_moment(value, clock.now_ms())
    except MomentError as error:
        raise click.BadParameter(str(error)) from error


def moment_range(value: str) -> tuple[Moment, Moment]:
    """Return the two moments in an argument `A..B`.

    Raises:
        click.BadParameter: it is no range.
    """
    try:
        return parse_range(value, clock.now_ms())
    except MomentError as error:
        raise click.BadParameter(str(error)) from error


def seq(value: str | int) -> int:
    """Return the number of a record in an argument, with or without `@`.

    Raises:
        click.BadParameter: it is none.
    """
    digits = str(value).removeprefix("@")
    if not digits.isdecimal():
        raise click.BadParameter(f"{value!r} is no record; write 1042 or @1042")
    return int(digits)


def text(value: str | bytes) -> bytes:
    r"""Return the bytes in an argument: `\xHH` is a byte, `\` is a backslash."""
    return value if isinstance(value, bytes) else from_json_text(value)


def glob(value: str | bytes) -> bytes:
    """Return the glob, or regular expression, in an argument, its backslashes kept."""
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogateescape")


at_option = click.option(
    "--at",
    "at",
    type=moment,
    metavar="MOMENT",
    shell_complete=complete_moment,
    help="The moment: @1042, '5m ago', 2026-11-23T14:00, a tag; by default the end.",
)
db_option = click.option(
    "--db", type=click.IntRange(0), default=0, show_default=True, help="The database."
)
any_db_option = click.option("--db", type=click.IntRange(0), help="Only this database.")
key_glob_option = click.option(
    "--key", "key_glob", type=glob, metavar="GLOB", help="Only keys like this."
)


def takes_folder(verb: F) -> F:
    """Give a verb the argument DIR and the kinds of output, as its `Tool`."""

    @click.argument(
        "folder",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
    )
    @takes_output
    @functools.wraps(verb)
    def run(output: Output, folder: Path, **arguments: Any) -> Any:
        attempt = 1
        while True:
            tool = Tool(folder, output)
            kept = tool.find_kept()
            try:
                return _run(verb, tool, arguments)
            except PrunedError:
                # A server beside may have pruned what the verb was about to read.
                is_overtaken = tool.find_kept() != kept
                if not is_overtaken or output.has_written or attempt == _ATTEMPTS:
                    raise
            attempt += 1

    return run  # type: ignore[return-value]  # the options took the place of arguments


def _run(verb: Callable[..., Any], tool: Tool, arguments: dict[str, Any]) -> Any:
    try:
        with tool.reading():
            code = verb(tool, **arguments)
        if tool.may_index:
            tool.output.flush()
            with suppress(PrunedError):
                index_later(tool.index)
    finally:
        tool.index.close()
    return code


def takes_output(verb: F) -> F:
    """Give a verb the kinds of output, as its `Output`."""

    @click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
    @click.option(
        "--plain", "is_plain", is_flag=True, help="Tab-separated lines, as in a pipe."
    )
    @functools.wraps(verb)
    def run(*, is_json: bool, is_plain: bool, **arguments: Any) -> Any:
        mode = Mode.JSON if is_json else Mode.PLAIN if is_plain else None
        return verb(Output(mode), **arguments)

    return run  # type: ignore[return-value]  # the options took the place of arguments
