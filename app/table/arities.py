"""How many words a call of a command may have, by its arity and its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import inspect

    from joblog.app.table.table import Command

UNLIMITED: Final = 1 << 61


def most_words(arity: int, skip: int, parameters: list[inspect.Parameter]) -> int:
    """Return the most words of a call: a fixed arity, or what the handler can take."""
    if arity > 0:
        return arity
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return UNLIMITED
    return skip + len(parameters)


def check_arity(made: Command, parameters: list[inspect.Parameter]) -> None:
    """Check that the arity of a command agrees with the parameters of its handler.

    Raises:
        AssertionError: it does not.
    """
    named = [p for p in parameters if p.kind is not p.VAR_POSITIONAL]
    required = sum(p.default is p.empty for p in named)
    has_rest = len(named) < len(parameters)
    least = made.least - made.skip
    assert required == least, f"{made.name}: arity says {least}, handler {required}"
    if made.arity > 0:
        assert not has_rest, f"{made.name}: the handler takes more than the arity says"
        assert len(named) == least, f"{made.name}: optional parameter, fixed arity"
    else:
        has_more = has_rest or len(named) > required
        assert has_more, (
            f"{made.name}: the arity is a least, but the handler takes no more"
        )
