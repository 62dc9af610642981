"""Words of a line, quoted as Redis quotes them: inline commands and redis.conf.

Source: Redis 7.0.15, asked over a socket; see tests/app/test_words.py.
"""

from __future__ import annotations

Argv = list[bytes]
"""A command with its arguments; the first word is the name."""

_ESCAPES = {
    ord("n"): b"\n",
    ord("r"): b"\r",
    ord("t"): b"\t",
    ord("b"): b"\b",
    ord("a"): b"\a",
}
_SPACES = b" \t\n\r\v\f"
_WORD_ENDS = b" \t\n\r\0"
_HEX = b"0123456789abcdefABCDEF"
_DOUBLE, _SINGLE, _BACKSLASH = b"\"'\\"
_ODD = (b'"', b"'", b"\v", b"\f", b"\0")


def split_words(line: bytes) -> list[bytes] | None:
    r"""Split a line into words.

    Double quotes know `\n \r \t \b \a \xHH` and any escaped byte; single quotes only
    `\'`. A closing quote must be followed by white space or the end. Vertical tabs and
    form feeds are white space in front of a word, and part of it inside.

    Returns:
        The words, or None where quotes are unbalanced.
    """
    if not any(odd in line for odd in _ODD):
        return line.split()
    words: list[bytes] = []
    at, end = 0, len(line)
    while True:
        while at < end and line[at] in _SPACES:
            at += 1
        if at == end or line[at] == 0:  # a NUL ends the line, as it ends a C string
            return words
        found = _read_word(line, at)
        if found is None:
            return None
        word, at = found
        words.append(word)


def _read_word(line: bytes, at: int) -> tuple[bytes, int] | None:
    word = bytearray()
    end = len(line)
    while at < end and line[at] not in _WORD_ENDS:
        byte = line[at]
        if byte in (_DOUBLE, _SINGLE):
            read = _read_double if byte == _DOUBLE else _read_single
            close = read(line, at + 1, word)
            if close is None:
                return None
            # Anything but white space behind a closing quote is an error.
            if close < end and line[close] not in _SPACES + b"\0":
                return None
            return bytes(word), close
        word.append(byte)
        at += 1
    return bytes(word), at


def _read_double(line: bytes, at: int, word: bytearray) -> int | None:
    end = len(line)
    while at < end:
        byte = line[at]
        if byte == _DOUBLE:
            return at + 1
        if byte != _BACKSLASH or at + 1 >= end:
            word.append(byte)
            at += 1
        elif (
            line[at + 1] == ord("x")
            and at + 3 < end
            and line[at + 2] in _HEX
            and line[at + 3] in _HEX
        ):
            word.append(int(line[at + 2 : at + 4], 16))
            at += 4
        else:
            escaped = line[at + 1]
            word += _ESCAPES.get(escaped, bytes([escaped]))
            at += 2
    return None


def _read_single(line: bytes, at: int, word: bytearray) -> int | None:
    end = len(line)
    while at < end:
        byte = line[at]
        if byte == _SINGLE:
            return at + 1
        if byte == _BACKSLASH and line[at + 1 : at + 2] == b"'":
            word += b"'"
            at += 2
        else:
            word.append(byte)
            at += 1
    return None
