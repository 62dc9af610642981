"""Gates: which calls a user may surely make, worked out once for all commands.

    command's number -> None        ask: its keys, channels or arguments decide
                        ANY         it may be called with any arguments
                        patterns    it may, where each of its keys matches one of them

It is on the road of every command of a limited client, and knows what most of them are:
no key, one that is the first argument, or several whose places the table tells (MGET,
MSET, RENAME, LMOVE, BLPOP), and patterns such as `jobs:*` and `jobs:?*`. What it does
not let through `User.judge` does, or refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from joblog.app.keyspace.glob import compile_glob, is_plain, prefix_of
from joblog.app.table.table import REGISTERED, Flag
from joblog.app.users.requests import (
    FIRST,
    NOTHING,
    ODD,
    READ_WRITE,
    deeds_of,
    plan_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.keyspace.glob import Matcher
    from joblog.app.table.table import Command
    from joblog.app.users.selectors import Selector
    from joblog.app.words import Argv


_NO_KEY_BYTES: Final = 1 << 60
"""So long is no key."""
_PAIR: Final = (1, 2, 1)


@final
class KeyRule:
    """Which keys will do.

    Attributes:
        names: these very keys.
        prefixes: any that begins with one of these, and has as many bytes at least.
        matchers: any that one of these matches.
        is_any: all of them.
        is_pair: whether the first two arguments are the only keys.
        first: where in argv the first of them is.
        last: where the last is; from the end if negative, 0 where it is the first.
        step: how far one key is from the next; 0 where the first argument is the only
            key.
        others: the rules of a command's other keys.
    """

    __slots__ = (
        "_least",
        "_prefix",
        "first",
        "is_any",
        "is_pair",
        "last",
        "matchers",
        "names",
        "others",
        "prefixes",
        "step",
    )

    def __init__(
        self,
        patterns: Sequence[bytes],
        *,
        is_any: bool = False,
        place: tuple[int, int, int] = (1, 0, 0),
        others: tuple[KeyRule, ...] = (),
    ) -> None:
        """Make the rule of some patterns; `place` is first, last and step."""
        self.is_any = is_any
        self.first, self.last, self.step = place
        self.others = others
        self.is_pair = place == _PAIR and not others
        found = {pattern: prefix_of(pattern) for pattern in patterns}
        self.prefixes = tuple(filter(None, found.values()))
        others_of = [pattern for pattern, prefix in found.items() if prefix is None]
        self.names = frozenset(filter(is_plain, others_of))
        self.matchers: list[Matcher] = [
            compile_glob(pattern) for pattern in others_of if not is_plain(pattern)
        ]
        # That which let the last key through: most come with one prefix for long.
        self._prefix, self._least = (
            self.prefixes[0] if self.prefixes else (b"", _NO_KEY_BYTES)
        )

    def lets(self, argv: Argv) -> bool:
        """Say whether a call with these arguments will do."""
        if self.is_any:
            return True
        if self.step and not self.is_pair:
            return self.has_all(argv)
        key = argv[1]
        if (
            len(key) < self._least or not key.startswith(self._prefix)
        ) and not self.has(key):
            return False
        if not self.is_pair:
            return True
        key = argv[2]
        if len(key) >= self._least and key.startswith(self._prefix):
            return True
        return self.has(key)

    def has(self, key: bytes) -> bool:
        """Say whether a key will do."""
        # One by one: that is compiled to a comparison of bytes. A tuple would be given
        # to Python's own method, at a thousand instructions for the call.
        for prefix, least in self.prefixes:
            if len(key) >= least and key.startswith(prefix):
                self._prefix, self._least = prefix, least
                return True
        if self.names and key in self.names:
            return True
        for matches in self.matchers:  # noqa: SIM110 - `any` would make a generator
            if matches(key):
                return True
        return False

    def has_all(self, argv: Argv) -> bool:
        """Say whether all of a command's keys will do."""
        at, step, last = self.first, self.step, self.last
        if last <= 0:
            last = len(argv) + last if last else at
        if at >= len(argv):
            return False
        while at <= last:  # a range whose step is no constant would be an object
            key = argv[at]
            if (
                len(key) < self._least or not key.startswith(self._prefix)
            ) and not self.has(key):
                return False
            at += step
        for other in self.others:  # noqa: SIM110 - see `has`
            if not other.has_all(argv):
                return False
        return True


ANY: Final = KeyRule((), is_any=True)
_NONE: Final = KeyRule((), place=(1, 0, 1))


@final
class Gate:
    """What a user may surely do."""

    __slots__ = ("_rules",)

    def __init__(self, selectors: Sequence[Selector]) -> None:
        """Work out what sets of rules let through, each by itself."""
        kept: dict[tuple[bytes, ...], KeyRule] = {}
        self._rules: list[KeyRule | None] = [
            _rule_for(command, selectors, kept) for command in REGISTERED
        ]

    def opens(self, command: Command, argv: Argv) -> bool:
        """Say that a call may be made, whose number of words is right.

        False says nothing.
        """
        rule = self._rules[command.number]
        return rule is not None and rule.lets(argv)

    def rule_of(self, command: Command) -> KeyRule | None:
        """Return a command's rule, for many calls of it; None where any will do."""
        rule = self._rules[command.number]
        if rule is None:
            return _NONE
        return None if rule.is_any else rule


def _are_placed(command: Command) -> bool:
    """Say whether the table tells where all keys are, and what is done to them."""
    if command.channels is not None or not command.keys:
        return False
    return all(
        spec.is_fixed
        and spec.find is None
        and spec.access_for is None
        and not spec.keyword
        and not spec.access.startswith("NOT_KEY")
        and spec.first > 0
        and spec.last <= 0
        for spec in command.keys
    )


def _places(
    command: Command, selector: Selector
) -> list[tuple[tuple[int, int, int], list[bytes]]]:
    """Return where keys are that the same patterns are for, and these.

    A place is first, last and step. Keys side by side (RENAME, SMOVE, LMOVE) are one,
    which is looked at at once.
    """
    found: list[tuple[tuple[int, int, int], list[bytes]]] = []
    for spec in command.keys:
        deeds = deeds_of(spec.access)
        patterns = [key for key, may in selector.keys.items() if may & deeds == deeds]
        place = spec.first, spec.last, max(spec.step, 1)
        if found and not spec.last and spec.first < command.least:
            (first, last, _), same = found[-1]
            if last >= 0 and (last or first) + 1 == spec.first and patterns == same:
                found[-1] = (first, spec.first, 1), same
                continue
        found.append((place, patterns))
    return found


def _placed_rule(command: Command, selectors: Sequence[Selector]) -> KeyRule | None:
    """Return the rule of a command with several keys.

    One set of rules has to let all of them through: the first that allows the command
    is asked here.
    """
    for selector in selectors:
        if selector.has_all_commands or selector.allowed[command.number]:
            if selector.has_all_keys:
                return ANY
            rules: tuple[KeyRule, ...] = ()
            for place, patterns in reversed(_places(command, selector)):
                rules = (KeyRule(patterns, place=place, others=rules),)
            return rules[0]
    return None


def _rule_for(
    command: Command,
    selectors: Sequence[Selector],
    kept: dict[tuple[bytes, ...], KeyRule],
) -> KeyRule | None:
    """Return the rule of a command; equal ones are one, which `kept` has."""
    plan = plan_of(command)
    if plan == ODD and _are_placed(command):
        return _placed_rule(command, selectors)
    patterns: list[bytes] = []
    for selector in selectors:
        is_let = selector.has_all_commands or selector.allowed[command.number]
        if not is_let and not command.flags & Flag.NO_AUTH:
            continue
        if plan == NOTHING:
            return ANY
        if plan == ODD:
            is_open = selector.has_all_keys and (
                command.channels is None or selector.has_all_channels
            )
            if is_open:
                return ANY
            continue
        if selector.has_all_keys:
            return ANY
        deeds = READ_WRITE if plan == FIRST else plan
        patterns += [key for key, may in selector.keys.items() if may & deeds == deeds]
    if not patterns:
        return None
    names = tuple(dict.fromkeys(patterns))
    if names not in kept:
        kept[names] = KeyRule(names)
    return kept[names]
