"""What moments, keys and ids of jobs may go on with in a shell."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.app.history.notes import TagNote, read_note
from joblog.replay.index.finder import LogIndex
from joblog.replay.output.texts import from_json_text, json_text
from joblog.replay.records.points import tag_records
from joblog.replay.verbs.folders import UNNAMED, find_folder
from joblog.storage.disk import open_disk
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import click

_WORDS = ("now", "today", "yesterday")
_QUICK_BYTES = 64 << 20
_UNTYPED = re.compile("[\\x00-\\x1f\\x7f]")


def complete_moment(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[str]:
    """Return what a moment, or the end of a range, may go on with in a shell.

    The tags of the folder that stands before it, or of the nearest one, are among them,
    where finding them does not need a scan of a long log.
    """
    range_start, dots, start = incomplete.rpartition("..")
    words = (*_WORDS, *_find_tags(_folder(ctx)))
    return [range_start + dots + word for word in words if word.startswith(start)]


def complete_key(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the keys that one may go on with in a shell, as far as soon found."""
    from joblog.replay.verbs.completing import find_keys  # noqa: PLC0415 - only then

    return _complete(ctx, incomplete, find_keys)


def complete_job(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the jobs' ids that one may go on with in a shell, as far as soon found."""
    from joblog.replay.verbs.completing import find_jobs  # noqa: PLC0415 - only then

    return _complete(ctx, incomplete, find_jobs)


def _folder(ctx: click.Context) -> Path | None:
    """Return the folder that was named, or else the one that will be taken."""
    # Behind an option without its value click leaves the arguments unread.
    named = ctx.params.get("folder") or next(iter(ctx.args), UNNAMED)
    if named != UNNAMED:
        return Path(named)
    found = find_folder()
    return found and found.path


def _complete(
    ctx: click.Context, incomplete: str, find: Callable[[LogIndex, bytes], list[bytes]]
) -> list[str]:
    folder = _folder(ctx)
    if folder is None:
        return []
    try:
        with closing(LogIndex(folder, open_disk())) as index:
            found = map(json_text, find(index, from_json_text(incomplete)))
            return [_UNTYPED.sub(_as_typed, name) for name in found]
    except (StorageError, OSError):
        return []


def _as_typed(letter: re.Match[str]) -> str:
    return f"\\x{ord(letter[0]):02x}"


def _find_tags(folder: Path | None) -> Iterator[str]:
    if folder is None:
        return
    try:
        with closing(LogIndex(folder, open_disk())) as index:
            if index.count_unindexed_bytes() < _QUICK_BYTES:
                notes = (read_note(record.origin) for record in tag_records(index))
                names = (note.name for note in notes if isinstance(note, TagNote))
                yield from sorted({name.decode(errors="replace") for name in names})
    except StorageError:
        return
