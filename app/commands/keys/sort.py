"""SORT and SORT_RO: order the elements of a list, set or sorted set.

    SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA]
             [STORE destination]

A pattern names other keys: its first `*` stands for the element, and what follows `->`
is the field of a hash. A BY pattern without `*` asks for no order at all.

What the result is must follow from the values alone, since the fold of the log runs
STORE again. Where Redis leaves the order of a set open, it is that of the bytes here.

Source: Redis 7.2; see tests/parity/test_sort.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.numbers import parse_double
from joblog.app.types.sets import Set, list_members
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.state.context import Context

_BLANKS: Final = b" \t\n\v\f\r"
_SORTED: Final = KeySpec("RO ACCESS")
_LOOKED_UP: Final = KeySpec("RO ACCESS", first=0)  # by patterns
_ACL: Final = ("-keyspace", "set", "sortedset", "list", "dangerous")
_WORDS_OF: Final = {b"LIMIT": 2, b"BY": 1, b"GET": 1}


@dataclass(slots=True)
class _Options:
    """What a call asks for.

    Attributes:
        by: the pattern of the weights, or None to go by the elements themselves.
        is_ordered: False where the pattern has no `*`: then nothing is sorted.
        get: the patterns of what is returned; none stands for the element.
        offset: how many elements to leave out at the start.
        count: how many to return; negative is all.
        destination: where to store the result, or None.
    """

    by: bytes | None = None
    is_ordered: bool = True
    is_descending: bool = False
    is_alpha: bool = False
    get: list[bytes] = field(default_factory=list)
    offset: int = 0
    count: int = -1
    destination: bytes | None = None


def _parse(ctx: Context, argv: list[bytes], *, may_store: bool) -> _Options:
    """Return what a call asks for.

    Raises:
        CommandError: a word is unknown, or the client may not read any key there is.
    """
    options = _Options()
    rest = argv[:1:-1]
    while rest:
        match rest.pop().upper():
            case b"ASC":
                options.is_descending = False
            case b"DESC":
                options.is_descending = True
            case b"ALPHA":
                options.is_alpha = True
            case b"LIMIT" if len(rest) > 1:
                options.offset, options.count = integer(rest.pop()), integer(rest.pop())
            case b"STORE" if rest and may_store:
                options.destination = rest.pop()
            case b"BY" if rest:
                options.by = rest.pop()
                if b"*" in options.by:
                    ctx.require_any_key(argv, b"BY")
                # As in Redis: once a pattern without `*` was seen, nothing is sorted.
                options.is_ordered = options.is_ordered and b"*" in options.by
            case b"GET" if rest:
                options.get.append(rest.pop())
                ctx.require_any_key(argv, b"GET")
            case _:
                raise CommandError(errors.SYNTAX)
    return options


def _find_stored(argv: list[bytes]) -> list[int]:
    """Return where the key is that STORE names last, if any."""
    stored = 0
    at = 2
    while at < len(argv):
        word = argv[at].upper()
        if word == b"STORE" and at + 1 < len(argv):
            stored = at + 1
        at += 1 + _WORDS_OF.get(word, 0)
    return [stored] if stored else []


@command(
    "SORT",
    arity=-2,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.MOVABLEKEYS,
    keys=(_SORTED, _LOOKED_UP, KeySpec("OW UPDATE", first=0, find=_find_stored)),
    group="generic",
    since="1.0.0",
    summary="Sort the elements of a list, set or sorted set; perhaps store them.",
    complexity="O(N + M*log M) for N elements there, M of them sorted",
    acl=_ACL,
)
def sort(ctx: Context, key: bytes, *options: bytes) -> list[bytes | None] | int:
    """Return the elements in order, or how many were stored."""
    parsed = _parse(ctx, [b"SORT", key, *options], may_store=True)
    found = _sorted(ctx, key, parsed)
    if parsed.destination is None:
        return found
    _store(ctx, parsed.destination, found)
    return len(found)


@command(
    "SORT_RO",
    arity=-2,
    flags=Flag.READONLY | Flag.MOVABLEKEYS,
    keys=(_SORTED, _LOOKED_UP),
    group="generic",
    since="7.0.0",
    summary="Sort the elements of a list, set or sorted set, and never store them.",
    complexity="O(N + M*log M) for N elements there, M of them sorted",
    acl=_ACL,
)
def sort_ro(ctx: Context, key: bytes, *options: bytes) -> list[bytes | None]:
    """Return the elements in order."""
    argv = [b"SORT_RO", key, *options]
    return _sorted(ctx, key, _parse(ctx, argv, may_store=False))


def _store(ctx: Context, destination: bytes, found: list[bytes | None]) -> None:
    db = ctx.db
    if found:
        db.overwrite(destination, List([element or b"" for element in found]))
        db.touch(destination, b"sortstore", len(found))
    elif db.lookup(destination) is not None:
        db.delete(destination)
        db.touch(destination, b"del")


def _sorted(ctx: Context, key: bytes, options: _Options) -> list[bytes | None]:
    """Return what a call returns or stores; None where a GET pattern finds nothing."""
    value = ctx.db.lookup(key)
    if value is not None and type(value) not in (List, Set, SortedSet):
        raise CommandError(errors.WRONG_TYPE)
    elements = _elements(ctx, value)
    is_open = type(value) is Set
    if is_open and not options.is_ordered and _must_repeat(ctx, options):
        options.is_ordered = options.is_alpha = True
        options.by = None
    if options.is_ordered:
        _sort(ctx, elements, options, is_open=is_open)
    elif options.is_descending and not is_open:
        elements.reverse()
    chosen = _limited(elements, options)
    if not options.get:
        return list(chosen)
    readers = [_reader(ctx, pattern) for pattern in options.get]
    return [read(element) for element in chosen for read in readers]


def _elements(ctx: Context, value: Any) -> list[bytes]:
    if type(value) is SortedSet:
        return [member for _, member in value.pairs()]
    if type(value) is Set:
        return list(list_members(value, ctx.server.config.set_max_intset_entries))
    return list(value or ())


def _must_repeat(ctx: Context, options: _Options) -> bool:
    """Say whether a set without order would make a result that differs each time."""
    return options.destination is not None or ctx.scripts.is_running


def _limited(elements: list[bytes], options: _Options) -> list[bytes]:
    start = max(options.offset, 0)
    return elements[start:] if options.count < 0 else elements[start:][: options.count]


def _sort(
    ctx: Context, elements: list[bytes], options: _Options, *, is_open: bool
) -> None:
    """Sort elements in place.

    Raises:
        CommandError: without ALPHA, and a weight is no number.
    """
    weights: list[bytes | None] = list(elements)
    if options.by is not None:
        weights = list(map(_reader(ctx, options.by), elements))
    keys: list[tuple[Any, ...]]
    if not options.is_alpha:
        keys = list(zip(map(_number, weights), elements, strict=True))
    elif options.by is None:
        keys = [(element,) for element in elements]
    else:
        keys = [(weight is not None, weight or b"") for weight in weights]
        if is_open:
            pairs = zip(keys, elements, strict=True)
            keys = [(*key, element) for key, element in pairs]
    places = sorted(
        range(len(elements)), key=keys.__getitem__, reverse=options.is_descending
    )
    elements[:] = [elements[place] for place in places]


def _number(weight: bytes | None) -> float:
    """Return a weight as C's strtod reads it; a missing one counts as 0.

    Blanks may come before it and a NUL ends it.

    Raises:
        CommandError: it is no number, or out of a double's range.
    """
    if weight is None:
        return 0.0
    value = parse_double(weight)
    if value is None:
        text = weight.partition(b"\0")[0]
        value = parse_double(text.lstrip(_BLANKS)) if text else 0.0
        if value is None:
            raise CommandError(errors.SORT_NOT_A_DOUBLE)
    return value


def _reader(ctx: Context, pattern: bytes) -> Callable[[bytes], bytes | None]:
    """Return a function from an element to what a pattern names for it.

    It gives None for a missing key or field, and for another type than a string (or
    than a hash, where the pattern has a field).
    """
    if pattern == b"#":
        return lambda element: element
    lookup = ctx.db.lookup
    # A NUL ends the pattern's search for `*` in Redis, as it does here.
    before, star, after = pattern.partition(b"*")
    if not star or b"\0" in before:
        return lambda _: None
    middle, arrow, name = after.partition(b"->")
    if not arrow or not name:

        def read_string(element: bytes) -> bytes | None:
            value = lookup(b"%b%b%b" % (before, element, after))
            return value if type(value) is bytes else None

        return read_string

    def read_field(element: bytes) -> bytes | None:
        value = lookup(b"%b%b%b" % (before, element, middle))
        return value.get(name) if type(value) is Hash else None

    return read_field
