"""Replies to HELP, which every container command has."""

from __future__ import annotations

from app.reply import SimpleString


def help_reply(name: str, *subcommands: tuple[str, ...]) -> list[SimpleString]:
    """Return the lines that answer HELP.

    Args:
        name: the container command.
        subcommands: for each its syntax, then lines that say what it does.
    """
    lines = [f"{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for syntax, *rest in (*subcommands, ("HELP", "These lines.")):
        lines.append(syntax)
        lines += [f"    {line}" for line in rest]
    return [SimpleString(line.encode()) for line in lines]
