"""Which data folder a verb is about, where the command line names none.

It is that of REPLAY_DIR, else the nearest: this folder, `data` or `joblog-data` in it,
and so on upwards, as git finds its own. Which words of a command line are the folder,
and which the verb's other arguments, is told by how many there are.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from joblog.storage.folder import SEGMENT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VARIABLE = "REPLAY_DIR"
UNNAMED = "\0"
"""Stands for the folder where a command line has none; nobody can type it."""

_SCHEMES = ("redis://", "rediss://", "unix://")
_NAMES = ("", "data", "joblog-data")


class Found(NamedTuple):
    """A folder that nobody named.

    Attributes:
        path: the folder.
        why: how it was found, in words.
    """

    path: Path
    why: str


def find_folder() -> Found | None:
    """Return the folder that a verb is about where none is named; None for none."""
    named = os.environ.get(VARIABLE)
    if named:
        return Found(Path(named), f"by {VARIABLE}")
    for path in _candidates():
        if has_log(path):
            return Found(path, "the nearest data folder")
    return None


def _candidates() -> Iterator[Path]:
    here = Path.cwd()
    for number in range(len(here.parents) + 1):
        above = Path(*[os.pardir] * number)
        yield from (above / name for name in _NAMES)


def has_log(folder: Path) -> bool:
    """Say whether a folder is a data folder with a log, or an archive of one."""
    return any(map(_has_segment, (folder / "log", folder)))


def _has_segment(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(SEGMENT_NAME.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False


class DataFolder(click.Path):
    """The type of the argument DIR."""

    def __init__(self) -> None:
        """Take folders that are there."""
        super().__init__(exists=True, file_okay=False, path_type=Path)

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the folder; where none is named, look for it, and tell which it is."""
        if value != UNNAMED:
            return super().convert(value, param, ctx)
        found = find_folder()
        if found is None:
            self.fail(
                f"no data folder is here or above: name one, or set {VARIABLE}",
                param,
                ctx,
            )
        path = super().convert(found.path, param, ctx)
        if ctx is not None and not ctx.resilient_parsing:
            click.echo(f"replay: {found.path} ({found.why})", err=True)
        return path


class FolderArgument(click.Argument):
    """The argument DIR of a verb, which may be left out."""

    def __init__(self, declarations: Sequence[str], **more: Any) -> None:
        """Stand before a verb's other arguments."""
        super().__init__(declarations, metavar="[DIR]", type=DataFolder(), **more)

    def get_error_hint(self, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's
        """Return how it is called in errors."""
        return "'DIR'"

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Return folders, and what the argument behind may be, where it may begin."""
        found = super().shell_complete(ctx, incomplete)
        if find_folder() is not None:
            rest = _other_arguments(ctx.command)
            for one in rest[:1]:
                found += one.shell_complete(ctx, incomplete)
        return found


class NodeFolder(DataFolder):
    """The type of an argument that is a node: its data folder, or its address."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return a folder as a path, an address as it is."""
        return value if is_address(str(value)) else super().convert(value, param, ctx)


class NodeArgument(FolderArgument):
    """The argument DIR of a verb that may be the address of a server."""

    def __init__(self, declarations: Sequence[str], **more: Any) -> None:
        """Stand before a verb's other arguments."""
        super().__init__(declarations, **more)
        self.metavar = "[DIR|URL]"
        self.type = NodeFolder()


def is_address(text: str) -> bool:
    """Say whether a text is the address of a server."""
    return text.startswith(_SCHEMES)


class OwnArgument(click.Argument):
    """An argument of a verb that may be left out, as its folder may."""

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return how it is called in errors."""
        return super().get_error_hint(ctx).replace("[", "").replace("]", "")

    def fits(self, word: str) -> bool:
        """Say whether a word is a range or a record, and no misspelt folder."""
        return ".." in word or word.removeprefix("@").isdecimal()


class MomentArgument(OwnArgument):
    """Such an argument that is a moment, and may be a tag."""

    def fits(self, word: str) -> bool:
        """Say whether a word is a moment, or may be a range."""
        return self.name == "word" or ".." not in word


def with_folder(
    verb: click.Command, words: list[str], *, is_partial: bool
) -> list[str]:
    """Return a verb's words with one for its folder, also where it was left out.

    Args:
        verb: the verb.
        words: the command line behind its name.
        is_partial: whether a shell asks for what may follow.
    """
    if not any(isinstance(param, FolderArgument) for param in verb.params):
        return words
    given = _find_arguments(verb, words)
    if is_partial:
        is_named = not given or Path(given[0]).is_dir()
    else:
        is_named = _is_named(given, _other_arguments(verb))
    return words if is_named else [UNNAMED, *words]


def _is_named(given: Sequence[str], others: Sequence[click.Argument]) -> bool:
    """Say whether the first of the arguments that were given is the folder."""
    required = sum(one.required for one in others)
    if not given or len(given) > len(others):
        return bool(given)
    if len(given) <= required:
        # One is missing, if this is a folder to look at.
        return has_log(Path(given[0]))
    if given[0] == os.pardir:  # a range too: from the start to the end
        return has_log(Path(given[0]))
    if Path(given[0]).is_dir():
        return True
    optional = zip(others[required:], given[required:], strict=False)
    return not all(_fits(one, word) for one, word in optional)


def _fits(argument: click.Argument, word: str) -> bool:
    """Say whether a word is what an optional argument takes, and no folder's name."""
    return not isinstance(argument, OwnArgument) or argument.fits(word)


def _other_arguments(verb: click.Command) -> list[click.Argument]:
    return [
        param
        for param in verb.params
        if isinstance(param, click.Argument) and not isinstance(param, FolderArgument)
    ]


def _find_arguments(verb: click.Command, words: Sequence[str]) -> list[str]:
    """Return the words that are no options; what is wrong with those is told later."""
    options = [one for one in verb.params if not isinstance(one, click.Argument)]
    bare = click.Command(verb.name, params=list(options))
    ctx = click.Context(bare, resilient_parsing=True)
    _, rest, _ = bare.make_parser(ctx).parse_args(list(words))
    return rest
