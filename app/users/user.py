"""A user: how it proves who it is, and what it may do.

    on #<SHA-256 of a password> ~cached:* resetchannels -@all +get (~tmp:* ... +@write)

A password is kept as its SHA-256 in hexadecimal digits, and never as itself.

Source: Redis 7.0.15 and 7.2; see tests/parity/test_acl.py.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.users.gate import Gate
from joblog.app.users.requests import (
    FIRST,
    NOTHING,
    ODD,
    Denial,
    Reason,
    first_deeds,
    keys_of,
    plan_of,
)
from joblog.app.users.selectors import RuleError, Selector
from joblog.app.words import split_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from joblog.app.table.table import Command
    from joblog.app.words import Argv

_HASH: Final = re.compile(rb"[0-9a-f]{64}")
_NO_HASH: Final = b"0" * 64
SANITIZING: Final = (b"skip-sanitize-payload", b"sanitize-payload")
"""What RESTORE may leave out; here it never does, and the words are only kept."""


def hash_of(password: bytes) -> bytes:
    """Return what is kept of a password."""
    return hashlib.sha256(password).hexdigest().encode()


class User:
    """One user.

    Attributes:
        name: what it is called.
        is_on: whether it may log in.
        has_no_password: whether any password will do.
        sanitizing: which of two words was said of payloads, or nothing.
        passwords: the hashes of those that will do.
        selectors: the root first.
    """

    __slots__ = (
        "_gate",
        "has_no_password",
        "is_on",
        "name",
        "passwords",
        "sanitizing",
        "selectors",
    )

    def __init__(self, name: bytes, *, has_all_channels: bool = False) -> None:
        """Make a user who cannot log in, and may do nothing but what channels do."""
        self.name = name
        self.is_on = self.has_no_password = False
        self.sanitizing = b""
        self.passwords: dict[bytes, None] = {}
        self.selectors = [Selector(has_all_channels=has_all_channels)]
        self._gate: Gate | None = None

    def copy(self) -> User:
        """Return another that is equal."""
        other = User(self.name)
        other.is_on, other.has_no_password = self.is_on, self.has_no_password
        other.sanitizing = self.sanitizing
        other.passwords = dict(self.passwords)
        other.selectors = [one.copy() for one in self.selectors]
        return other

    @property
    def is_open(self) -> bool:
        """Whether who connects is this user without a password."""
        return self.is_on and self.has_no_password

    @property
    def may_do_all(self) -> bool:
        """Whether there is nothing to ask."""
        return any(selector.lets_all_through for selector in self.selectors)

    # --- rules ----------------------------------------------------------------------

    def apply(self, rules: Iterable[bytes], *, channels: bool) -> None:
        """Take rules, in order.

        Args:
            rules: each a word, a selector in parentheses included.
            channels: whether a new selector has all channels.

        Raises:
            RuleError: one cannot be; those before it hold.
        """
        for rule in rules:
            try:
                self._apply(rule, channels=channels)
            except RuleError as error:
                raise RuleError(error.text, rule) from None

    def _apply(self, rule: bytes, *, channels: bool) -> None:
        word = rule.lower()
        if not rule:
            return
        if word in (b"on", b"off"):
            self.is_on = word == b"on"
        elif word in SANITIZING:
            self.sanitizing = word
        elif word in (b"nopass", b"resetpass"):
            self.has_no_password = word == b"nopass"
            self.passwords.clear()
        elif rule[:1] in (b">", b"#"):
            self.passwords.setdefault(_read_hash(rule))
            self.has_no_password = False
        elif rule[:1] in (b"<", b"!"):
            kept = _read_hash(rule)
            if kept not in self.passwords:
                raise RuleError(errors.NO_SUCH_PASSWORD)
            del self.passwords[kept]
        elif rule[:1] == b"(" and rule[-1:] == b")":
            self.selectors.append(_read_selector(rule[1:-1], channels=channels))
        elif word == b"clearselectors":
            del self.selectors[1:]
        elif word == b"reset":
            self._reset(channels=channels)
        else:
            self.selectors[0].apply(rule)

    def _reset(self, *, channels: bool) -> None:
        self.is_on = self.has_no_password = False
        self.sanitizing = SANITIZING[1]
        self.passwords.clear()
        self.selectors = [Selector(has_all_channels=channels)]

    # --- how it is written ----------------------------------------------------------

    def flags(self) -> list[bytes]:
        """Return what is said of the user, besides its passwords and rights."""
        flags = [b"on" if self.is_on else b"off"]
        if self.has_no_password:
            flags.append(b"nopass")
        return [*flags, self.sanitizing] if self.sanitizing else flags

    def describe_rights(self) -> list[bytes]:
        """Return the rules of what it may do, each selector a word of its own."""
        root, *others = self.selectors
        return [root.describe(), *(b"(" + one.describe() + b")" for one in others)]

    def describe(self) -> bytes:
        """Return all rules, by which an equal user is made; passwords as hashes."""
        hashes = [b"#" + kept for kept in self.passwords]
        return b" ".join([*self.flags(), *hashes, *self.describe_rights()])

    # --- what it may do -------------------------------------------------------------

    def knows(self, password: bytes) -> bool:
        """Say whether a password lets somebody in; it takes the same time if not."""
        given = hash_of(password)
        is_right = False
        for kept in self.passwords or (_NO_HASH,):
            is_right |= hmac.compare_digest(given, kept) and kept != _NO_HASH
        return self.is_on and (is_right or self.has_no_password)

    def gate(self) -> Gate:
        """Return what tells quickly of most calls that the user may make them.

        It is that of the rules which there are now; a user who has clients is never
        changed, but another is put into its place.
        """
        if self._gate is None:
            self._gate = Gate(self.selectors)
        return self._gate

    def lets(self, command: Command, argv: Argv) -> bool:
        """Say quickly that the user may run a command; False is for `judge` to say.

        It knows commands without keys, and those whose only key is the first argument:
        most calls of most clients.
        """
        plan = plan_of(command)
        if plan == ODD:
            return False
        number = command.number
        for selector in self.selectors:
            if selector.has_all_commands or selector.allowed[number]:
                if plan == NOTHING or selector.has_all_keys:
                    return True
                deeds = first_deeds(command, argv) if plan == FIRST else plan
                if selector.lets_use(argv[1], deeds):
                    return True
        return False

    def judge(self, command: Command, argv: Argv) -> Denial | None:
        """Return why the user may not run a command with its arguments, or None.

        Where no selector lets it through, the one that came nearest says why.
        """
        keys = keys_of(command, argv) if command.keys else []
        worst: Denial | None = None
        for selector in self.selectors:
            denial = selector.judge(command, argv, keys)
            if denial is None:
                return None
            if worst is None or denial[:2] > worst[:2]:
                worst = denial
        return worst

    def may_read_any_key(self, command: Command, argv: Argv) -> bool:
        """Say whether a command runs that reads keys of any name, as SORT's BY does."""
        keys = keys_of(command, argv)
        return any(
            selector.judge(command, argv, keys) is None and selector.lets_read_any_key()
            for selector in self.selectors
        )

    def may_hear(self, channel: bytes, *, is_pattern: bool) -> bool:
        """Say whether the user may listen to a channel, or to a pattern of channels."""
        return any(
            selector.lets_hear(channel, is_pattern=is_pattern)
            for selector in self.selectors
        )

    def explain(self, denial: Denial) -> bytes:
        """Return a denial in words that name what it is about."""
        if denial.reason is Reason.COMMAND:
            return errors.command_denied(self.name, denial.word)
        kind = b"key" if denial.reason is Reason.KEY else b"channel"
        return errors.word_denied(self.name, denial.word, kind)


def merge_selectors(words: Sequence[bytes]) -> list[bytes]:
    """Return rules, of which a selector may be spread over several words, one a word.

    Raises:
        RuleError: a selector is not closed; its rule is the word that opens it.
    """
    merged: list[bytes] = []
    opened: list[bytes] = []
    for word in words:
        if opened or (word[:1] == b"(" and word[-1:] != b")"):
            opened.append(word)
            if len(opened) > 1 and word[-1:] == b")":
                merged.append(b" ".join(opened))
                opened = []
        else:
            merged.append(word)
    if opened:
        raise RuleError(errors.unmatched_parenthesis(opened[0]), opened[0])
    return merged


def _read_selector(text: bytes, *, channels: bool) -> Selector:
    selector = Selector(has_all_channels=channels)
    words = split_words(text)
    if words is None:
        raise RuleError(errors.RULE_SYNTAX)
    for word in words:
        selector.apply(word)
    return selector


def _read_hash(rule: bytes) -> bytes:
    """Return the hash that a rule about a password means."""
    if rule[:1] in (b">", b"<"):
        return hash_of(rule[1:])
    if not _HASH.fullmatch(rule[1:]):
        raise RuleError(errors.BAD_PASSWORD_HASH)
    return rule[1:]


def default_user(requirepass: bytes) -> User:
    """Return the user that everybody is who has not said otherwise."""
    user = User(b"default")
    secret = b">" + requirepass if requirepass else b"nopass"
    user.apply([b"on", b"~*", b"&*", b"+@all", secret], channels=False)
    return user


def user_with(name: bytes, rights: list[bytes] | None) -> User:
    """Return a user who is logged in elsewhere: its rights are all that is asked.

    Args:
        name: its name.
        rights: what `describe_rights` returned; None for everything.
    """
    user = User(name)
    root, *others = rights or [b"~* &* +@all"]
    user.apply([b"on", b"nopass", *root.split(b" "), *others], channels=False)
    return user
