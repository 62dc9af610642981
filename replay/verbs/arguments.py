"""What stands on command lines, and how it is read: moments, ranges, keys, numbers.

A range is said in one way in every verb that takes one: A..B, or --since and --until.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from joblog.app import clock
from joblog.app.history.moments import (
    BEGINNING,
    Moment,
    MomentError,
    parse_moment,
    parse_range,
)
from joblog.replay.output.texts import from_json_text
from joblog.replay.verbs.completers import complete_moment
from joblog.replay.verbs.folders import MomentArgument, OwnArgument

F = TypeVar("F", bound=Callable[..., Any])


class Span(NamedTuple):
    """A range of the log, as the command line says it.

    Attributes:
        since: the moment after which it begins; None for the log's start.
        until: the moment with which it ends; None for the log's end.
        is_dotted: whether it was written as A..B.
    """

    since: Moment | None = None
    until: Moment | None = None
    is_dotted: bool = False

    @property
    def is_given(self) -> bool:
        """Whether the command line says any."""
        return self.is_dotted or (self.since, self.until) != (None, None)


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
oneline_option = click.option(
    "--oneline", "is_oneline", is_flag=True, help="One short line for each of them."
)
key_glob_option = click.option(
    "--key", "key_glob", type=glob, metavar="GLOB", help="Only keys like this."
)


def takes_range(
    *, also_at: bool = False, also_seq: bool = False, also_two: bool = False
) -> Callable[[F], F]:
    """Return what gives a verb a range, as its `span`: A..B, --since and --until.

    Args:
        also_at: whether --at says the end too, as in verbs that show one moment.
        also_seq: whether it may be one record, SEQ.
        also_two: whether it may be two arguments, A B.
    """
    arguments = [_word_argument(_range_or_seq if also_seq else moment_range, also_seq)]
    if also_two:
        arguments = [_first_argument, _second_argument]

    def decorate(verb: F) -> F:
        @click.option(
            "--since", type=moment, metavar="MOMENT", shell_complete=complete_moment,
            help="Only what came after this moment, as A in A..B.",
        )  # fmt: skip
        @click.option(
            *(["--until", "--at"] if also_at else ["--until"]), "until",
            type=moment, metavar="MOMENT", shell_complete=complete_moment,
            help="Only what came up to this moment, as B in A..B.",
        )  # fmt: skip
        @functools.wraps(verb)
        def run(*args: Any, **rest: Any) -> Any:
            said = [rest.pop(name, None) for name in _PARTS]
            return verb(*args, span=_make_span(*said), **rest)

        made: Any = run
        for argument in reversed(arguments):
            made = argument(made)
        return made  # type: ignore[no-any-return]  # the options took its place

    return decorate


_PARTS = ("since", "until", "word", "second")


def _word_argument(type_: Callable[[str], Any], also_seq: bool) -> Callable[[F], F]:  # noqa: FBT001 - of one caller
    return click.argument(
        "word",
        cls=OwnArgument,
        metavar="[SEQ|A..B]" if also_seq else "[A..B]",
        type=type_,
        required=False,
        shell_complete=complete_moment,
    )


def _one_or_both(value: str) -> Moment | tuple[Moment, Moment]:
    """Return the moment in an argument, or both where it is a range."""
    return moment_range(value) if ".." in value else moment(value)


_first_argument = click.argument(
    "word",
    cls=MomentArgument,
    metavar="[A|A..B]",
    type=_one_or_both,
    required=False,
    shell_complete=complete_moment,
)
_second_argument = click.argument(
    "second",
    cls=MomentArgument,
    metavar="[B]",
    type=moment,
    required=False,
    shell_complete=complete_moment,
)


def _make_span(
    since: Moment | None,
    until: Moment | None,
    word: tuple[Moment, Moment] | Moment | None,
    second: Moment | None,
) -> Span:
    """Return the range that one of the forms says.

    Raises:
        click.UsageError: it is said twice, or only a half of it.
    """
    if word is None:
        return Span(since, until)
    if since is not None or until is not None:
        raise click.UsageError("say the range once: A..B, or --since and --until")
    if isinstance(word, Moment) == (second is None):
        raise click.UsageError("write two moments, A B or A..B")
    first, last = (word, second) if isinstance(word, Moment) else word
    return Span(None if first == BEGINNING else first, last, is_dotted=True)


def _range_or_seq(value: str) -> tuple[Moment, Moment]:
    """Return the two moments between which a record, or a range, came.

    Raises:
        click.BadParameter: it is neither.
    """
    if ".." in value:
        return moment_range(value)
    last = moment(value)
    if not last.seq:
        raise click.BadParameter(f"{value!r}: write a record, @1042, or a range")
    return Moment(value, seq=last.seq - 1), last
