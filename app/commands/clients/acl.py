"""ACL: who one is, what a user may do, and what was refused.

`acl_users` has the users themselves.

Source: Redis 7.2; see tests/parity/test_acl.py.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, BulkList, SimpleString
from joblog.app.table.arguments import integer
from joblog.app.table.categories import CATEGORIES, commands_in
from joblog.app.table.table import Flag, command, find_command
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_ANYBODY: Final = Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_LOG_COUNT: Final = 10
_BITS: Final = 256
_BITS_MAX: Final = 4096


@command(
    "ACL WHOAMI",
    arity=2,
    flags=_ANYBODY,
    group="server",
    since="6.0.0",
    summary="Return the user of this connection.",
    complexity="O(1)",
)
def acl_whoami(ctx: Context) -> bytes:
    """Return the name."""
    return ctx.session.user


@command(
    "ACL CAT",
    arity=-2,
    flags=_ANYBODY,
    group="server",
    since="6.0.0",
    summary="Return the categories, or the commands of one.",
    complexity="O(N) for N commands",
)
def acl_cat(_: Context, *category: bytes) -> BulkList:
    """Return names."""
    if not category:
        return BulkList([name.encode() for name in CATEGORIES])
    if len(category) > 1:
        raise errors.odd_subcommand(b"CAT", b"ACL")
    name = category[0].decode("utf-8", "replace").lower()
    if name not in CATEGORIES:
        raise CommandError(errors.unknown_category(category[0]))
    return BulkList([made.name.encode() for made in commands_in(name)])


@command(
    "ACL GENPASS",
    arity=-2,
    flags=_ANYBODY,
    group="server",
    since="6.0.0",
    summary="Make a password of random hexadecimal digits.",
    complexity="O(1)",
)
def acl_genpass(_: Context, *bits: bytes) -> bytes:
    """Return four bits a digit, of 256 bits unless said otherwise.

    Raises:
        CommandError: the number is none, or too large, or there are more words.
    """
    if len(bits) > 1:
        raise errors.odd_subcommand(b"GENPASS", b"ACL")
    wanted = integer(bits[0]) if bits else _BITS
    if not 0 < wanted <= _BITS_MAX:
        raise CommandError(errors.GENPASS_BITS)
    digits = (wanted + 3) // 4
    return secrets.token_hex((digits + 1) // 2)[:digits].encode()


@command(
    "ACL LOG",
    arity=-2,
    flags=_ADMIN,
    group="server",
    since="6.0.0",
    summary="Tell what was refused to whom lately, or forget it.",
    complexity="O(N) for N entries",
)
def acl_log(ctx: Context, *count: bytes) -> Any:
    """Return a map for each entry, the newest first; OK for RESET.

    Raises:
        CommandError: the count is none, or there are more words.
    """
    if len(count) > 1:
        raise errors.odd_subcommand(b"LOG", b"ACL")
    denials = ctx.server.denials
    if count and count[0].lower() == b"reset":
        denials.clear()
        return OK
    wanted = integer(count[0]) if count else _LOG_COUNT
    return [entry.show(ctx.now_ms) for entry in denials.newest(wanted)]


@command(
    "ACL DRYRUN",
    arity=-4,
    flags=_ADMIN,
    group="server",
    since="7.0.0",
    summary="Tell whether a user may run a command, which is not run.",
    complexity="O(1)",
)
def acl_dryrun(
    ctx: Context, username: bytes, name: bytes, *argument: bytes
) -> SimpleString | bytes:
    """Return OK, or why not.

    Raises:
        CommandError: there is no such user or command, or it has other words.
    """
    user = ctx.server.users.find(username)
    if user is None:
        raise CommandError(errors.no_user(username))
    argv = [name, *argument]
    found = find_command(argv)
    if found is None:
        raise CommandError(errors.no_command(name))
    if len(argv) < found.least or 0 < found.arity != len(argv):
        raise CommandError(errors.wrong_arity(found.name.encode()))
    denial = user.judge(found, argv)
    return OK if denial is None else user.explain(denial)


add_help(
    "ACL",
    group="server",
    since="6.0.0",
    syntax={
        "CAT": "[<category>]",
        "DELUSER": "<username> [<username> ...]",
        "DRYRUN": "<username> <command> [<arg> ...]",
        "GENPASS": "[<bits>]",
        "LOG": "[<count> | RESET]",
        "SETUSER": "<username> [<rule> ...]",
    },
)
