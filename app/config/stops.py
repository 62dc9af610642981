"""Values that stop the start, since they would protect what is not protected here.

A setting without effect may be accepted only where ignoring it costs nobody anything:
a server must never be weaker than its configuration says. So whatever would guard
something (who may do what, what survives, how much memory is taken) and is not done
here is refused in words, at the start and by CONFIG SET. Neutral values pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Stop(NamedTuple):
    """Which values of a setting stop the start.

    Attributes:
        values: what they are, for docs/configuration.md.
        reason: why, and what to do; it follows the directive and a colon.
        when: whether a value is one of them.
    """

    values: str
    reason: str
    when: Callable[[Any], bool]


def above_zero(reason: str) -> Stop:
    """Stop at every number but 0."""
    return Stop("any but 0", reason, bool)


def if_given(reason: str) -> Stop:
    """Stop at whatever is not empty."""
    return Stop("any but an empty one", reason, bool)


def if_on(reason: str) -> Stop:
    """Stop at `yes`."""
    return Stop("`yes`", reason, bool)


def if_off(reason: str) -> Stop:
    """Stop at `no`."""
    return Stop("`no`", reason, _is_off)


def unless(neutral: str, reason: str) -> Stop:
    """Stop at every word but one."""
    return Stop(f"any but `{neutral}`", reason, lambda value: value != neutral)


def _is_off(value: object) -> bool:
    return not value
