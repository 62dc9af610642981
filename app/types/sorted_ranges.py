"""Ranges of a sorted set: by scores, and by members in the order of their bytes."""

from __future__ import annotations

from typing import final


@final
class ScoreRange:
    """Scores from a least to a most, either of them excluded or not."""

    __slots__ = ("excludes_least", "excludes_most", "least", "most")

    def __init__(
        self,
        least: float,
        most: float,
        *,
        excludes_least: bool = False,
        excludes_most: bool = False,
    ) -> None:
        """Name the ends."""
        self.least = least
        self.most = most
        self.excludes_least = excludes_least
        self.excludes_most = excludes_most


@final
class LexRange:
    """Members from a least to a most; None is a bound that bounds nothing.

    `is_empty` is set where the bounds are crossed: `+` as the least, `-` as the most.
    """

    __slots__ = ("excludes_least", "excludes_most", "is_empty", "least", "most")

    def __init__(
        self,
        least: bytes | None,
        most: bytes | None,
        *,
        excludes_least: bool = False,
        excludes_most: bool = False,
        is_empty: bool = False,
    ) -> None:
        """Name the ends."""
        self.least = least
        self.most = most
        self.excludes_least = excludes_least
        self.excludes_most = excludes_most
        self.is_empty = is_empty

    def reaches_least(self, member: bytes) -> bool:
        """Say whether a member is at the least or above."""
        least = self.least
        if least is None or self.is_empty:
            return not self.is_empty
        return member > least if self.excludes_least else member >= least

    def reaches_most(self, member: bytes) -> bool:
        """Say whether a member is at the most or below."""
        most = self.most
        if most is None or self.is_empty:
            return not self.is_empty
        return member < most if self.excludes_most else member <= most

    def can_hold(self, lowest: bytes, highest: bytes) -> bool:
        """Say whether a sorted set may have members of the range, by its two ends."""
        least, most = self.least, self.most
        if self.is_empty:
            return False
        if least is not None and most is not None:
            if least > most:
                return False
            if least == most and (self.excludes_least or self.excludes_most):
                return False
        return self.reaches_least(highest) and self.reaches_most(lowest)
