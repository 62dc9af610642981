"""HELP of a container command: its subcommands as the table has them.

The lines have the form that Redis gives them: the heading, then each subcommand with
its arguments, and what it does four spaces further in. The words are our own.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from typing import TYPE_CHECKING, Final

from joblog.app.reply import SimpleString
from joblog.app.table.table import COMMANDS, Command, Flag, command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WIDTH: Final = 72


def add_help(
    container: str,
    *,
    group: str,
    since: str,
    acl: tuple[str, ...] = (),
    syntax: Mapping[str, str] | None = None,
) -> None:
    """Register the HELP subcommand of a container, such as `"CONFIG"`.

    Args:
        container: the command that has subcommands.
        group: Redis's group.
        since: the Redis version that introduced HELP.
        acl: see `command`.
        syntax: the arguments of subcommands that take options, by name; those of the
            others are the parameters of their handlers.
    """

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
    def show_help(_: object) -> list[SimpleString]:
        return usage_lines(container, syntax or {})


def usage_lines(container: str, syntax: Mapping[str, str]) -> list[SimpleString]:
    """Return the lines of a container's HELP; HELP itself comes last."""
    shown = [
        (
            f"{name} {syntax.get(name) or ' '.join(argument_words(subcommand))}",
            *textwrap.wrap(subcommand.summary, _WIDTH),
        )
        for name, subcommand in sorted(_subcommands(container))
        if name != "HELP"
    ]
    return help_lines(container, *shown)


def _subcommands(container: str) -> list[tuple[str, Command]]:
    found = COMMANDS[container.encode()].subcommands
    return [(name.decode(), subcommand) for name, subcommand in found.items()]


def sibling_lines(prefix: str, syntax: Mapping[str, str]) -> list[SimpleString]:
    """Return a line for each command of a prefix, as `LOG.`, and one for what it does.

    Args:
        prefix: the name before the dot.
        syntax: the arguments of commands that take options, by name.
    """
    lines = []
    for key in sorted(COMMANDS):
        name, known = key.decode(), COMMANDS[key]
        if name.startswith(f"{prefix}."):
            words = syntax.get(name) or " ".join(argument_words(known))
            lines.append(f"{name} {words}".rstrip())
            lines += [f"    {line}" for line in textwrap.wrap(known.summary, _WIDTH)]
    return [SimpleString(line.encode()) for line in lines]


def help_lines(name: str, *subcommands: tuple[str, ...]) -> list[SimpleString]:
    """Return the lines that answer HELP.

    Args:
        name: the container command.
        subcommands: for each its syntax, then lines that say what it does.
    """
    lines = [f"{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for syntax, *rest in (*subcommands, ("HELP", "Print this help.")):
        lines.append(syntax.rstrip())
        lines += [f"    {line}" for line in rest]
    return [SimpleString(line.encode()) for line in lines]


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
    """Return the parameters of a command's handler that arguments fill."""
    parameters = _parameters_of(subcommand.handler)
    return parameters if subcommand.skip else parameters[1:]


@functools.cache
def _parameters_of(handler: Callable[..., object]) -> list[inspect.Parameter]:
    """Look up parameters once.

    Of a compiled handler Python makes classes and functions each time, which only the
    collector finds again.
    """
    return list(inspect.signature(handler).parameters.values())[1:]
