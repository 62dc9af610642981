"""Gates: which calls a user may surely make, worked out once for all commands.

    command's number -> None        ask: its keys, channels or arguments decide
                        ANY         it may be called with any arguments
                        patterns    it may, where each of its keys matches one of them

It is on the road of every command of a limited client, and knows what most of them are:
no key, one that is the first argument, or several from there to the last (MGET, DEL,
MSET), and patterns such as `jobs:*`. What it does not let through `User.judge` does, or
refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from joblog.app.keyspace.glob import compile_glob, prefix_of
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


@final
class KeyRule:
    """Which keys will do.

    Attributes:
        prefixes: any that begins with one of these.
        matchers: any that one of these matches.
        is_any: all of them.
        step: how far one key is from the next, up to the last argument; 0 where the
            first argument is the only key.
    """

    __slots__ = ("is_any", "matchers", "prefixes", "step")

    def __init__(
        self, patterns: Sequence[bytes], *, is_any: bool = False, step: int = 0
    ) -> None:
        """Make the rule of some patterns."""
        self.is_any = is_any
        self.step = step
        found = {pattern: prefix_of(pattern) for pattern in patterns}
        self.prefixes: tuple[bytes, ...] = tuple(
            prefix for prefix in found.values() if prefix is not None
        )
        self.matchers: list[Matcher] = [
            compile_glob(pattern) for pattern, prefix in found.items() if prefix is None
        ]

    def has(self, key: bytes) -> bool:
        """Say whether a key will do."""
        if key.startswith(self.prefixes):
            return True
        for matches in self.matchers:  # noqa: SIM110 - `any` would make a generator
            if matches(key):
                return True
        return False


ANY: Final = KeyRule((), is_any=True)


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
        if rule is None:
            return False
        if rule.is_any:
            return True
        if not rule.step:
            return rule.has(argv[1])
        for at in range(1, len(argv), rule.step):  # noqa: SIM110 - see above
            if not rule.has(argv[at]):
                return False
        return True


def _step_of(command: Command) -> int:
    """Return how far the keys are from each other, where all that follow are keys.

    0 where that is not so, or where what is done to them depends on the arguments.
    """
    if command.channels is not None or len(command.keys) != 1:
        return 0
    (spec,) = command.keys
    is_plain = spec.is_fixed and spec.find is None and spec.access_for is None
    is_key = not spec.access.startswith("NOT_KEY")
    is_range = (spec.first, spec.last) == (1, -1)
    return spec.step if is_plain and is_key and is_range else 0


def _range_rule(
    command: Command, selectors: Sequence[Selector], step: int
) -> KeyRule | None:
    """Return the rule of a command with many keys.

    One set of rules has to let all of them through: the first that allows the command
    is asked here.
    """
    deeds = deeds_of(command.keys[0].access)
    for selector in selectors:
        if selector.has_all_commands or selector.allowed[command.number]:
            keys = selector.keys
            if selector.has_all_keys:
                return ANY
            return KeyRule(
                [key for key, may in keys.items() if may & deeds == deeds], step=step
            )
    return None


def _rule_for(
    command: Command,
    selectors: Sequence[Selector],
    kept: dict[tuple[bytes, ...], KeyRule],
) -> KeyRule | None:
    """Return the rule of a command; equal ones are one, which `kept` has."""
    plan = plan_of(command)
    step = _step_of(command)
    if plan == ODD and step:
        return _range_rule(command, selectors, step)
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
