r"""Elements: how a job's id is read from what lies in a list or a field.

    whole                 the element is the id
    until :               the part before the first colon
    like saq:job:{queue}:{id}   a pattern, as of keys
    json headers.id       a member of a JSON object; steps are names and numbers, and a
                          string that is JSON itself is entered as if it were no string
    msgpack 0.id          the same of msgpack
    regex ([0-9a-f-]{36}) the first group of what is found
    alias                 another name of the job, which an `[[alias]]` told

Of several readers the first counts that finds something.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import msgpack

from joblog.replay.jobs.patterns import Pattern
from joblog.replay.jobs.pickles import Made, read_pickle, read_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ReadId: TypeAlias = "Callable[[bytes, Mapping[bytes, bytes]], bytes | None]"
"""From an element, and the aliases of jobs known so far, to an id."""


class ReaderError(ValueError):
    """What was written is no reader; the text says which there are."""


def make_reader(
    texts: str | Sequence[str],
) -> ReadId:
    """Return a call that reads ids as texts such as `json headers.id` say.

    Raises:
        ReaderError: a text is none.
    """
    readers = [
        _make_one(text) for text in ([texts] if isinstance(texts, str) else texts)
    ]
    if len(readers) == 1:
        return readers[0]

    def read(element: bytes, names: Mapping[bytes, bytes]) -> bytes | None:
        for reader in readers:
            found = reader(element, names)
            if found:
                return found
        return None

    return read


def _make_one(text: str) -> ReadId:
    word, _, rest = text.partition(" ")
    match word:
        case "whole":
            return lambda element, _: element
        case "alias":
            return lambda element, aliases: aliases.get(element)
        case "until" if rest:
            mark = rest.encode()
            return lambda element, _: element.partition(mark)[0]
        case "like" if rest:
            pattern = Pattern(rest)
            return lambda element, _: (pattern.match(element) or (None, None))[1]
        case "regex" if rest:
            search = re.compile(rest.encode(), re.DOTALL).search
            return lambda element, _: (found := search(element)) and found[1]
        case "json" | "msgpack" if rest:
            steps = rest.split(".")
            return lambda element, _: read_path(element, steps, word)
        case _:
            raise ReaderError(
                f"{text!r} reads no id; write whole, 'until :', 'like NAME:{{id}}', "
                f"'json a.b', 'msgpack a.b', 'regex (...)' or alias"
            )


def read_path(data: bytes, steps: Sequence[str], kind: str = "json") -> bytes | None:
    """Return what lies at the end of a path through data of a kind, as bytes.

    Kinds are "json", "msgpack" and "pickle". Nothing that a pickle names is made; an
    object in it has the steps `str()`, an error's text, `NAME()`, its arguments where
    that is its class, and `time()`, in ms, where it is a time without a zone, in UTC.

    Returns:
        The text or number there; None where there is none, or the data is none.
    """
    if kind == "json" and data[:1] not in {b"{", b"["}:
        return None
    try:
        value = _LOADERS[kind](data)
        for step in steps:
            value = _enter(value, step)
    except (
        ValueError,
        LookupError,
        TypeError,
        RecursionError,
        msgpack.UnpackException,
    ):
        return None
    return as_bytes(value)


_LOADERS: dict[str, Callable[[bytes], Any]] = {
    "json": json.loads,
    "msgpack": lambda data: msgpack.unpackb(data, strict_map_key=False),
    "pickle": read_pickle,
}


def _enter(value: Any, step: str) -> Any:
    if isinstance(value, Made):
        return _enter_made(value, step)
    if isinstance(value, str | bytes):
        value = json.loads(value)
    if isinstance(value, list):
        return value[int(step)]
    return _error_text(value) if step == "error()" else value[step]


def _error_text(error: Mapping[str, Any]) -> str:
    """Return an error as Celery's results have it as text: its class and arguments."""
    message = error["exc_message"]
    arguments = message if isinstance(message, list) else [message]
    return f"{error['exc_type']}: {', '.join(map(str, arguments))}"


def _enter_made(value: Made, step: str) -> Any:
    """Return what an object's steps `str()`, `NAME()` and `time()` lead to."""
    if step == "str()":
        return repr(value)
    if step == f"{value.class_name}()":
        return value.arguments
    if step == "time()" and value.name == "datetime.datetime":
        (packed,) = value.arguments
        return read_time(packed)
    raise LookupError(step)


def as_bytes(value: Any) -> bytes | None:
    """Return a text, number, object or array of JSON as bytes; None for null."""
    match value:
        case None:
            return None
        case bytes():
            return value
        case str():
            return value.encode("utf-8", "surrogatepass")
        case bool() | int() | float():
            return json.dumps(value).encode()
        case _:
            return json.dumps(value, default=repr).encode()
