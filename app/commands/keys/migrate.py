"""MIGRATE: move keys to another server, over a connection of our own.

    AUTH ...            where the target wants a password
    SELECT db
    RESTORE key ttl payload [REPLACE]          for each key

All requests are sent before the first reply is read. A key is removed here once the
target has taken it, which is recorded as DEL. As in Redis nobody else is served
meanwhile: a write to a key that is on its way would be lost.

Source: Redis 7.0.15 and Valkey 9.1; see tests/parity/test_migrate.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.types.dump_payload import encode_payload
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context
    from joblog.app.state.links import Link
    from joblog.app.words import Argv

_FIRST_OPTION: Final = 6
_KEY: Final = 3
_TIMEOUT_MS: Final = 1000
_NO_KEY: Final = SimpleString(b"NOKEY")
_CREDENTIALS: Final = {b"AUTH": 1, b"AUTH2": 2}
"""How many words are behind an option that names a password, or a user and one."""


class _Options(NamedTuple):
    """What the options say.

    Attributes:
        keys: the keys to move.
        is_copy: whether they stay here too.
        is_replacing: whether keys of the target give way.
        credentials: the words behind the target's AUTH.
    """

    keys: Sequence[bytes]
    is_copy: bool = False
    is_replacing: bool = False
    credentials: tuple[bytes, ...] = ()


def _keys_at(argv: Argv) -> int:
    """Return where the option KEYS is, which is never the last word, or 0."""
    at = _FIRST_OPTION
    while at < len(argv) - 1:
        word = argv[at].upper()
        if word == b"KEYS":
            return at
        at += 1 + _CREDENTIALS.get(word, 0)
    return 0


def _find_one(argv: Argv) -> list[int]:
    """Return where the key is that has a fixed place."""
    return [] if _keys_at(argv) else [_KEY]


def _find_several(argv: Argv) -> list[int]:
    """Return where the keys behind KEYS are.

    Raises:
        CommandError: there is a key before them, which the handler refuses.
    """
    at = _keys_at(argv)
    if at and argv[_KEY]:
        raise CommandError(errors.INVALID_KEY_ARGUMENTS)
    return list(range(at + 1, len(argv))) if at else []


def _parse(key: bytes, words: tuple[bytes, ...]) -> _Options:
    """Read the options.

    Raises:
        CommandError: an unknown one, one that is cut off, or KEYS beside a key.
    """
    found = _Options((key,))
    at = 0
    while at < len(words):
        word = words[at].upper()
        rest = words[at + 1 :]
        if word == b"COPY":
            found = found._replace(is_copy=True)
        elif word == b"REPLACE":
            found = found._replace(is_replacing=True)
        elif word in _CREDENTIALS and len(rest) >= _CREDENTIALS[word]:
            found = found._replace(credentials=rest[: _CREDENTIALS[word]])
            at += _CREDENTIALS[word]
        elif word == b"KEYS":
            if key:
                raise CommandError(errors.MIGRATE_KEY_AND_KEYS)
            return found._replace(keys=rest)
        else:
            raise CommandError(errors.SYNTAX)
        at += 1
    return found


@command(
    "MIGRATE",
    arity=-6,
    flags=Flag.WRITE,
    keys=(
        KeySpec("RW ACCESS DELETE", first=3, find=_find_one, is_read=True),
        KeySpec(
            "RW ACCESS DELETE",
            first=-2,
            last=-1,
            keyword=b"KEYS",
            find=_find_several,
            is_read=True,
        ),
    ),
    effects=("DEL",),
    group="generic",
    since="2.6.0",
    summary="Move keys to another server.",
    complexity="O(N) for N bytes of values, and the time that the network takes",
    acl=("dangerous",),
    tips=(RANDOM,),
)
def migrate(
    ctx: Context,
    host: bytes,
    port: bytes,
    key: bytes,
    destination_db: bytes,
    timeout: bytes,
    *options: bytes,
) -> SimpleString:
    """Return OK, or NOKEY where none of the keys is there.

    Raises:
        CommandError: the target cannot be reached in time, or refused something. Keys
            that it took by then are moved.
    """
    wanted = _parse(key, options)
    wait_ms, index = integer(timeout), integer(destination_db)
    keys = [name for name in wanted.keys if ctx.db.lookup(name) is not None]
    if not keys:
        return _NO_KEY
    requests = [_restore(ctx, name, wanted) for name in keys]
    before = [_request(b"AUTH", *wanted.credentials)] if wanted.credentials else []
    before.append(_request(b"SELECT", b"%d" % index))
    link = _connect(ctx, host, port, wait_ms if wait_ms > 0 else _TIMEOUT_MS)
    try:
        _send(link, b"".join([*before, *requests]))
        _take_replies(ctx, link, len(before), keys, is_copy=wanted.is_copy)
    finally:
        link.close()
    return OK


def _request(*words: bytes) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def _restore(ctx: Context, key: bytes, wanted: _Options) -> bytes:
    """Return the request that makes a key on the target."""
    deadline_ms = ctx.db.deadline_ms(key)
    rest_ms = 0 if deadline_ms is None else max(deadline_ms - ctx.now_ms, 1)
    payload = encode_payload(ctx.db.lookup(key))
    option = (b"REPLACE",) if wanted.is_replacing else ()
    return _request(b"RESTORE", key, b"%d" % rest_ms, payload, *option)


def _connect(ctx: Context, host: bytes, port: bytes, wait_ms: int) -> Link:
    dial = ctx.server.dial
    if dial is None:
        raise CommandError(errors.MIGRATE_CONNECTING)
    try:
        return dial(host.decode(errors="replace"), parse_int64(port) or 0, wait_ms)
    except ConnectionRefusedError:
        # Redis finds out when it writes.
        raise CommandError(errors.MIGRATE_WRITING) from None
    except (OSError, OverflowError, UnicodeError):
        raise CommandError(errors.MIGRATE_CONNECTING) from None


def _send(link: Link, data: bytes) -> None:
    try:
        link.send(data)
    except OSError:
        raise CommandError(errors.MIGRATE_WRITING) from None


def _take_replies(
    ctx: Context, link: Link, before: int, keys: Sequence[bytes], *, is_copy: bool
) -> None:
    """Read the replies, and remove each key that the target has taken.

    Args:
        ctx: the command's context.
        link: the connection.
        before: how many replies come before those of the keys.
        keys: the keys, in the order of their requests.
        is_copy: whether the keys stay here.

    Raises:
        CommandError: the first refusal, or the connection broke.
    """
    refusal = b""
    moved: list[bytes] = []
    try:
        for _ in range(before):
            line = link.read_line()
            if line[:1] == b"-" and not refusal:
                refusal = line[1:]
        is_admitted = not refusal
        for key in keys:
            line = link.read_line()
            if line[:1] == b"-" and not refusal:
                refusal = line[1:]
            if line[:1] != b"-" and is_admitted and not is_copy and ctx.db.delete(key):
                ctx.db.touch(key, b"del")
                moved.append(key)
    except OSError:
        if not refusal:
            raise CommandError(errors.MIGRATE_READING) from None
    finally:
        if moved:
            ctx.record(b"DEL", *moved)
    if refusal:
        raise CommandError(errors.MIGRATE_REFUSED + refusal)
