"""HELP of a container command: its subcommands as the table has them.

The lines have the form that Redis gives them: the heading, then each subcommand with
its arguments, and what it does four spaces further in. The words are our own.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, Final

from app.commands.help import help_reply
from app.commands.table import COMMANDS, Command, Flag, command

if TYPE_CHECKING:
    from app.commands.context import Context
    from app.reply import SimpleString

_WIDTH: Final = 72


def add_help(
    container: str, *, group: str, since: str, acl: tuple[str, ...] = ()
) -> None:
    """Register the HELP subcommand of a container, such as `"CONFIG"`."""

    @command(
        f"{container} HELP",
        arity=2,
        flags=Flag.LOADING | Flag.STALE,
        group=group,
        since=since,
        summary=f"Show the subcommands of {container} and what they do.",
        complexity="O(1)",
        acl=acl,
    )
    def show_help(_: Context) -> list[SimpleString]:
        return usage_lines(container)


def usage_lines(container: str) -> list[SimpleString]:
    """Return the lines of a container's HELP; HELP itself comes last."""
    subcommands = COMMANDS[container.encode()].subcommands
    shown = [
        (
            " ".join([name.decode(), *argument_words(subcommand)]),
            *textwrap.wrap(subcommand.summary, _WIDTH),
        )
        for name, subcommand in sorted(subcommands.items())
        if name != b"HELP"
    ]
    return help_reply(container, *shown)


def argument_words(subcommand: Command) -> list[str]:
    """Return the arguments of a command as people read them: `<key> [<count>]`."""
    words = []
    for parameter in arguments_of(subcommand):
        name = f"<{parameter.name.replace('_', '-')}>"
        if parameter.kind is parameter.VAR_POSITIONAL:
            words.append(f"[{name} ...]")
        elif parameter.default is not parameter.empty:
            words.append(f"[{name}]")
        else:
            words.append(name)
    return words


def arguments_of(subcommand: Command) -> list[inspect.Parameter]:
    """Return the parameters of a command's handler, without the context."""
    return list(inspect.signature(subcommand.handler).parameters.values())[1:]
