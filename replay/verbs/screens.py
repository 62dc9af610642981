"""What the verbs that show screens have in common: what they show, and by what."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from joblog.replay.jobs.schema import SchemaError
from joblog.replay.verbs.folders import find_folder, has_log
from joblog.replay.views.payloads import Payloads
from joblog.storage.archives import is_archive
from joblog.storage.disk import open_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")

_SCHEMES = ("redis://", "rediss://")
_WAIT_SECONDS = 0.1
_FOLLOW_SECONDS = 60.0
_LINKED = re.compile("sends its whole dataset$|^following .* from offset")
_UNLINKED = re.compile("^the link to the master .* is down:")
"""What `replay follow` says of its link; there is a log before there is one."""


def descriptor_option(verb: F) -> F:
    """Give a verb an option for messages that jobs carry, as its `descriptors`."""

    @click.option(
        "--descriptor",
        "descriptors",
        multiple=True,
        metavar="FILE:MESSAGE",
        help="What payloads are, of protoc --descriptor_set_out.",
    )
    @functools.wraps(verb)
    def run(*args: Any, descriptors: tuple[str, ...], **rest: Any) -> Any:
        check_descriptors(descriptors)
        return verb(*args, descriptors=descriptors, **rest)

    return run  # type: ignore[return-value]  # the option took the place of an argument


def check_descriptors(descriptors: tuple[str, ...]) -> Payloads:
    """Return what decodes payloads.

    Raises:
        ClickException: one of the descriptors is none.
    """
    try:
        return Payloads(descriptors)
    except SchemaError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def open_source(source: str | None) -> Iterator[Path]:
    """Yield the data folder; that of a live server is filled meanwhile.

    Raises:
        ClickException: there is none.
    """
    if source is not None and source.startswith(_SCHEMES):
        # What builds the index of it may still write.
        with tempfile.TemporaryDirectory(
            prefix="replay-", ignore_cleanup_errors=True
        ) as made:
            yield from _followed(source, Path(made) / "data")
        return
    found = find_folder() if source is None else None
    folder = Path(source) if source is not None else found.path if found else None
    if folder is None:
        raise click.ClickException("no data folder is here or above: name one")
    if not (has_log(folder) or is_archive(folder, open_disk())):
        raise click.ClickException(f"{folder} is no data folder: it has no log")
    yield folder


def _followed(source: str, folder: Path) -> Iterator[Path]:
    argv = [sys.executable, "-m", "joblog.replay", "follow", source, str(folder)]
    told = folder.with_suffix(".log")
    # Not to the terminal: a screen may be drawn there.
    with told.open("wb") as file:
        child = subprocess.Popen(  # noqa: S603 - ourselves
            argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        deadline = time.monotonic() + _FOLLOW_SECONDS
        while not (has_log(folder) and any(map(_LINKED.search, _lines(told)))):
            lines = _lines(told)
            is_over = child.poll() is not None or time.monotonic() > deadline
            if is_over or any(map(_UNLINKED.search, lines)):
                why = f": {lines[-1]}" if lines else ""
                raise click.ClickException(f"{_shown(source)} cannot be followed{why}")
            time.sleep(_WAIT_SECONDS)
        yield folder
    finally:
        child.terminate()
        child.wait()


def _lines(told: Path) -> list[str]:
    """Return what the one who follows has said."""
    return told.read_text(errors="replace").strip().splitlines()


def _shown(source: str) -> str:
    """Return an address without its password."""
    return re.sub(r"(?<=://)[^@/]*@", "", source)
