"""Where in a script an effect came from: the lines of the calls that fit it.

The log has what a script wrote, not which of its lines did. But the calls in its text
can be compared with an effect: the command's name, KEYS[n] and ARGV[n] by what the
script was given, words that stand in the text, locals that are set once, and what is
put together of these by `..`. What is computed in another way fits anything; where one
call names the key and another computes it, the first counts. What else a command leaves
behind than itself, and for which keys, the command table knows.

The text of a function is that of its library. The lines of the function itself go
before those of the others, which it may call; it has its own names for KEYS and ARGV.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.commands.writers import find_writer
from joblog.app.errors import CommandError
from joblog.app.history.touched import changed_keys
from joblog.replay.records.scripts import BY_FUNCTION

if TYPE_CHECKING:
    from joblog.app.table.table import Command
    from joblog.storage.record import Record

_CALL = re.compile(rb"\b(?:redis|server)\s*\.\s*p?call\s*\(")
_TOKEN = re.compile(
    rb"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    rb"""|(?P<given>(?:KEYS|ARGV)\s*\[\s*\d+\s*\])"""
    rb"""|(?P<number>\d+(?:\.\d+)?)""",
    re.DOTALL,
)
_GIVEN = re.compile(rb"(KEYS|ARGV)\s*\[\s*(\d+)\s*\]")
_COMMENT = re.compile(rb"--\[\[.*?\]\]|--[^\n]*", re.DOTALL)
_CALLBACK = re.compile(rb"\s*,\s*(?:callback\s*=\s*)?([A-Za-z_]\w*)\s*[,)}]")
_TOP_LEVEL = re.compile(
    rb"^(?:local\s+)?function\b|^[\w.]+\s*=\s*function\b|^(?:redis|server)\s*\.",
    re.MULTILINE,
)
_PARAMETERS = re.compile(rb"\bfunction\s*\w*\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")
_OPENING, _CLOSING = b"([{", b")]}"


_LOCAL = re.compile(rb"\blocal\s+([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*=(?!=)")
_SET = re.compile(rb"(?<![\w.:])([A-Za-z_]\w*)\s*=(?!=)")
_BOUND = re.compile(rb"\bfunction\b[^(]*\(([^)]*)\)|\bfor\s+([^=]+?)\s*(?:=|\bin\b)")
_NAME = re.compile(rb"[A-Za-z_]\w*")
_TO_STRING = re.compile(rb"tostring\s*\((.*)\)", re.DOTALL)
_DEPTH_MAX = 8

Word = bytes | re.Pattern[bytes] | None
"""An argument: a word, what is known of one, or None where that is nothing."""


class Call(NamedTuple):
    """One call of a command in a script's text.

    Attributes:
        line: where it begins, from 1.
        words: its arguments.
    """

    line: int
    words: list[Word]


def find_lines(source: bytes, record: Record, effect: list[bytes]) -> list[int]:
    """Return the lines of a script whose calls may have caused an effect, in order.

    Args:
        source: the script's text; a function's with all of its library.
        record: what the script wrote; its command has the keys and arguments.
        effect: one of its effects.
    """
    command = record.origin.command or []
    is_function = bool(command) and command[0].upper() in BY_FUNCTION
    own = _find_function(source, command[1]) if is_function else None
    if own is not None:
        source = _with_usual_names(source)
    calls = find_calls(source, *_given(command))
    exact = [call for call in calls if _is_as_given(call, effect)]
    calls = [
        call
        for call in calls
        if call in exact
        or (_may_leave(call, effect) and not (exact and _has_name(call, effect)))
    ]
    certainties = [_certainty(call, effect) for call in calls]
    best = max(certainties, default=0)
    lines = [
        call.line
        for call, certainty in zip(calls, certainties, strict=True)
        if certainty == best
    ]
    return [line for line in lines if own and line in own] or lines


def _find_function(source: bytes, name: bytes) -> range | None:
    """Return the lines of a function in a library, None where that is unclear."""
    text = _without_comments(source)
    quoted = re.search(rb"([\"'])%b\1" % re.escape(name), text, re.IGNORECASE)
    if quoted is None:
        return None
    start = text.rfind(b"\n", 0, quoted.start()) + 1
    callback = _CALLBACK.match(text, quoted.end())
    if callback is not None:
        defined = _definition(text, callback[1])
        start = start if defined is None else defined.start()
    # It ends where the next begins: most libraries are not indented at that level.
    after = _TOP_LEVEL.search(text, text.find(b"\n", start) + 1 or len(text))
    end = len(text) if after is None else after.start()
    return range(_line_of(text, start), _line_of(text, end) + (after is None))


def _definition(text: bytes, name: bytes) -> re.Match[bytes] | None:
    word = re.escape(name)
    pattern = rb"^[ \t]*(?:local\s+)?(?:function\s+%b\b|%b\s*=\s*function\b)"
    return re.search(pattern % (word, word), text, re.MULTILINE)


def _with_usual_names(source: bytes) -> bytes:
    """Return a library's text with KEYS and ARGV for what its functions call them.

    The lines stay what they are; the places in them do not.
    """
    names = {(b"keys", b"args"), *_PARAMETERS.findall(source)}
    for keys, arguments in names:
        source = re.sub(rb"\b%b(?=\s*\[)" % re.escape(keys), b"KEYS", source)
        source = re.sub(rb"\b%b(?=\s*\[)" % re.escape(arguments), b"ARGV", source)
    return source


def _given(command: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return KEYS and ARGV of an EVALSHA, EVAL or FCALL."""
    if len(command) < 3 or not command[2].isdigit():  # noqa: PLR2004 - verb, script, count
        return [], []
    count = int(command[2])
    return command[3 : 3 + count], command[3 + count :]


def find_calls(source: bytes, keys: list[bytes], arguments: list[bytes]) -> list[Call]:
    """Return the calls of commands in a script's text, in order."""
    text = _without_comments(source)
    words = _Words(text, keys, arguments)
    return [
        Call(
            _line_of(text, match.start()),
            [words.read(each) for each in _split_arguments(text, match.end())],
        )
        for match in _CALL.finditer(text)
    ]


def _without_comments(source: bytes) -> bytes:
    """Return a text with blanks for comments: lines and places stay what they are."""
    return _COMMENT.sub(lambda match: re.sub(rb"[^\n]", b" ", match[0]), source)


def _line_of(text: bytes, place: int) -> int:
    return text.count(b"\n", 0, place) + 1


def _split_arguments(text: bytes, start: int) -> list[bytes]:
    """Return the arguments of a call, as they are written."""
    depth, begin, place = 0, start, start
    found: list[bytes] = []
    while place < len(text):
        char = text[place : place + 1]
        if char in b"'\"" and (match := _TOKEN.match(text, place)):
            place = match.end()
            continue
        if char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            if not depth:
                break
            depth -= 1
        elif char == b"," and not depth:
            found.append(text[begin:place].strip())
            begin = place + 1
        place += 1
    found.append(text[begin:place].strip())
    return found


class _Words:
    """Reads arguments of calls, by what a script was given and its locals."""

    def __init__(self, text: bytes, keys: list[bytes], arguments: list[bytes]) -> None:
        self._keys = keys
        self._arguments = arguments
        self._locals = _find_locals(text)

    def read(self, written: bytes, depth: int = 0) -> Word:
        """Return what an argument is, as far as the text tells."""
        parts = [self._read_part(part, depth) for part in _split_joined(written)]
        if all(isinstance(part, bytes) for part in parts):
            return b"".join(part for part in parts if isinstance(part, bytes))
        if not any(parts):
            return None
        return re.compile(b"".join(map(_as_pattern, parts)), re.DOTALL)

    def _read_part(self, written: bytes, depth: int) -> Word:
        match = _TOKEN.fullmatch(written)
        if match is None:
            inner = _TO_STRING.fullmatch(written)
            expression = inner[1] if inner else self._locals.get(written)
            if expression is None or depth == _DEPTH_MAX:
                return None
            return self.read(expression.strip(), depth + 1)
        if match["text"]:
            inside = match["text"][1:-1]
            return None if b"\\" in inside else inside
        if match["number"]:
            return match["number"]
        given = _GIVEN.fullmatch(written)
        assert given is not None
        values = self._keys if given[1] == b"KEYS" else self._arguments
        number = int(given[2])
        return values[number - 1] if 1 <= number <= len(values) else None


def _as_pattern(part: Word) -> bytes:
    if isinstance(part, bytes):
        return re.escape(part)
    return b".*" if part is None else part.pattern


def _find_locals(text: bytes) -> dict[bytes, bytes]:
    """Return the expressions of the locals that nothing else in a text sets."""
    found: dict[bytes, bytes] = {}
    count: Counter[bytes] = Counter()
    for match in _LOCAL.finditer(text):
        names = _NAME.findall(match[1])
        expressions = _split_arguments(_first_line(text, match.end()), 0)
        if len(names) == len(expressions):
            found.update(zip(names, expressions, strict=True))
        # The last name before the sign is counted with all that are set.
        count.update(names[:-1])
    count.update(match[1] for match in _SET.finditer(text))
    for match in _BOUND.finditer(text):
        count.update(dict.fromkeys(_NAME.findall(match[1] or match[2] or b""), 2))
    return {name: each for name, each in found.items() if count[name] == 1}


def _first_line(text: bytes, start: int) -> bytes:
    """Return the rest of a line, or of a statement that ends before it does."""
    end = text.find(b"\n", start)
    line = text[start : len(text) if end < 0 else end]
    return line.partition(b";")[0]


def _split_joined(written: bytes) -> list[bytes]:
    """Return what `..` joins in an expression; the whole where it joins nothing."""
    depth, begin, place = 0, 0, 0
    found: list[bytes] = []
    while place < len(written):
        char = written[place : place + 1]
        if char in b"'\"" and (match := _TOKEN.match(written, place)):
            place = match.end()
            continue
        depth += (char in _OPENING) - (char in _CLOSING)
        if not depth and written[place : place + 2] == b"..":
            found.append(written[begin:place].strip())
            begin = place = place + 2
            continue
        place += 1
    return [*found, written[begin:].strip()]


def _has_name(call: Call, effect: list[bytes]) -> bool:
    name = call.words[0]
    return isinstance(name, bytes) and name.upper() == effect[0].upper()


def _is_as_given(call: Call, effect: list[bytes]) -> bool:
    """Tell whether an effect may be a call as it was given."""
    # Only the last argument may stand for several, as `unpack(ARGV)` does.
    return (
        _has_name(call, effect)
        and len(call.words) <= len(effect) + 1
        and all(
            _agrees(word, found)
            for word, found in zip(call.words[1:], effect[1:], strict=False)
        )
    )


def _may_leave(call: Call, effect: list[bytes]) -> bool:
    """Tell whether an effect may be what a call leaves in place of itself."""
    command = _command_of(call)
    if command is None or effect[0].upper() not in command.effects:
        return False
    keys = _keys_of(call, command)
    return any(_agrees(key, found) for key in keys for found in changed_keys(effect))


def _command_of(call: Call) -> Command | None:
    argv = [word if isinstance(word, bytes) else b"" for word in call.words]
    return find_writer(argv) if argv[0] else None


def _keys_of(call: Call, command: Command) -> list[Word]:
    """Return the keys that a call changes; one of which nothing is known for others."""
    argv = [word if isinstance(word, bytes) else b"" for word in call.words]
    try:
        positions = command.changed_positions(argv)
    except CommandError:
        positions = []  # the number of keys is computed, such as `#KEYS`
    keys = [call.words[at] for at in positions if at < len(argv)]
    is_computed = not all(isinstance(word, bytes) for word in call.words)
    return keys or ([None] if is_computed else [])


def _agrees(word: Word, found: bytes) -> bool:
    if isinstance(word, re.Pattern):
        return word.fullmatch(found) is not None
    return word is None or word == found


def _certainty(call: Call, effect: list[bytes]) -> int:
    """Return how much is known of the key for which a call fits an effect."""
    command = _command_of(call)
    keys = [] if command is None else _keys_of(call, command)
    changed = changed_keys(effect)
    return max(
        (
            0 if key is None else 1 + isinstance(key, bytes)
            for key in keys
            if any(_agrees(key, found) for found in changed)
        ),
        default=0,
    )
