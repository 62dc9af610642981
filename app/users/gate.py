"""Gates: which calls a user may surely make, worked out once for all commands.

    command's number -> None        ask: its keys, channels or arguments decide
                        ANY         it may be called with any arguments
                        patterns    it may, where its only key matches one of them

It is on the road of every command of a limited client, and knows what most of them are:
no key, or one that is the first argument, and patterns such as `jobs:*`. What it does
not let through `User.judge` does, or refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from joblog.app.keyspace.glob import compile_glob, prefix_of
from joblog.app.table.table import REGISTERED, Flag
from joblog.app.users.requests import FIRST, NOTHING, ODD, READ_WRITE, plan_of

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
    """

    __slots__ = ("is_any", "matchers", "prefixes")

    def __init__(self, patterns: Sequence[bytes], *, is_any: bool = False) -> None:
        """Make the rule of some patterns."""
        self.is_any = is_any
        found = {pattern: prefix_of(pattern) for pattern in patterns}
        self.prefixes: tuple[bytes, ...] = tuple(
            prefix for prefix in found.values() if prefix is not None
        )
        self.matchers: list[Matcher] = [
            compile_glob(pattern) for pattern, prefix in found.items() if prefix is None
        ]


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
        key = argv[1]
        if key.startswith(rule.prefixes):
            return True
        for matches in rule.matchers:  # noqa: SIM110 - `any` would make a generator
            if matches(key):
                return True
        return False


def _rule_for(
    command: Command,
    selectors: Sequence[Selector],
    kept: dict[tuple[bytes, ...], KeyRule],
) -> KeyRule | None:
    """Return the rule of a command; equal ones are one, which `kept` has."""
    plan = plan_of(command)
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
