"""DEBUG: what test suites ask of a server.

Only clients that enable-debug-command admits get here. What would crash or restart a
Redis, or show the inside of its data structures, is refused.

Source: Redis 7.0.15; see tests/parity/test_debug.py.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from joblog.app import errors
from joblog.app.commands.keys.objects import encoding_of
from joblog.app.commands.server.debug_replies import sample_reply
from joblog.app.config import SettingError
from joblog.app.config.kinds import read_memory
from joblog.app.errors import CommandError
from joblog.app.keyspace.digest import dataset_digest, value_digest
from joblog.app.keyspace.glob import matches_glob
from joblog.app.reply import OK, SimpleString
from joblog.app.state.inquiries import AwaitReload
from joblog.app.table.table import Flag, command
from joblog.app.table.usage import help_lines
from joblog.app.types.numbers import parse_double, parse_int64
from joblog.app.types.rdb_lengths import SavedLength

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.state.context import Context

_logger = logging.getLogger(__name__)

_PACKED_MAX: Final = 4 * 1024**3
_LRU_CLOCK_MAX: Final = (1 << 24) - 1
_ADDRESS_MASK: Final = (1 << 48) - 1


class _Subcommand(NamedTuple):
    """One subcommand, and how many arguments it takes."""

    least: int
    most: int
    syntax: bytes
    summary: bytes
    run: Callable[..., Any]


@command(
    "DEBUG",
    arity=-2,
    flags=Flag.ADMIN | Flag.NOSCRIPT | Flag.LOADING | Flag.STALE | Flag.PROTECTED,
    effects=("SET",),
    group="server",
    since="1.0.0",
    summary="Ask for what only tests should need; DEBUG HELP lists it.",
    complexity="Depends on subcommand.",
)
def debug(ctx: Context, subcommand: bytes, *argument: bytes) -> Any:
    """Return what the subcommand returns."""
    found = _SUBCOMMANDS.get(subcommand.upper())
    if found is None or not found.least <= len(argument) <= found.most:
        raise errors.odd_subcommand(subcommand, b"DEBUG")
    return found.run(ctx, *argument)


def _sleep(ctx: Context, seconds: bytes) -> SimpleString:
    """Stop the whole server for a time, as Redis does."""
    time.sleep(max(parse_double(seconds) or 0.0, 0.0))
    if ctx.unit is None:  # for a script or an EXEC time stands still
        ctx.read_clock()
    return OK


def _digest(ctx: Context) -> SimpleString:
    return SimpleString(dataset_digest(ctx.keyspace).hex().encode())


def _digest_value(ctx: Context, *keys: bytes) -> list[SimpleString]:
    digests = [value_digest(ctx.db, key) for key in keys]
    return [SimpleString(digest.hex().encode()) for digest in digests]


def _object(ctx: Context, key: bytes) -> SimpleString:
    value = ctx.db.lookup(key)
    if value is None:
        raise CommandError(errors.NO_SUCH_KEY)
    config = ctx.server.config
    encoding = encoding_of(value, config)
    saved = SavedLength(config.list_max_listpack_size)
    return SimpleString(
        b"Value at:0x%x refcount:1 encoding:%b serializedlength:%d lru:%d "
        b"lru_seconds_idle:%d"
        % (
            id(value) & _ADDRESS_MASK,
            encoding,
            saved.of(value, encoding),
            ctx.now_ms // 1000 & _LRU_CLOCK_MAX,
            ctx.engine.uses.known_idle_seconds(ctx.db, key),
        )
    )


def _set_active_expire(ctx: Context, is_on: bytes) -> SimpleString:
    ctx.server.expires_unasked = bool(parse_int64(is_on))
    return OK


def _reload(ctx: Context, *option: bytes) -> SimpleString:
    if not {word.upper() for word in option} <= {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise CommandError(errors.RELOAD_OPTIONS)
    words = {word.upper() for word in option}
    return _reload_from_disk(ctx, is_saving=b"NOSAVE" not in words)


def _load(ctx: Context) -> SimpleString:
    return _reload_from_disk(ctx, is_saving=False)


def _reload_from_disk(ctx: Context, *, is_saving: bool) -> SimpleString:
    """Load the state from disk, once all is durable; see `joblog.actors.saving`."""
    if not ctx.server.has_log:
        raise CommandError(errors.RELOAD_WITHOUT_LOG)
    if ctx.server.is_loading:
        raise CommandError(errors.LOADING)
    if ctx.server.alarm.disk_error is not None:
        raise CommandError(errors.MISCONF + ctx.server.alarm.disk_error)
    ctx.engine.outbox.ask_for_check()
    ctx.server.saves.is_reload_saving = is_saving
    if ctx.unit is not None:
        return OK
    reply = ctx.ask(AwaitReload(ctx.session), 0, lambda _: OK)
    return cast("SimpleString", reply)


def _change_replication_id(ctx: Context) -> SimpleString:
    ctx.server.replication.forget_history()
    return OK


def _match_long_string(_: Context, length: bytes, pattern: bytes) -> SimpleString:
    """Match a pattern against a string of many `x`: it must not take for ever."""
    matches_glob(pattern, b"x" * max(parse_int64(length) or 0, 0))
    return OK


def _packed_threshold(_: Context, size: bytes) -> SimpleString:
    """Check the size; lists have no packed nodes."""
    try:
        threshold = read_memory(size.decode("ascii", "replace"))
    except SettingError:
        threshold = -1
    if not 0 <= threshold <= _PACKED_MAX:
        raise CommandError(errors.BAD_PACKED_THRESHOLD)
    return OK


def _error(ctx: Context, text: bytes) -> SimpleString:
    if b" " not in text and ctx.scripts.is_running:
        text = b"ERR " + text  # what reaches a script has a code
    raise CommandError(text)


def _log(_: Context, message: bytes) -> SimpleString:
    _logger.warning("DEBUG LOG: %s", message.decode(errors="backslashreplace"))
    return OK


def _protocol(ctx: Context, kind: bytes) -> Any:
    return sample_reply(ctx, kind)


def _populate(
    ctx: Context, count: bytes, prefix: bytes = b"key", size: bytes = b"0"
) -> SimpleString:
    """Add string keys that are not there yet; they are recorded as SETs."""
    number, length = parse_int64(count), parse_int64(size)
    if number is None or length is None or number < 0 or length < 0:
        raise CommandError(errors.NOT_POSITIVE)
    for index in range(number):
        key = b"%b:%d" % (prefix, index)
        if ctx.db.lookup(key) is not None:
            continue
        value = b"value:%d" % index
        if length:
            value = value[:length].ljust(length, b"\0")
        ctx.db.set(key, value)
        ctx.db.touch(key, b"set")
        ctx.record(b"SET", key, value)
    return OK


def _pause_cron(ctx: Context, is_paused: bytes) -> SimpleString:
    ctx.server.is_cron_paused = bool(parse_int64(is_paused))
    return OK


def _disable_deny_scripts(ctx: Context, is_disabled: bytes) -> SimpleString:
    ctx.server.admits_debugging_scripts = bool(parse_int64(is_disabled))
    return OK


def _skip_checksums(ctx: Context, is_skipping: bytes) -> SimpleString:
    ctx.server.skips_checksums = bool(parse_int64(is_skipping))
    return OK


def _accept(_: Context, _is_on: bytes) -> SimpleString:
    """Accept either value: what the switch would turn on or off is not here."""
    return OK


def _refuse_crash(_: Context, *_arguments: bytes) -> SimpleString:
    raise CommandError(errors.NO_CRASH)


def _refuse_internals(_: Context, *_arguments: bytes) -> SimpleString:
    raise CommandError(errors.NO_INTERNALS)


def _help(_: Context) -> list[SimpleString]:
    shown = [
        (f"{name.decode()} {known.syntax.decode()}", known.summary.decode())
        for name, known in sorted(_SUBCOMMANDS.items())
        if name != b"HELP"
    ]
    return help_lines("DEBUG", *shown)


_ANY: Final = 1 << 30
_CRASH: Final = _Subcommand(
    0, _ANY, b"", b"Refused: nothing crashes or restarts this server.", _refuse_crash
)
_INTERNAL: Final = _Subcommand(
    0,
    _ANY,
    b"",
    b"Refused: it is about Redis's own data structures.",
    _refuse_internals,
)
_NO_SWITCH: Final = b"Accepted: there is nothing here that it would switch."
_SUBCOMMANDS: Final[dict[bytes, _Subcommand]] = {
    b"ASSERT": _CRASH,
    b"CHANGE-REPL-ID": _Subcommand(
        0, 0, b"", b"Make a new replication id.", _change_replication_id
    ),
    b"CLIENT-ENFORCE-REPLY-LIST": _Subcommand(1, 1, b"<0|1>", _NO_SWITCH, _accept),
    b"CRASH-AND-RECOVER": _CRASH,
    b"DICT-RESIZING": _Subcommand(1, 1, b"<0|1>", _NO_SWITCH, _accept),
    b"DIGEST": _Subcommand(
        0, 0, b"", b"Return the digest of all databases; see docs.", _digest
    ),
    b"DIGEST-VALUE": _Subcommand(
        0, _ANY, b"[<key> ...]", b"Return the digest of each value.", _digest_value
    ),
    b"ERROR": _Subcommand(1, 1, b"<string>", b"Return an error of this text.", _error),
    b"HELP": _Subcommand(0, 0, b"", b"Show these lines.", _help),
    b"HTSTATS": _INTERNAL,
    b"HTSTATS-KEY": _INTERNAL,
    b"LISTPACK": _INTERNAL,
    b"LOADAOF": _Subcommand(
        0,
        0,
        b"",
        b"Fold the command log, and go on with what it gives.",
        _load,
    ),
    b"LOG": _Subcommand(1, 1, b"<message>", b"Write to the server's log file.", _log),
    b"MALLCTL": _INTERNAL,
    b"MALLCTL-STR": _INTERNAL,
    b"OBJECT": _Subcommand(1, 1, b"<key>", b"Return what a value is.", _object),
    b"OOM": _CRASH,
    b"PANIC": _CRASH,
    b"PAUSE-CRON": _Subcommand(
        1, 1, b"<0|1>", b"Leave expired keys and idle clients alone.", _pause_cron
    ),
    b"POPULATE": _Subcommand(
        1, 3, b"<count> [<prefix>] [<size>]", b"Add string keys.", _populate
    ),
    b"PROTOCOL": _Subcommand(
        1, 1, b"<type>", b"Return a sample reply of a type.", _protocol
    ),
    b"QUICKLIST": _INTERNAL,
    b"QUICKLIST-PACKED-THRESHOLD": _Subcommand(
        1, 1, b"<size>", b"Check the size and change nothing.", _packed_threshold
    ),
    b"RELOAD": _Subcommand(
        0,
        3,
        b"[option ...]",
        b"Make a snapshot, and go on with what it holds.",
        _reload,
    ),
    b"REPLYBUFFER": _INTERNAL,
    b"RESTART": _CRASH,
    b"SDSLEN": _INTERNAL,
    b"SEGFAULT": _CRASH,
    b"SET-ACTIVE-EXPIRE": _Subcommand(
        1,
        1,
        b"<0|1>",
        b"Leave expired keys until they are asked for.",
        _set_active_expire,
    ),
    b"SET-DISABLE-DENY-SCRIPTS": _Subcommand(
        1,
        1,
        b"<0|1>",
        b"Let scripts call DEBUG, and ask ACL, CONFIG and LATENCY.",
        _disable_deny_scripts,
    ),
    b"SET-SKIP-CHECKSUM-VALIDATION": _Subcommand(
        1, 1, b"<0|1>", b"Let RESTORE take a wrong checksum.", _skip_checksums
    ),
    b"SLEEP": _Subcommand(1, 1, b"<seconds>", b"Stop the server for a time.", _sleep),
    b"STRINGMATCH-LEN": _Subcommand(
        2,
        2,
        b"<length> <pattern>",
        b"Match a glob with a long string.",
        _match_long_string,
    ),
    b"STRUCTSIZE": _INTERNAL,
}
