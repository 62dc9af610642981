"""ACL categories of a command: they follow from its flags, its group and its extras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.table.table import Flag, every_command

if TYPE_CHECKING:
    from joblog.app.table.table import Command

CATEGORIES: Final = (
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
)
"""Every category, in the order in which Redis names those of a command."""

_OF_FLAG: Final = (
    (Flag.WRITE, "write"),
    (Flag.ADMIN, "admin"),
    (Flag.ADMIN, "dangerous"),
    (Flag.PUBSUB, "pubsub"),
    (Flag.BLOCKING, "blocking"),
)
_OF_GROUP: Final = {
    "bitmap": "bitmap",
    "connection": "connection",
    "generic": "keyspace",
    "geo": "geo",
    "hash": "hash",
    "hyperloglog": "hyperloglog",
    "list": "list",
    "scripting": "scripting",
    "set": "set",
    "sorted-set": "sortedset",
    "stream": "stream",
    "string": "string",
    "transactions": "transaction",
}


def categories_of(command: Command) -> list[str]:
    """Return the ACL categories of a command, in Redis's order."""
    names = set(command.acl)
    names.update(name for flag, name in _OF_FLAG if command.flags & flag)
    if command.flags & Flag.READONLY and command.group != "scripting":
        names.add("read")
    names.add("fast" if command.flags & Flag.FAST else "slow")
    if command.group in _OF_GROUP:
        names.add(_OF_GROUP[command.group])
    names -= {name[1:] for name in command.acl if name[0] == "-"}
    if command.subcommands and not command.flags:
        # A container does nothing by itself; its group says what its subcommands do.
        names = {"slow"}
    return [name for name in CATEGORIES if name in names]


def commands_in(category: str) -> list[Command]:
    """Return the commands and subcommands of a category."""
    return [
        command for command in every_command() if category in categories_of(command)
    ]
