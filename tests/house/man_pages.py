"""The manual pages joblog(1), joblog.conf(5) and replay(1), in roff's man macros."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from joblog.actors.service.cli import USAGE
from joblog.app.config import Config, Setting
from joblog.app.config.particular import RawLines
from joblog.app.version import VERSION
from joblog.replay.cli import main as replay
from joblog.replay.verbs import VERBS
from tests.house.sample_configuration import EXAMPLES, default_lines, facts

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"

_REPLAY_CODES = [
    ("0", "an answer was found"),
    ("1", "nothing was found, or it cannot be told"),
    ("2", "the command line is wrong"),
    ("3", "the log is damaged"),
]


def joblog_page() -> str:
    """Return joblog(1)."""
    lines = _head("joblog", 1, "a Redis-compatible server whose database is its log")
    lines += [".SH SYNOPSIS"]
    for synopsis in ("[FILE] [--DIRECTIVE VALUE ...] [-]", "--check-config FILE ..."):
        lines += [f".B joblog\n{roff(synopsis)}", ".br"]
    lines[-1] = ".SH DESCRIPTION"
    lines += [
        roff(
            "joblog is a server for job queues that answers as Redis 7.2 does. Each "
            "change of its data is a record in an append-only, hash-chained log in the "
            "data folder; replay(1) tells what happened to a job, a key, or the whole."
        ),
        ".PP",
        roff(
            "FILE is a redis.conf: see joblog.conf(5). Each directive may also be an "
            "option, which goes before the file. A last argument - reads directives "
            "from the standard input."
        ),
        ".SH OPTIONS",
        *_tagged("--DIRECTIVE VALUE", "Set what joblog.conf(5) lists."),
        *_tagged("--check-config", _CHECK),
        *_tagged("--memory-only", "Keep no log: all is lost when the server stops."),
        *_tagged("--import-found", "Bring in the data of Redis that lies in dir."),
        *_tagged("-v, --version", "Print the version."),
        *_tagged("-h, --help", "Print a summary."),
        ".SH EXIT STATUS",
    ]
    for code, what, remedy in exit_codes():
        lines += _tagged(code, f"{what}{f': {remedy}' if remedy else ''}")
    lines += [
        ".SH SIGNALS",
        *_tagged("SIGTERM, SIGINT", "Make everything durable, and stop."),
        *_tagged("SIGHUP", "Open the log file anew, as logrotate(8) needs it."),
        ".SH EXAMPLES",
        *_kept(USAGE.split("Examples:\n")[1].split("\n\n")[0].splitlines()),
        *_see_also("joblog.conf(5), replay(1), redis-cli(1)"),
    ]
    return _page(lines)


_CHECK = (
    "Say whether a start with these arguments would go well: a line for each problem, "
    "with file, line, directive and what to do, a warning for each unsafe setting, and "
    "the exit status of that start. "
    "Nothing is made, and the log is not looked at."
)


def exit_codes() -> list[tuple[str, ...]]:
    """Return what docs/operations.md says of each exit code: code, what, what to do."""
    table = OPERATIONS.read_text().split("| code | what |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) ?\|$", table, re.MULTILINE)
    return [tuple(cell.replace("`", "") for cell in row) for row in rows]


def settings_page() -> str:
    """Return joblog.conf(5)."""
    lines = _head("joblog.conf", 5, "the settings of a joblog server")
    lines += [
        ".SH DESCRIPTION",
        roff(
            "A line is blank, a comment that begins with #, or a directive and its "
            "words, quoted as in redis.conf. The directive include FILE reads another "
            "file, or all that match a pattern. Of two lines for one directive the "
            "later counts, and an option of the command line counts more than the file."
        ),
        ".PP",
        roff(
            "A line that is wrong stops the start, as does a value that would protect "
            "something that this server does not protect; each is one line that says "
            "what to do. joblog --check-config FILE tells them without a start."
        ),
    ]
    rest: list[str] = []
    for group in Config.__bases__:
        settings = [x for x in vars(group).values() if isinstance(x, Setting)]
        acting = [x for x in settings if x.has_effect]
        if acting:
            title = (inspect.getdoc(group) or "").splitlines()[0].rstrip(".")
            lines += [f".SH {roff(title.upper())}"]
        for setting in acting:
            lines += _setting(setting)
        rest += [line for x in settings if not x.has_effect for line in _setting(x)]
    lines += [
        ".SH WITHOUT EFFECT",
        roff("These are accepted so that files of Redis and Valkey start this server."),
        *rest,
        *_see_also("joblog(1), replay(1)"),
    ]
    return _page(lines)


def _setting(setting: Setting[Any]) -> Iterator[str]:
    if isinstance(setting, RawLines):
        shown = EXAMPLES.get(setting.name, f"{setting.name} ...")
    else:
        shown = "; ".join(default_lines(setting))
    yield from (".TP", f".B {roff(shown)}", roff(setting.summary))
    if setting.stop is not None:
        stop = f"Stops the start: {setting.stop.values}; {setting.stop.reason}."
        yield from (".br", roff(stop))
    yield from (".br", roff(facts(setting)))


def replay_page() -> str:
    """Return replay(1)."""
    lines = _head("replay", 1, "ask a joblog data folder what happened")
    lines += [
        ".SH SYNOPSIS",
        ".B replay",
        roff("VERB [OPTIONS] DIR ..."),
        ".SH DESCRIPTION",
        *_help(replay.help or ""),
        ".SH VERBS",
    ]
    for name in VERBS:
        command = replay.commands[name]
        context = click.Context(command, info_name=f"replay {name}")
        usage = " ".join(command.get_usage(context).split()[1:])
        lines += [f".SS {roff(usage)}", *_help(command.help or "")]
        for parameter in command.params:
            record = parameter.get_help_record(context)
            if record is not None and record[1]:
                lines += _tagged(*record)
    lines += [".SH EXIT STATUS"]
    for code, what in _REPLAY_CODES:
        lines += _tagged(code, what)
    return _page([*lines, *_see_also("joblog(1), joblog.conf(5)")])


def _help(text: str) -> Iterator[str]:
    """Yield a help text of click: paragraphs, and those that are kept as they are."""
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield from _kept(paragraph.splitlines()[1:])
        else:
            yield roff(" ".join(paragraph.split()))


def _head(name: str, section: int, summary: str) -> list[str]:
    return [
        '.\\" Written by `make docs` from the tables; edit them instead.',
        f'.TH {name.upper()} {section} "" "joblog {VERSION}" "joblog"',
        ".SH NAME",
        f"{roff(name)} \\- {roff(summary)}",
    ]


def _tagged(tag: str, text: str) -> list[str]:
    return [".TP", f".B {roff(tag)}", roff(text)]


def _kept(lines: list[str]) -> list[str]:
    return [".nf", *map(roff, lines), ".fi"]


def _see_also(pages: str) -> list[str]:
    return [".SH SEE ALSO", roff(pages)]


def _page(lines: list[str]) -> str:
    return "\n".join([*lines, ""])


def roff(text: str) -> str:
    """Return a text for roff: without Markdown's marks, and as it is written."""
    text = text.replace("`", "").replace("**", "")
    for character, name in _ESCAPES.items():
        text = text.replace(character, name)
    return f"\\&{text}" if text.startswith((".", "\\(aq")) else text


_ESCAPES = {
    "\\": "\\e",
    '"': "\\(dq",
    "-": "\\-",
    "'": "\\(aq",
    "^": "\\(ha",
    "~": "\\(ti",
}
