"""ACL, about the users themselves: who there is, new ones, changes, and their file.

Source: Redis 7.2; see tests/parity/test_acl.py.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.config import ConfigError
from joblog.app.config.conf_file import write_text
from joblog.app.config.kinds import decode, encode
from joblog.app.errors import CommandError
from joblog.app.reply import OK, BulkList, SetReply, SimpleString
from joblog.app.state.operator_lines import note_change
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.users.selectors import Selector

logger = logging.getLogger(__name__)

_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_command: Final = partial(command, flags=_ADMIN, group="server", since="6.0.0")


@_command(
    "ACL USERS",
    arity=2,
    summary="Return the names of all users.",
    complexity="O(N) for N users",
)
def acl_users(ctx: Context) -> BulkList:
    """Return the names, in order."""
    return BulkList(ctx.server.users.names())


@_command(
    "ACL LIST",
    arity=2,
    summary="Return the rules of all users.",
    complexity="O(N) for N users",
)
def acl_list(ctx: Context) -> BulkList:
    """Return a line for each user, a password as its SHA-256."""
    return BulkList(ctx.server.users.lines())


@_command(
    "ACL GETUSER",
    arity=3,
    summary="Return what a user may do.",
    complexity="O(N) for N rules",
)
def acl_getuser(ctx: Context, username: bytes) -> dict[bytes, Any] | None:
    """Return a map, None where there is no such user."""
    user = ctx.server.users.find(username)
    if user is None:
        return None
    root, *others = user.selectors
    return {
        b"flags": SetReply(user.flags()),
        b"passwords": BulkList(user.passwords),
        **_rights(root),
        b"selectors": list(map(_rights, others)),
    }


def _rights(selector: Selector) -> dict[bytes, Any]:
    return {
        b"commands": selector.describe_commands(),
        b"keys": selector.describe_keys(),
        b"channels": selector.describe_channels(),
    }


@_command(
    "ACL SETUSER",
    arity=-3,
    summary="Make a user, or change one, by rules.",
    complexity="O(N) for N rules",
)
def acl_setuser(ctx: Context, username: bytes, *rule: bytes) -> SimpleString:
    """Return OK: all rules hold.

    Raises:
        CommandError: one cannot be; nothing has changed.
    """
    ctx.server.users.change(username, rule)
    note_change(ctx, f"ACL SETUSER {decode(username)}")
    return OK


@_command(
    "ACL DELUSER",
    arity=-3,
    summary="Remove users, and close the connections of their clients.",
    complexity="O(N) for N clients",
)
def acl_deluser(ctx: Context, username: bytes, *usernames: bytes) -> int:
    """Return how many of them there were.

    Raises:
        CommandError: one is the default user; nothing has changed.
    """
    users = ctx.server.users
    names = (username, *usernames)
    if users.default.name in names:
        raise CommandError(errors.DEFAULT_USER_STAYS)
    deleted = [name for name in names if users.delete(name)]
    for name in deleted:
        note_change(ctx, f"ACL DELUSER {decode(name)}")
    return len(deleted)


@_command(
    "ACL LOAD",
    arity=2,
    summary="Take the users of the file, in place of those there are.",
    complexity="O(N) for N users",
)
def acl_load(ctx: Context) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: there is no file, or it is not as it should be; nothing changed.
    """
    path = _require_file(ctx)
    try:
        ctx.server.users.load()
    except ConfigError as error:
        problems = b" ".join(map(encode, error.problems))
        raise CommandError(errors.users_not_loaded(problems)) from None
    note_change(ctx, f"ACL LOAD of {path}")
    return OK


@_command(
    "ACL SAVE",
    arity=2,
    summary="Write all users to the file.",
    complexity="O(N) for N users",
)
def acl_save(ctx: Context) -> SimpleString:
    """Return OK once the file is written, whole and synced.

    Raises:
        CommandError: there is no file, or it cannot be written; it is as it was.
    """
    path = _require_file(ctx)
    lines = [decode(line) + "\n" for line in ctx.server.users.lines()]
    try:
        write_text(path, "".join(lines))
    except OSError as error:
        logger.warning("ACL SAVE: %s cannot be written: %s", path, error.strerror)
        raise CommandError(errors.USERS_NOT_SAVED) from error
    note_change(ctx, f"ACL SAVE to {path}")
    return OK


def _require_file(ctx: Context) -> str:
    path = ctx.server.config.aclfile
    if not path:
        raise CommandError(errors.NO_USER_FILE)
    return path
