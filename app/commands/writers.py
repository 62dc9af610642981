"""Commands as effects: each module of handlers is imported when its command comes by.

A server imports them all (`catalogue`). A fold meets a few commands, and `replay` is
started for one question after the other, so here only the modules of those are read:
`homes`, which is generated, says which they are.
"""

from __future__ import annotations

import importlib
from typing import Final

from joblog.app.commands.homes import HOMES
from joblog.app.table.table import Command, find_command, require_effect

_MODULES: Final[dict[bytes, str]] = {
    name.encode(): module for module, names in HOMES.items() for name in names.split()
}


def find_writer(argv: list[bytes]) -> Command | None:
    """Return the command that an effect calls, or the subcommand, or None."""
    found = find_command(argv)
    if found is None:
        _import_home(argv[0].upper())
        found = find_command(argv)
    return found


def require_writer(argv: list[bytes]) -> Command:
    """Return the command that an effect calls, with the right number of words.

    Raises:
        CommandError: no such command or subcommand, or a wrong number of arguments.
    """
    find_writer(argv)
    return require_effect(argv)


def _import_home(name: bytes) -> None:
    """Register a command; all of them where it has no module of its own."""
    importlib.import_module(f"joblog.app.commands.{_MODULES.get(name, 'catalogue')}")
