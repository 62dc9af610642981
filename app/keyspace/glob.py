r"""Glob patterns, as KEYS, SCAN, PSUBSCRIBE and CONFIG GET take them.

    *       any bytes, none included
    ?       any one byte
    [ab-y]  one of these bytes; a range may be given backwards
    [^ab]   any byte but these
    \x      the byte x, whatever it is, also inside of brackets

Where a pattern is malformed Redis still gives it a meaning, and so do we: a bracket
that is never closed ends with the pattern, `[]` matches no byte, `[^]` any, a lone
backslash at the end is itself. The empty text matches the empty pattern alone, not even
`*`; that KEYS and SCAN take `*` for everything is a rule of theirs (`filter_glob`).

A pattern is compiled once, into a call that runs in C. The most common forms (a plain
text, a prefix, a suffix) need no regular expression; the others become one in which
each star is an atomic group. Since all that follows a star has a fixed length up to
the next star, the first match of it is as good as any other: nothing is tried twice,
and the time is bounded by the length of the text times the length of the pattern.

Source: Redis 7.0.15; see tests/parity/test_globs.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import methodcaller
from typing import Final

Matcher = Callable[[bytes], object]

_SPECIAL: Final = re.compile(rb"[*?\[\\]")
_PATTERNS_KEPT: Final = 512
_ALL_BYTES: Final = frozenset(range(256))
_STAR: Final = b"*"


@lru_cache(maxsize=_PATTERNS_KEPT)
def compile_glob(pattern: bytes, *, ignore_case: bool = False) -> Matcher:
    """Return a call that tells whether a text matches a pattern, whole.

    Args:
        pattern: the glob pattern.
        ignore_case: whether ASCII letters match in either case.

    Returns:
        A call from the text to something true or false; it keeps no state.
    """
    if pattern and not pattern.strip(_STAR):
        return bool  # as in Redis, stars alone do not match the empty text
    if not ignore_case:
        plain = _compile_without_expression(pattern)
        if plain is not None:
            return plain
    flags = re.DOTALL | re.IGNORECASE if ignore_case else re.DOTALL
    return re.compile(_translate(pattern), flags).fullmatch


def matches_glob(pattern: bytes, text: bytes, *, ignore_case: bool = False) -> bool:
    """Tell whether a text matches a glob pattern, whole."""
    return bool(compile_glob(pattern, ignore_case=ignore_case)(text))


def filter_glob(pattern: bytes, texts: Iterable[bytes]) -> list[bytes]:
    """Return the texts that match a glob pattern, in their order; `*` is all."""
    if pattern == _STAR:
        return list(texts)
    return list(filter(compile_glob(pattern), texts))


def _compile_without_expression(pattern: bytes) -> Matcher | None:
    """Return a matcher for text, `text*` or `*text`; None for any other pattern."""
    first, last = pattern[:1] == _STAR, pattern[-1:] == _STAR
    text = pattern.strip(_STAR)
    if _SPECIAL.search(text):
        return None
    if first and last:
        return methodcaller("__contains__", text)
    if first:
        return methodcaller("endswith", text)
    if last:
        return methodcaller("startswith", text)
    return methodcaller("__eq__", text)


def is_plain(pattern: bytes) -> bool:
    """Say whether a pattern is matched by itself and nothing else."""
    return not _SPECIAL.search(pattern)


def prefix_of(pattern: bytes) -> tuple[bytes, int] | None:
    """Return what a pattern wants, where that is a beginning and a length.

    Returns:
        The text at the beginning, and how many bytes there must be at least: `jobs:?*`
        wants `jobs:` and 6. None where it says more.
    """
    text = pattern.rstrip(b"*?")
    rest = pattern[len(text) :]
    is_prefix = text and _STAR in rest and not _SPECIAL.search(text)
    return (text, len(text) + rest.count(b"?")) if is_prefix else None


def _translate(pattern: bytes) -> bytes:
    """Return the regular expression of a pattern, to be matched whole."""
    pieces = [b""]  # of the expression; a star between each two
    position = 0
    size = len(pattern)
    while position < size:
        byte = pattern[position : position + 1]
        position += 1
        if byte == _STAR:
            pieces.append(b"")
        elif byte == b"?":
            pieces[-1] += b"."
        elif byte == b"[":
            expression, position = _translate_class(pattern, position)
            pieces[-1] += expression
        else:
            if byte == b"\\" and position < size:
                byte = pattern[position : position + 1]
                position += 1
            pieces[-1] += re.escape(byte)
    if len(pieces) == 1:
        return pieces[0]
    head, *between, tail = pieces
    middle = b"".join(b"(?>.*?" + piece + b")" for piece in between if piece)
    return head + middle + b".*" + tail


def _translate_class(pattern: bytes, position: int) -> tuple[bytes, int]:
    """Translate what follows an opening bracket.

    Args:
        pattern: the whole pattern.
        position: just behind the bracket.

    Returns:
        The expression of one byte, and the position behind the class.
    """
    size = len(pattern)
    is_negated = pattern[position : position + 1] == b"^"
    position += is_negated
    members: set[int] = set()
    while position < size and pattern[position] != ord("]"):
        if pattern[position] == ord("\\") and position + 1 < size:
            members.add(pattern[position + 1])
            position += 2
        elif position + 2 < size and pattern[position + 1] == ord("-"):
            low, high = sorted((pattern[position], pattern[position + 2]))
            members.update(range(low, high + 1))
            position += 3
        else:
            members.add(pattern[position])
            position += 1
    return _class_expression(members, is_negated=is_negated), position + 1


def _class_expression(members: set[int], *, is_negated: bool) -> bytes:
    if not members:
        return b"." if is_negated else b"(?!)"
    if members == _ALL_BYTES:
        return b"(?!)" if is_negated else b"."
    listed = b"".join(b"\\x%02x" % member for member in sorted(members))
    return b"[" + (b"^" if is_negated else b"") + listed + b"]"
