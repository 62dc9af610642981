"""The module that says where each command is registered, made from the table."""

from __future__ import annotations

import textwrap
from collections import defaultdict

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.table.table import COMMANDS

_HEAD = '''"""Which module of handlers registers which commands: written by `make docs`.

A command with subcommands is here where all of them are in one module.
"""

from __future__ import annotations

from typing import Final

HOMES: Final[dict[str, str]] = {
'''
_WIDTH = 88


def homes_module() -> str:
    """Return app/commands/homes.py."""
    homes: dict[str, list[str]] = defaultdict(list)
    for name, command in sorted(COMMANDS.items()):
        made = [
            each for each in command.subcommands.values() if each.name[-5:] != "|help"
        ]
        modules = {
            each.handler.__module__.partition(".commands.")[2]
            for each in made or [command]
        }
        if len(modules) == 1:
            homes[modules.pop()].append(name.decode())
    lines = [line for home in sorted(homes) for line in _entry(home, homes[home])]
    return _HEAD + "\n".join(lines) + "\n}\n"


def _entry(home: str, names: list[str]) -> list[str]:
    text = " ".join(names)
    line = f'    "{home}": "{text}",'
    if len(line) <= _WIDTH:
        return [line]
    wrapped = textwrap.wrap(text, _WIDTH - len("        "), break_on_hyphens=False)
    return [
        f'    "{home}": """',
        *(f"        {each}" for each in wrapped),
        '    """,',
    ]
