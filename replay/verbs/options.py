"""What the verbs share on the command line: folder, moments, kinds of output."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from joblog.app import clock
from joblog.app.history.moments import (
    BEGINNING,
    NOW,
    Moment,
    MomentError,
    NoSuchTagError,
    Point,
    tag_name,
)
from joblog.replay.index.background import index_later
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.keys.past import Past
from joblog.replay.output import exits
from joblog.replay.output.answers import Mode, Output, SlowProgress
from joblog.replay.output.near import near_text
from joblog.replay.records.clients import ClientDirectory
from joblog.replay.records.points import find_point, tag_records
from joblog.replay.verbs.arguments import (
    Span,
    any_db_option,
    at_option,
    db_option,
    glob,
    key_glob_option,
    moment,
    moment_range,
    oneline_option,
    seq,
    takes_range,
    text,
)
from joblog.replay.verbs.completers import complete_job, complete_key, complete_moment
from joblog.replay.verbs.folders import FolderArgument
from joblog.storage.archives import Archive, is_archive
from joblog.storage.disk import open_disk
from joblog.storage.errors import PrunedError
from joblog.storage.folder import LogFolder
from joblog.storage.memory_mark import read_mark
from joblog.storage.places import last_seq_hint
from joblog.storage.segment_files import open_segment

if TYPE_CHECKING:
    from pathlib import Path

_GAP = re.compile(rb"gap-([0-9]+)-([0-9]+)")
"""The tag that `joblog.replay.salvaging` gives where records are gone."""

__all__ = [
    "DAMAGED",
    "FOUND",
    "NOTHING",
    "Span",
    "Tool",
    "any_db_option",
    "at_option",
    "complete_job",
    "complete_key",
    "complete_moment",
    "db_option",
    "glob",
    "key_glob_option",
    "moment",
    "moment_range",
    "oneline_option",
    "run_over",
    "seq",
    "takes_folder",
    "takes_output",
    "takes_range",
    "text",
]

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
        self.filesystem = open_disk()
        is_of_archive = is_archive(folder, self.filesystem)
        if is_of_archive:
            self.filesystem = open_disk(beneath=Archive(folder))
        self.output = output
        mark = read_mark(folder)
        if mark:
            output.hint(f"replay: {folder}: {mark}")
        self.index = LogIndex(folder, self.filesystem)
        self.may_index = not is_of_archive
        self._has_told_floor = False
        self._told_tags: set[bytes] = set()

    def point(self, moment: Moment | None) -> Point:
        """Find a moment in the log; None is its end.

        The beginning of a log that was pruned is the first moment that can be opened.
        """
        if moment is None:
            moment = Moment(NOW, at_ms=clock.now_ms())
        elif moment == BEGINNING:
            moment = Moment("", seq=self.floor_seq())
        try:
            if moment.tag is not None:
                self._tell_moves(moment.tag)
            return find_point(moment, self.index)
        except NoSuchTagError as error:
            known = {name.decode() for name in self._find_tags()}
            text = f"{error}{near_text(moment.text, sorted(known))}"
            raise click.BadParameter(text) from error
        except MomentError as error:
            raise click.BadParameter(str(error)) from error

    def _find_tags(self) -> dict[bytes, list[int]]:
        """Return the records that gave each name; of several the last one counts."""
        found: dict[bytes, list[int]] = {}
        for record in tag_records(self.index):
            name = tag_name(record)
            if name is not None:
                found.setdefault(name, []).append(record.seq)
        return found

    def _tell_moves(self, tag: bytes) -> None:
        """Say where else a tag was, if it was moved and no such place was asked for."""
        seqs = self._find_tags().get(tag, [])
        if len(seqs) > 1 and tag not in self._told_tags:
            self._told_tags.add(tag)
            name = tag.decode()
            self.output.hint(
                f"replay: {name} is @{seqs[-1]}; it was moved, and {name}~1 is "
                f"@{seqs[-2]}"
            )

    def ends(self, span: Span) -> tuple[Point, Point]:
        """Return the moments of a range: that before its first record, and its last.

        Where it begins with the log, it is the first moment that can be opened.

        Raises:
            click.UsageError: the first is later than the last.
        """
        first, last = self.point(span.since or BEGINNING), self.point(span.until)
        if first.seq <= last.seq:
            return first, last
        if span.since is None:  # all of it lies before what the log still has
            return last, last
        raise click.UsageError("A must not be later than B")

    def seqs(self, span: Span) -> tuple[int, int]:
        """Return the numbers of a range's first record, that the log has, and its last.

        Raises:
            click.UsageError: the first is later than the last.
        """
        if span.since is None:
            return self.index.first_seq, self.point(span.until).seq
        first, last = self.ends(span)
        return max(first.seq + 1, self.index.first_seq), last.seq

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

    def tell_gaps(self) -> None:
        """Say where records are gone from a log that was salvaged."""
        for record in tag_records(self.index):
            found = _GAP.fullmatch(tag_name(record) or b"")
            if found is not None:
                first, last = map(int, found.groups())
                gone = last - first + 1
                verb = " is" if gone == 1 else "s are"
                self.output.hint_once(
                    f"replay: this log was salvaged, and {gone:,} record{verb} gone at "
                    f"seq {record.seq}: what pops took behind it is not known, and "
                    "what is told of jobs may be wrong"
                )

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


def takes_folder(verb: F) -> F:
    """Give a verb the argument DIR and the kinds of output, as its `Tool`."""

    @click.argument("folder", cls=FolderArgument)
    @takes_output
    @functools.wraps(verb)
    def run(output: Output, folder: Path, **arguments: Any) -> Any:
        return run_over(verb, output, folder, arguments)

    return run  # type: ignore[return-value]  # the options took the place of arguments


def run_over(
    verb: Callable[..., Any], output: Output, folder: Path, arguments: dict[str, Any]
) -> Any:
    """Run a verb over a data folder, and return its exit code.

    Args:
        verb: takes a `Tool` and the arguments.
        output: where the answer goes.
        folder: the data folder.
        arguments: those of the verb, by name.
    """
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


def _run(verb: Callable[..., Any], tool: Tool, arguments: dict[str, Any]) -> Any:
    try:
        with tool.reading():
            code = verb(tool, **arguments)
        if code == NOTHING and not (tool.output.has_written or tool.output.has_told):
            tool.output.hint("replay: there is nothing of that kind")
        if tool.may_index:
            tool.output.flush()
            with suppress(PrunedError):
                index_later(tool.index)
    finally:
        tool.index.close()
    return code


def takes_output(verb: F) -> F:
    """Give a verb the kinds of output, as its `Output`."""

    @click.option("--no-pager", is_flag=True, help="Write a long answer at once.")
    @click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
    @click.option(
        "--plain", "is_plain", is_flag=True, help="Tab-separated lines, as in a pipe."
    )
    @functools.wraps(verb)
    def run(*, is_json: bool, is_plain: bool, no_pager: bool, **arguments: Any) -> Any:
        mode = Mode.JSON if is_json else Mode.PLAIN if is_plain else None
        return verb(Output(mode, may_page=not no_pager), **arguments)

    return run  # type: ignore[return-value]  # the options took the place of arguments
