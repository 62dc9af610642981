"""Write the pages of docs, and the files of docs/deploy, that come from the tables.

So does one module, by which a command's handler is found before it is imported.

python -m tests.house.generate_docs            write them
python -m tests.house.generate_docs --check    fail where a page is stale
"""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from joblog.app import families
from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config, Setting
from joblog.app.config.particular import RawLines
from joblog.app.table.table import COMMANDS, OWN, Command
from tests.house import completions, man_pages
from tests.house.directives import REDIS_7_2, VALKEY_9_1
from tests.house.homes import homes_module
from tests.house.sample_configuration import sample_configuration

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
_TABLE_BEGINS = "<!-- This table is written by `make docs`. -->\n"
_TABLE_ENDS = "<!-- Here it ends. -->\n"
_NOTE = "<!-- Written by `make docs` from the tables; edit them instead. -->"


def configuration_page() -> str:
    """Return docs/configuration.md."""
    lines = [
        "# Configuration",
        "",
        _NOTE,
        "",
        "Settings are read as redis-server reads them: from the file that the first",
        "argument names, then from standard input where the last argument is `-`, then",
        "from options such as `--port 6380`; the later goes before the earlier.",
        "`CONFIG SET` changes what is marked *live*, and `CONFIG REWRITE` writes it to",
        "the file. Bytes may be written as `1kb` (1024), `1k` (1000), `1mb`, `1gb`.",
        "",
        "An unknown directive or a bad value stops the start in one line: file and",
        "line, directive, why, and what to do. So does any value that would protect",
        "something that this server does not protect: it is never weaker than its",
        "configuration says. `CONFIG SET` of such a value is an error. What becomes of",
        "each directive of Redis and Valkey is in [operations](operations.md).",
    ]
    acting, accepted = [], []
    for group in Config.__bases__:
        settings = [x for x in vars(group).values() if isinstance(x, Setting)]
        has_effect = any(setting.has_effect for setting in settings)
        (acting if has_effect else accepted).append((group, settings))
    for group, settings in acting:
        lines += _section(group, settings)
    lines += [
        "",
        "## Accepted without effect",
        "",
        "These change nothing here. They are accepted, checked and reported, so that a",
        "redis.conf in use starts this server and clients that ask get an answer. What",
        "would guard something is not accepted: such values stop the start.",
    ]
    for group, settings in accepted:
        lines += _section(group, settings, level=3)
    return "\n".join([*lines, ""])


def _section(group: type, settings: list[Setting[Any]], level: int = 2) -> list[str]:
    title = inspect.getdoc(group) or group.__name__
    lines = ["", f"{'#' * level} {title.splitlines()[0].rstrip('.')}", ""]
    lines += ["| setting | default | values | live | meaning |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for setting in settings:
        names = [f"`{setting.name}`", *(f"`{name}`" for name in setting.aliases)]
        default = _default(setting)
        values = setting.expects
        if setting.unit and setting.unit != "bytes":
            values += f" ({setting.unit})"
        live = "yes" if setting.is_live else "no"
        live = "protected" if setting.is_live and setting.is_protected else live
        cells = [", ".join(names), default, values, live, meaning(setting)]
        lines.append(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        )
    return lines


def meaning(setting: Setting[Any]) -> str:
    """Return what a setting means, and which values of it stop the start."""
    if setting.stop is None:
        return setting.summary
    stop = setting.stop
    return f"{setting.summary} **Stops the start**: {stop.values}; {stop.reason}."


def _default(setting: Setting[Any]) -> str:
    if isinstance(setting, RawLines) or setting.default in ("", b"", (), frozenset()):
        return ""
    if setting.name == "dir":
        return f"`{setting.default}`"
    return f"`{setting.show(setting.default)}`"


def commands_page() -> str:
    """Return docs/reference/commands.md."""
    groups: dict[str, list[Command]] = defaultdict(list)
    for command in COMMANDS.values():
        groups[command.group].append(command)
    total = sum(1 + len(command.subcommands) for command in COMMANDS.values())
    lines = [
        "# Commands",
        "",
        _NOTE,
        "",
        f"{total} commands and subcommands, by group. Replies and errors are those of",
        "Redis 7.2; what differs is in [compatibility.md](../compatibility.md).",
    ]
    for group in sorted(groups):
        lines += ["", f"## {group.replace('-', ' ').capitalize()}"]
        for command in sorted(groups[group], key=lambda command: command.name):
            lines += _command_lines(command)
    return "\n".join([*lines, ""])


def _command_lines(command: Command) -> Iterator[str]:
    yield from ("", f"### {command.name.upper()}", "")
    if not command.subcommands:
        yield f"`{syntax(command)}`"
        yield from ("", *_facts(command))
        return
    yield command.summary
    for name in sorted(command.subcommands):
        subcommand = command.subcommands[name]
        yield from ("", f"#### {' '.join(subcommand.name.upper().split('|'))}", "")
        yield f"`{syntax(subcommand)}`"
        yield from ("", *_facts(subcommand))


def _facts(command: Command) -> list[str]:
    flags = ", ".join(flag.name.lower() for flag in command.flags & ~OWN if flag.name)
    return [
        command.summary,
        "",
        f"- Since {command.since}; arity {command.arity}"
        + (f"; {flags.replace('_', '-')}" if flags else ""),
        f"- Complexity: {command.complexity}",
    ]


def syntax(command: Command) -> str:
    """Return how a command is written, as its handler's parameters tell."""
    words = command.name.upper().split("|")
    for parameter in list(inspect.signature(command.handler).parameters.values())[1:]:
        name = parameter.name.strip("_").replace("_", "-")
        if parameter.kind is parameter.VAR_POSITIONAL:
            words.append(f"[{name} ...]")
        elif parameter.default is parameter.empty:
            words.append(name)
        else:
            words.append(f"[{name}]")
    return " ".join(words)


def metrics_page() -> str:
    """Return docs/reference/metrics.md."""
    lines = [
        "# Metrics",
        "",
        _NOTE,
        "",
        "What the page of `metrics-port` tells, and of the past `replay metrics`, as",
        "far as a row says that the log tells it. See [operations](../operations.md).",
        "",
        "| metric | kind | labels | from the log | what |",
        "| --- | --- | --- | --- | --- |",
    ]
    for family in (*families.SERVER, *families.HISTORY):
        labels = ", ".join(f"`{label}`" for label in family.labels)
        told = "yes" if family.is_of_log else "no"
        cells = [f"`{family.sample_name}`", family.kind, labels, told, family.text]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def operations_page() -> str:
    """Return docs/operations.md, which is written by hand but for one table."""
    page = (DOCS / "operations.md").read_text()
    before, rest = page.split(_TABLE_BEGINS)
    return (
        f"{before}{_TABLE_BEGINS}{directives_table()}{_TABLE_ENDS}"
        + (rest.split(_TABLE_ENDS)[1])
    )


def directives_table() -> str:
    """Return what becomes of each directive of the real servers' own files."""
    lines = ["", "| directive | of | here | why |", "| --- | --- | --- | --- |"]
    rows = {
        "include": "| `include` | Redis, Valkey | works | Other files, or patterns. |"
    }
    for setting in Config.SETTINGS.values():
        names = [setting.name, *setting.aliases]
        known = [x for x in names if x in REDIS_7_2 or x in VALKEY_9_1]
        if known:
            rows[known[0]] = _directive_row(known, setting)
    lines += [rows[name] for name in sorted(rows)]
    return "\n".join([*lines, ""])


def _directive_row(names: list[str], setting: Setting[Any]) -> str:
    servers = [
        server
        for server, known in (("Redis", REDIS_7_2), ("Valkey", VALKEY_9_1))
        if any(name in known for name in names)
    ]
    here = "works" if setting.has_effect else "without effect"
    if setting.stop is not None:
        here += f"; stops the start: {setting.stop.values}"
    summary = setting.summary.split(" **Stops")[0]
    why = f"{summary} {_sentence(setting)}".strip()
    cells = [", ".join(f"`{name}`" for name in names), ", ".join(servers), here, why]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sentence(setting: Setting[Any]) -> str:
    if setting.stop is None:
        return ""
    reason = setting.stop.reason
    return f"{reason[0].upper()}{reason[1:]}."


PAGES = {
    "configuration.md": configuration_page,
    "reference/metrics.md": metrics_page,
    "reference/commands.md": commands_page,
    "operations.md": operations_page,
    "deploy/joblog.conf": sample_configuration,
    "deploy/man/man1/joblog.1": man_pages.joblog_page,
    "deploy/man/man1/replay.1": man_pages.replay_page,
    "deploy/man/man5/joblog.conf.5": man_pages.settings_page,
    "deploy/completion/bash/joblog": completions.joblog_bash,
    "deploy/completion/bash/replay": partial(completions.replay_script, "bash"),
    "deploy/completion/zsh/_joblog": completions.joblog_zsh,
    "deploy/completion/zsh/_replay": partial(completions.replay_script, "zsh"),
    "deploy/completion/fish/joblog.fish": completions.joblog_fish,
    "deploy/completion/fish/replay.fish": partial(completions.replay_script, "fish"),
    "../app/commands/homes.py": homes_module,
}


def stale_pages() -> list[str]:
    """Return the names of pages that differ from what the tables say."""
    return [
        name
        for name, page in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text() != page()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or check them, and return the exit code."""
    stale = stale_pages()
    if arguments == ["--check"]:
        for name in stale:
            sys.stderr.write(f"docs/{name} is stale: run 'make docs'\n")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(PAGES[name]())
        sys.stdout.write(f"docs/{name} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
