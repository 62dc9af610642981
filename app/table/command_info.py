"""What COMMAND says of a command, made from the table.

COMMAND INFO has flags, keys, ACL categories and tips; COMMAND DOCS has texts and
arguments, which derive from the handler's parameters and the key spec.

Source: Redis 7.0.15 and Valkey 9.1; see tests/parity/test_command.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.reply import SetReply, SimpleString
from joblog.app.table.arguments import double, integer
from joblog.app.table.categories import categories_of
from joblog.app.table.table import Flag
from joblog.app.table.usage import arguments_of

if TYPE_CHECKING:
    import inspect

    from joblog.app.table.key_specs import KeySpec
    from joblog.app.table.table import Command

_FLAG_ORDER: Final = (
    Flag.WRITE,
    Flag.READONLY,
    Flag.DENYOOM,
    Flag.ADMIN,
    Flag.PUBSUB,
    Flag.NOSCRIPT,
    Flag.BLOCKING,
    Flag.LOADING,
    Flag.STALE,
    Flag.SKIP_MONITOR,
    Flag.SKIP_SLOWLOG,
    Flag.ASKING,
    Flag.FAST,
    Flag.NO_AUTH,
    Flag.MAY_REPLICATE,
    Flag.NO_MANDATORY_KEYS,
    Flag.PROTECTED,
    Flag.NO_ASYNC_LOADING,
    Flag.NO_MULTI,
    Flag.MOVABLEKEYS,
    Flag.ALLOW_BUSY,
)
_INTERNAL: Final = Flag.MAY_REPLICATE | Flag.PROTECTED
"""Flags that steer the server and are not told."""


def describe_command(command: Command) -> list[Any]:
    """Return a command as COMMAND and COMMAND INFO show it."""
    return [
        command.name.encode(),
        command.arity,
        SetReply(_flag_words(command)),
        *_fixed_positions(command),
        SetReply([_status(f"@{name}") for name in categories_of(command)]),
        SetReply([tip.encode() for tip in command.tips]),
        SetReply([_describe_keys(spec) for spec in command.keys]),
        SetReply([describe_command(sub) for sub in command.subcommands.values()]),
    ]


def _flag_words(command: Command) -> list[SimpleString]:
    flags = command.flags
    if any(spec.is_movable for spec in command.keys):
        flags |= Flag.MOVABLEKEYS
    return [
        _status(str(flag.name).lower())
        for flag in _FLAG_ORDER
        if flags & flag & ~_INTERNAL
    ]


def _status(word: str) -> SimpleString:
    return SimpleString(word.encode())


# --- keys ------------------------------------------------------------------------


def flag_words(access: str) -> SetReply:
    """Return access flags as COMMAND shows them: `RO ACCESS` as RO and access."""
    words = access.split()
    shown = [word if len(word) <= 2 else word.lower() for word in words]  # noqa: PLR2004
    return SetReply([_status(word) for word in shown])


def _describe_keys(spec: KeySpec) -> dict[bytes, object]:
    return {
        b"flags": flag_words(spec.access),
        b"begin_search": _begin_search(spec),
        b"find_keys": _find_keys(spec),
    }


def _begin_search(spec: KeySpec) -> dict[bytes, object]:
    if spec.keyword:
        found = {b"keyword": spec.keyword, b"startfrom": spec.first}
        return {b"type": b"keyword", b"spec": found}
    if not spec.first:
        return {b"type": b"unknown", b"spec": {}}
    return {b"type": b"index", b"spec": {b"index": spec.first}}


def _find_keys(spec: KeySpec) -> dict[bytes, object]:
    if spec.is_counted:
        counted = {b"keynumidx": 0, b"firstkey": 1, b"keystep": spec.step}
        return {b"type": b"keynum", b"spec": counted}
    if not spec.first:
        return {b"type": b"unknown", b"spec": {}}
    limit = 2 if spec.keyword and spec.step > 1 else 0
    step = 1 if spec.keyword else spec.step
    last = spec.last if spec.last <= 0 else spec.last - spec.first
    found = {b"lastkey": last, b"keystep": step, b"limit": limit}
    return {b"type": b"range", b"spec": found}


def _fixed_positions(command: Command) -> tuple[int, int, int]:
    """Return first key, last key and step; zeros where none has a fixed place.

    Specs that follow each other count as one range.
    """
    specs = [spec for spec in command.keys if spec.first and not spec.is_counted]
    if not specs or specs[0].keyword:
        return 0, 0, 0
    first, last, step = specs[0].first, specs[0].last or specs[0].first, specs[0].step
    for spec in specs[1:]:
        if spec.first == last + 1 and not spec.keyword:
            last = spec.last or spec.first
    return first, last, step


# --- texts -----------------------------------------------------------------------


def document_command(command: Command) -> dict[bytes, Any]:
    """Return a command as COMMAND DOCS shows it."""
    docs: dict[bytes, Any] = {
        b"summary": command.summary.encode(),
        b"since": command.since.encode(),
        b"group": command.group.encode(),
        b"complexity": command.complexity.encode(),
    }
    if command.subcommands:
        docs[b"subcommands"] = {
            sub.name.encode(): document_command(sub)
            for sub in command.subcommands.values()
        }
        return docs
    parameters = arguments_of(command)
    words = command.skip or 1
    if parameters:
        docs[b"arguments"] = [
            _document_argument(command, parameter, words + offset)
            for offset, parameter in enumerate(parameters)
        ]
    return docs


def _document_argument(
    command: Command, parameter: inspect.Parameter, position: int
) -> dict[bytes, Any]:
    name = parameter.name.replace("_", "-").encode()
    argument: dict[bytes, Any] = {b"name": name, b"type": b"string"}
    number = _number_of_part(command, position)
    if number is not None:
        argument[b"type"] = b"key"
    else:
        argument[b"type"] = _type_of(command, position - command.skip)
    argument[b"display_text"] = name
    if number is not None:
        argument[b"key_spec_index"] = number
    flags = []
    if parameter.kind is parameter.VAR_POSITIONAL:
        flags = ["optional", "multiple"]
    elif parameter.default is not parameter.empty:
        flags = ["optional"]
    if flags:
        argument[b"flags"] = SetReply([_status(flag) for flag in flags])
    return argument


def _type_of(command: Command, offset: int) -> bytes:
    convert = dict(command.converters).get(offset)
    if convert is double:
        return b"double"
    return b"integer" if convert is integer else b"string"


def _number_of_part(command: Command, position: int) -> int | None:
    """Return which key spec an argument belongs to, or None where it is no key."""
    for number, spec in enumerate(command.keys):
        if not spec.is_fixed or position < spec.first:
            continue
        reaches = spec.last < 0 or position <= (spec.last or spec.first)
        if reaches and (position - spec.first) % spec.step == 0:
            return number
    return None
