"""Selectors: a set of commands, key patterns and channel patterns that belong together.

A user has one that is its own, the root, and any number of further ones; a command runs
where one of them, by itself, lets it. What was asked for is kept beside what follows:

    +@all -@dangerous +config|get   `starts_full`, and `rules`, in the order of asking
    a byte for each command         what follows; looked up by the command's number

A category or command that is named again goes from its old place in the rules, and a
command takes what was said of its subcommands with it.

Source: Redis 7.2; see tests/parity/test_acl.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.keyspace.glob import compile_glob
from joblog.app.table.categories import CATEGORIES, categories_of
from joblog.app.table.table import COMMANDS, REGISTERED, SWITCHED_OFF, Command, Flag
from joblog.app.users.requests import (
    READ,
    READ_WRITE,
    WRITE,
    Denial,
    KeyUse,
    Reason,
    channels_of,
    names_patterns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from joblog.app.keyspace.glob import Matcher
    from joblog.app.words import Argv

_LETTERS: Final = {ord("R"): READ, ord("W"): WRITE}
_PREFIXES: Final = {READ_WRITE: b"~", READ: b"%R~", WRITE: b"%W~"}
_SPACE: Final = frozenset(b" \t\n\v\f\r\0")


class RuleError(Exception):
    """A rule cannot be; the text says why.

    Attributes:
        text: Redis's words, without a code.
        rule: the rule, where it is not the one that was given.
    """

    def __init__(self, text: bytes, rule: bytes | None = None) -> None:
        """Say what is wrong with it."""
        super().__init__(text)
        self.text = text
        self.rule = rule


def has_spaces(word: bytes) -> bool:
    """Say whether a name or pattern has what would end it in a file."""
    return not _SPACE.isdisjoint(word)


class Selector:
    """What one set of rules lets through.

    Attributes:
        starts_full: whether the rules begin with all commands, those of the future too.
        rules: which were added and removed since, in the order that counts.
        allowed: for each command, by its number, whether it may run.
        has_all_commands: whether no command has to be looked up.
        first_words: by a command's number, the first arguments with which it may run.
        keys: patterns, and what may be done to keys that match.
        has_all_keys, has_all_channels: whether any will do.
        channels: patterns.
    """

    __slots__ = (
        "_channel_matchers",
        "_key_matchers",
        "allowed",
        "channels",
        "first_words",
        "has_all_channels",
        "has_all_commands",
        "has_all_keys",
        "keys",
        "rules",
        "starts_full",
    )

    def __init__(self, *, has_all_channels: bool = False) -> None:
        """Make a selector that lets nothing through, but for channels where it says."""
        self.starts_full = self.has_all_commands = False
        self.rules: list[bytes] = []
        self.allowed = bytearray(len(REGISTERED))
        self.first_words: dict[int, list[bytes]] = {}
        self.keys: dict[bytes, int] = {}
        self.has_all_keys = False
        self.channels: dict[bytes, None] = {}
        self.has_all_channels = has_all_channels
        self._key_matchers: list[tuple[int, Matcher]] | None = None
        self._channel_matchers: list[Matcher] | None = None

    def copy(self) -> Selector:
        """Return another that is equal."""
        other = Selector(has_all_channels=self.has_all_channels)
        other.starts_full = self.starts_full
        other.has_all_commands = self.has_all_commands
        other.rules = list(self.rules)
        other.allowed = bytearray(self.allowed)
        other.first_words = {at: list(each) for at, each in self.first_words.items()}
        other.keys = dict(self.keys)
        other.has_all_keys = self.has_all_keys
        other.channels = dict(self.channels)
        return other

    @property
    def lets_all_through(self) -> bool:
        """Whether there is nothing to ask."""
        return self.has_all_commands and self.has_all_keys and self.has_all_channels

    # --- rules ----------------------------------------------------------------------

    def apply(self, rule: bytes) -> None:
        """Take one rule.

        Raises:
            RuleError: it is none, or cannot be; nothing has changed.
        """
        whole = _WHOLE.get(rule.lower())
        if whole is not None:
            whole(self)
        elif rule[:1] in (b"~", b"%"):
            self._add_keys(rule)
        elif rule[:1] == b"&":
            self._add_channels(rule[1:])
        elif rule[:2] in (b"+@", b"-@"):
            self._set_category(rule[2:], allows=rule[:1] == b"+")
        elif rule[:1] == b"+":
            self._add_command(rule[1:])
        elif rule[:1] == b"-":
            self._remove_command(rule[1:])
        else:
            raise RuleError(errors.RULE_SYNTAX)

    def begin_keys(self, *, is_full: bool) -> None:
        """Let all keys through, or none, whatever was said before."""
        self.has_all_keys = is_full
        self.keys.clear()
        self._key_matchers = None

    def begin_channels(self, *, is_full: bool) -> None:
        """Let all channels through, or none."""
        self.has_all_channels = is_full
        self.channels.clear()
        self._channel_matchers = None

    def begin_commands(self, *, is_full: bool) -> None:
        """Let all commands through, or none."""
        self.starts_full = self.has_all_commands = is_full
        self.allowed = bytearray([is_full]) * len(REGISTERED)
        self.rules.clear()
        self.first_words.clear()

    def _add_keys(self, rule: bytes) -> None:
        if self.has_all_keys:
            raise RuleError(errors.ALL_KEYS_ALREADY)
        deeds, pattern = READ_WRITE, rule[1:]
        if rule[:1] == b"%":
            deeds, pattern = _split_deeds(rule)
        if has_spaces(pattern):
            raise RuleError(errors.RULE_SYNTAX)
        self.keys[pattern] = self.keys.get(pattern, 0) | deeds
        self._key_matchers = None

    def _add_channels(self, pattern: bytes) -> None:
        if self.has_all_channels:
            raise RuleError(errors.ALL_CHANNELS_ALREADY)
        if has_spaces(pattern):
            raise RuleError(errors.RULE_SYNTAX)
        self.channels[pattern] = None
        self._channel_matchers = None

    def _set_category(self, name: bytes, *, allows: bool) -> None:
        category = name.decode("latin-1").lower()
        if category not in CATEGORIES:
            raise RuleError(errors.NO_SUCH_WORD)
        self._note_rule(b"@" + category.encode(), allows=allows)
        for command in REGISTERED:
            if category in categories_of(command):
                self._set_command(command, allows=allows)

    def _add_command(self, name: bytes) -> None:
        head, bar, word = name.rpartition(b"|")
        command = _find(head if bar else name)
        if command is None:
            raise RuleError(errors.NO_SUCH_WORD)
        if not bar:
            self._set_command(command, allows=True)
            self._note_rule(command.name.encode(), allows=True)
            return
        if "|" in command.name:
            raise RuleError(errors.FIRST_WORD_OF_SUBCOMMAND)
        if not word:
            raise RuleError(errors.RULE_SYNTAX)
        if command.subcommands:
            subcommand = _find(name)
            if subcommand is None:
                raise RuleError(errors.NO_SUCH_WORD)
            self._set_command(subcommand, allows=True)
        else:
            words = self.first_words.setdefault(command.number, [])
            if word.lower() not in words:
                words.append(word.lower())
        self._note_rule(name.lower(), allows=True)

    def _remove_command(self, name: bytes) -> None:
        command = _find(name)
        if command is None:
            raise RuleError(errors.NO_SUCH_WORD)
        self._set_command(command, allows=False)
        self._note_rule(command.name.encode(), allows=False)

    def _set_command(self, command: Command, *, allows: bool) -> None:
        """Let a command through or not, and its subcommands with it."""
        self.first_words.pop(command.number, None)
        for one in (command, *command.subcommands.values()):
            self.allowed[one.number] = allows
        if not allows:
            self.has_all_commands = False

    def _note_rule(self, name: bytes, *, allows: bool) -> None:
        """Put a rule behind the others, in place of what it makes void."""
        inside = name + b"|"
        self.rules = [
            rule
            for rule in self.rules
            if rule[1:] != name and not rule[1:].startswith(inside)
        ]
        self.rules.append((b"+" if allows else b"-") + name)

    # --- how it is written ----------------------------------------------------------

    def describe_commands(self) -> bytes:
        """Return the rules about commands."""
        return b" ".join([b"+@all" if self.starts_full else b"-@all", *self.rules])

    def describe_keys(self) -> bytes:
        """Return the patterns of keys."""
        if self.has_all_keys:
            return b"~*"
        return b" ".join(_PREFIXES[deeds] + key for key, deeds in self.keys.items())

    def describe_channels(self) -> bytes:
        """Return the patterns of channels."""
        if self.has_all_channels:
            return b"&*"
        return b" ".join(b"&" + channel for channel in self.channels)

    def describe(self) -> bytes:
        """Return all rules, by which an equal selector is made."""
        channels = [b"&*"] if self.has_all_channels else [b"resetchannels"]
        if self.channels:
            channels.append(self.describe_channels())
        keys = [self.describe_keys()] if self.has_all_keys or self.keys else []
        return b" ".join([*keys, *channels, self.describe_commands()])

    # --- what it lets through -------------------------------------------------------

    def judge(
        self, command: Command, argv: Argv, keys: Sequence[KeyUse]
    ) -> Denial | None:
        """Return why a call does not come through; None where it does.

        Args:
            command: the command.
            argv: the same with its arguments.
            keys: those that it names.
        """
        if not self._lets_run(command, argv):
            return Denial(Reason.COMMAND, 0, command.name.encode())
        if not self.has_all_keys:
            for use in keys:
                if not self.lets_use(use.key, use.deeds):
                    return Denial(Reason.KEY, use.position, use.key)
        if not self.has_all_channels and command.channels is not None:
            is_pattern = names_patterns(command)
            for place, channel in channels_of(command, argv):
                if not self.lets_hear(channel, is_pattern=is_pattern):
                    return Denial(Reason.CHANNEL, place, channel)
        return None

    def _lets_run(self, command: Command, argv: Argv) -> bool:
        if (
            self.has_all_commands
            or self.allowed[command.number]
            or command.flags & Flag.NO_AUTH
        ):
            return True
        words = self.first_words.get(command.number)
        return words is not None and len(argv) > 1 and argv[1].lower() in words

    def lets_use(self, key: bytes, deeds: int) -> bool:
        """Say whether something may be done to a key."""
        if self.has_all_keys:
            return True
        matchers = self._key_matchers
        if matchers is None:
            matchers = self._key_matchers = [
                (given, compile_glob(pattern)) for pattern, given in self.keys.items()
            ]
        for given, matches in matchers:
            if given & deeds == deeds and matches(key):
                return True
        return False

    def lets_read_any_key(self) -> bool:
        """Say whether there is no key that may not be read."""
        return self.has_all_keys or bool(self.keys.get(b"*", 0) & READ)

    def lets_hear(self, channel: bytes, *, is_pattern: bool) -> bool:
        """Say whether a channel may be used; a pattern of channels has to be one."""
        if self.has_all_channels:
            return True
        if is_pattern:
            return channel in self.channels
        matchers = self._channel_matchers
        if matchers is None:
            matchers = self._channel_matchers = list(map(compile_glob, self.channels))
        return any(matches(channel) for matches in matchers)


_WHOLE: Final[dict[bytes, Callable[[Selector], None]]] = {
    word: partial(begin, is_full=is_full)
    for begin, is_full, words in (
        (Selector.begin_keys, True, (b"allkeys", b"~*")),
        (Selector.begin_keys, False, (b"resetkeys",)),
        (Selector.begin_channels, True, (b"allchannels", b"&*")),
        (Selector.begin_channels, False, (b"resetchannels",)),
        (Selector.begin_commands, True, (b"allcommands", b"+@all")),
        (Selector.begin_commands, False, (b"nocommands", b"-@all")),
    )
    for word in words
}
"""Rules that are one word -> what they do."""


def _split_deeds(rule: bytes) -> tuple[int, bytes]:
    """Return what `%RW~pattern` says of keys, and the pattern."""
    deeds = 0
    letters, _, pattern = rule[1:].partition(b"~")
    for letter in letters.upper():
        deed = _LETTERS.get(letter, 0)
        if not deed or deeds & deed:
            raise RuleError(errors.RULE_SYNTAX)
        deeds |= deed
    if not deeds:
        raise RuleError(errors.RULE_SYNTAX)
    return deeds, pattern


def _find(name: bytes) -> Command | None:
    """Return a command or subcommand, switched off or not, by `config|get`."""
    words: Iterator[bytes] = iter(name.upper().split(b"|"))
    head = next(words)
    found = COMMANDS.get(head) or SWITCHED_OFF.get(head)
    for word in words:
        found = found.subcommands.get(word) if found is not None else None
    return found
