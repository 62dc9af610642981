"""Steps: work that takes its time, of which some is done at each step.

Whoever has other things to do takes a step now and then; whoever has not goes through
all of them at once.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

T = TypeVar("T")

A_STEP: Final = 500
"""So many elements of a value are a step: less than a millisecond of most work."""


def finish(steps: Generator[None, None, T]) -> T:
    """Go through all steps at once; return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            made: T = ended.value
            return made


def portions(elements: Iterable[T], size: int = A_STEP) -> Iterator[list[T]]:
    """Yield elements in portions of a size, none of them empty."""
    rest = iter(elements)
    while portion := list(islice(rest, size)):
        yield portion
