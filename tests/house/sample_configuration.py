"""The sample joblog.conf: every setting, explained, at its default.

A line that begins with `#` and a space is text; one that begins with `#` alone is a
setting that can be switched on by taking the `#` away.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from joblog.app.config import Config, Setting
from joblog.app.config.particular import RawLines

COLUMNS = 80
SET = {"dir": "dir /var/lib/joblog"}
"""Settings that the sample sets, since their default is for trying things out."""

EXAMPLES = {
    "rename-command": 'rename-command FLUSHALL ""',
    "user": "user default on nopass sanitize-payload ~* &* +@all",
}
"""Directives without a default."""

_HEAD = """\
joblog.conf: the configuration of a joblog server, with every setting that there is.
This file is written from the tables of settings; see joblog.conf(5).

A setting is commented out where it is at its default: take away the # that stands
before it. Words are quoted as in redis.conf. Bytes may be written as 1kb (1024), 1k
(1000), 1mb, 1gb. An unknown directive, and a value that would protect something that
this server does not protect, stop the start; each is a line that says what to do.

  joblog --check-config /etc/joblog/joblog.conf     says whether the server would start
  joblog /etc/joblog/joblog.conf --port 7777        options go before this file

Where a password stands in this file, let nobody else read it: chmod 640, group joblog.
"""

_WITHOUT_EFFECT = """\
What follows has no effect: these settings are of Redis and Valkey, and are accepted so
that their files start this server. Values that would protect something stop the start.
"""


def sample_configuration() -> str:
    """Return the sample joblog.conf."""
    lines = list(_text(_HEAD))
    rest: list[str] = []
    for group in Config.__bases__:
        settings = [x for x in vars(group).values() if isinstance(x, Setting)]
        acting = [x for x in settings if x.has_effect]
        if acting:
            lines += _title(group)
        for setting in acting:
            lines += _setting(setting)
        rest += [line for x in settings if not x.has_effect for line in _setting(x)]
    lines += ["", *_rule("Without effect"), "", *_text(_WITHOUT_EFFECT), *rest]
    return "\n".join([*lines, ""])


def _title(group: type) -> Iterator[str]:
    title = (inspect.getdoc(group) or group.__name__).splitlines()[0].rstrip(".")
    yield ""
    yield from _rule(title)


def _rule(title: str) -> Iterator[str]:
    yield f"# {'-' * 3} {title} ".ljust(COLUMNS, "-")


def _setting(setting: Setting[Any]) -> Iterator[str]:
    yield ""
    yield from _wrapped(plain(setting.summary))
    if setting.stop is not None:
        values = plain(setting.stop.values)
        yield from _wrapped(f"Stops the start: {values}; {setting.stop.reason}.")
    yield from _wrapped(facts(setting))
    if setting.name in SET:
        yield SET[setting.name]
    elif isinstance(setting, RawLines):
        if setting.name in EXAMPLES:
            yield f"#{EXAMPLES[setting.name]}"
        else:
            yield f"# {setting.name} ..."
    else:
        yield from (f"#{line}" for line in default_lines(setting))


def default_lines(setting: Setting[Any]) -> list[str]:
    """Return the lines that say the default of a setting."""
    lines = setting.lines(setting.default)
    return lines or [f"{setting.name} {setting.show(setting.default)}"]


def facts(setting: Setting[Any]) -> str:
    """Return the values that a setting takes, its other names, and how it changes."""
    unit = "" if setting.unit in ("", "bytes") else f", in {setting.unit}"
    found = [f"Values: {setting.expects}{unit}."]
    if setting.aliases:
        found.append(f"Also: {', '.join(setting.aliases)}.")
    if not setting.has_effect:
        return " ".join(found)
    if not setting.is_live:
        found.append("Not by CONFIG SET.")
    elif setting.is_protected:
        found.append("CONFIG SET where enable-protected-configs says so.")
    return " ".join(found)


def plain(text: str) -> str:
    """Return a text without Markdown's marks."""
    return text.replace("`", "").replace("**", "").replace("*protected*", "protected")


def _text(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"# {line}".rstrip()


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
