"""ACL: there is one user, `default`, who may do everything.

What is here tells the truth about that user; users of one's own are refused.

Source: Redis 7.0.15.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import BulkList, SetReply
from joblog.app.table.arguments import integer
from joblog.app.table.categories import CATEGORIES, commands_in
from joblog.app.table.table import Flag, command
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_ANYBODY: Final = Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_DEFAULT: Final = b"default"
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
    "ACL USERS",
    arity=2,
    flags=_ADMIN,
    group="server",
    since="6.0.0",
    summary="Return the names of all users.",
    complexity="O(N) for N users",
)
def acl_users(_: Context) -> BulkList:
    """Return the one name."""
    return BulkList([_DEFAULT])


@command(
    "ACL LIST",
    arity=2,
    flags=_ADMIN,
    group="server",
    since="6.0.0",
    summary="Return the rules of all users.",
    complexity="O(N) for N users",
)
def acl_list(ctx: Context) -> BulkList:
    """Return the one user's rules, a password as its SHA-256."""
    words = [b"user", _DEFAULT, b"on", *_password_rules(ctx), b"~*", b"&*", b"+@all"]
    return BulkList([b" ".join(words)])


def _password_rules(ctx: Context) -> list[bytes]:
    return [b"#" + each for each in _password_hashes(ctx)] or [b"nopass"]


def _password_hashes(ctx: Context) -> list[bytes]:
    password = ctx.server.config.requirepass
    return [hashlib.sha256(password).hexdigest().encode()] if password else []


@command(
    "ACL GETUSER",
    arity=3,
    flags=_ADMIN,
    group="server",
    since="6.0.0",
    summary="Return what a user may do.",
    complexity="O(1)",
)
def acl_getuser(ctx: Context, username: bytes) -> dict[bytes, Any] | None:
    """Return a map, None where there is no such user."""
    if username != _DEFAULT:
        return None
    hashes = _password_hashes(ctx)
    flags = [b"on"] if hashes else [b"on", b"nopass"]
    return {
        b"flags": SetReply(flags),
        b"passwords": BulkList(hashes),
        b"commands": b"+@all",
        b"keys": b"~*",
        b"channels": b"&*",
        b"selectors": [],
    }


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


add_help("ACL", group="server", since="6.0.0")
