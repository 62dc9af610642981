r"""Byte strings as text: for people, and for JSON.

Keys, members and arguments are bytes. For people they are written as redis-cli and
MONITOR write them: plain where they are a word, else in double quotes with `\n`, `\"`
and `\xHH`. UTF-8 stays readable; what could command a terminal is always escaped.

In JSON a byte string is a string: its UTF-8, with `\xHH` for each byte that is no part
of any, and `\\` for a backslash. So nothing is lost: `from_json_text` gives the bytes.
"""

from __future__ import annotations

import re
from typing import Any

_ASCII_WORD = re.compile(rb"[!#-&(-\[\]-~]+").fullmatch
_WORD = re.compile(r"[^\s\"'\\\x00-\x1f\x7f-\x9f]+")
_NAMED = {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\a": "\\a",
    "\b": "\\b",
}
_JSON_ESCAPE = re.compile(rb"\\(?:\\|x([0-9a-fA-F]{2}))")
_ELLIPSIS = "…"


def show(data: bytes, limit: int | None = None) -> str:
    """Return a byte string for people: a word as it is, anything else quoted.

    Args:
        data: the bytes.
        limit: the most characters to return; what is longer ends in an ellipsis.
    """
    if limit is not None and len(data) > limit:
        # At most four bytes make one character, and one byte at least one.
        data, is_cut = data[: 4 * limit], True
    else:
        is_cut = False
    text = data.decode("ascii") if _ASCII_WORD(data) else _show_any(data)
    if limit is not None and (is_cut or len(text) > limit):
        return text[: max(limit - 1, 1)] + _ELLIPSIS
    return text


def _show_any(data: bytes) -> str:
    text = data.decode("utf-8", "surrogateescape")
    if _WORD.fullmatch(text) and text.isprintable():
        return text
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(char: str) -> str:
    named = _NAMED.get(char)
    if named is not None:
        return named
    if char.isprintable():
        return char
    data = char.encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in data)


def show_argv(argv: list[bytes], limit: int | None = None) -> str:
    """Return a command for people.

    Args:
        argv: the command's words.
        limit: the most characters for each word.
    """
    return " ".join([show(word, limit) for word in argv])


def plain_text(text: str) -> str:
    """Return text that is safe on any terminal: control characters escaped."""
    if text.isprintable():
        return text
    return "".join(map(_escape, text))


def json_text(data: bytes) -> str:
    r"""Return the string that stands for a byte string in JSON."""
    if b"\\" in data:
        data = data.replace(b"\\", b"\\\\")
    return data.decode("utf-8", "backslashreplace")


def from_json_text(text: str) -> bytes:
    r"""Return the bytes of a string that `json_text` made.

    On the command line it reads what people type: a backslash that starts neither
    `\\` nor `\xHH` is itself.
    """
    data = text.encode("utf-8", "surrogateescape")
    if b"\\" not in data:
        return data
    return _JSON_ESCAPE.sub(
        lambda match: bytes.fromhex(match[1].decode()) if match[1] else b"\\", data
    )


def json_value(value: Any) -> Any:
    """Return a plain value (see `values`), or a note's field, in JSON's types."""
    match value:
        case bytes():
            return json_text(value)
        case dict():
            return {json_value(key): json_value(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(map(json_value, value))
        case list() | tuple():
            return [json_value(item) for item in value]
        case float() if value != value or value in {float("inf"), -float("inf")}:  # noqa: PLR0124 - NaN
            # JSON has no such numbers; these are the words that Redis takes.
            return str(value)
        case str():
            return value.encode("utf-8", "surrogateescape").decode(
                "utf-8", "backslashreplace"
            )
        case _:
            return value
