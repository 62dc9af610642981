"""The users of a server: in memory, from its configuration or a file of their own.

They are no data: not in the keyspace, and no record of the log brings them back. What
makes them last is the configuration (`user` lines, CONFIG REWRITE) or the file that
`aclfile` names (ACL SAVE).

Source: Redis 7.2; see tests/parity/test_acl.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.config import ConfigError
from joblog.app.config.kinds import decode, quote
from joblog.app.errors import CommandError
from joblog.app.users.files import read_configured, read_file
from joblog.app.users.selectors import RuleError, has_spaces
from joblog.app.users.user import User, default_user, hash_of, merge_selectors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joblog.app.config import Config

DEFAULT: Final = b"default"
_PLAIN: Final = re.compile(rb"[^\x00-\x20\x7f-\xff\"'\\\\]+")


class Users:
    """Who there is, by name.

    Attributes:
        on_change: called with a user as it was and as it is, None where there was or is
            none, after each change.
        are_set: whether there is, or was, a user but the default one, or that may not
            do everything.
    """

    def __init__(self, config: Config) -> None:
        """Read them from the settings, and from the file that these name.

        Raises:
            ConfigError: a user is not as it should be; the text says which.
        """
        self._config = config
        self.are_set = False
        self.on_change: list[Callable[[User | None, User | None], None]] = []
        self._by_name = {DEFAULT: default_user(config.requirepass)}
        if config.user:
            self._by_name |= read_configured(config, channels=self._channels)
        elif config.aclfile:
            self._by_name |= self._read_named_file()
        self._tell_config()
        self._look()

    def _read_named_file(self) -> dict[bytes, User]:
        """Read the file for a start, which names the line of the configuration too."""
        place = (self._config.places["aclfile"] or ["settings"])[-1]
        try:
            return read_file(self._config.aclfile, channels=self._channels)
        except ConfigError as error:
            problems = [f"{place}: aclfile: {problem}" for problem in error.problems]
            raise ConfigError(*problems) from None

    @property
    def default(self) -> User:
        """The user that everybody is who has not said otherwise."""
        return self._by_name[DEFAULT]

    @property
    def _channels(self) -> bool:
        """Whether a new user has all channels."""
        return self._config.acl_pubsub_default == "allchannels"

    def find(self, name: bytes) -> User | None:
        """Return a user by its name."""
        return self._by_name.get(name)

    def names(self) -> list[bytes]:
        """Return all names, in order."""
        return sorted(self._by_name)

    def lines(self) -> list[bytes]:
        """Return a line for each user, as files have them."""
        return [
            b"user " + name + b" " + self._by_name[name].describe()
            for name in self.names()
        ]

    @property
    def is_plain(self) -> bool:
        """Whether a start without any line about users has the same."""
        plain = default_user(self._config.requirepass).describe()
        return self.names() == [DEFAULT] and self.default.describe() == plain

    def configuration(self) -> list[str]:
        """Return a line for each user, as a configuration file has them."""
        return [" ".join(map(_as_word, line.split())) for line in self.lines()]

    def check(self, name: bytes, password: bytes) -> bool:
        """Say whether somebody is let in who gives a name and a password."""
        user = self._by_name.get(name)
        if user is None:
            hash_of(password)  # so that an unknown name takes no less time
            return False
        return user.knows(password)

    def change(self, name: bytes, words: Sequence[bytes]) -> None:
        """Make a user, or change one, by rules: all of them, or none.

        Raises:
            CommandError: a rule cannot be, or the name; the text says why.
        """
        if has_spaces(name):
            raise CommandError(errors.BAD_USER_NAME)
        before = self._by_name.get(name)
        channels = self._channels
        user = before.copy() if before else User(name, has_all_channels=channels)
        try:
            rules = merge_selectors(words)
        except RuleError as error:
            raise CommandError(error.text) from None
        try:
            user.apply(rules, channels=channels)
        except RuleError as error:
            text = errors.bad_rule(error.rule or b"", error.text)
            raise CommandError(text) from None
        self._by_name[name] = user
        self._tell(before, user)

    def delete(self, name: bytes) -> bool:
        """Remove a user, and say whether there was one of that name.

        Raises:
            CommandError: it is the default user, who stays.
        """
        if name == DEFAULT:
            raise CommandError(errors.DEFAULT_USER_STAYS)
        user = self._by_name.pop(name, None)
        if user is not None:
            self._tell(user, None)
        return user is not None

    def load(self) -> None:
        """Take the users of the file, all of them, in place of those there are.

        Where it has no default user, that is as a start makes it.

        Raises:
            ConfigError: the file cannot be read, or is not as it should be; nothing has
                changed.
        """
        path = self._config.aclfile
        read = {DEFAULT: default_user(self._config.requirepass)}
        read |= read_file(path, channels=self._channels)
        before, self._by_name = self._by_name, read
        for name, user in before.items():
            self._tell(user, read.get(name))
        for name in read.keys() - before.keys():
            self._tell(None, read[name])

    def adopt(self, user: User) -> None:
        """Take a user as it is, who is known from elsewhere."""
        before = self._by_name.get(user.name)
        self._by_name[user.name] = user
        self._tell(before, user)

    def take_requirepass(self) -> None:
        """Give the default user the password of the settings, and no other."""
        password = self._config.requirepass
        secret = b">" + password if password else b"nopass"
        self.change(DEFAULT, [b"resetpass", secret])

    def _tell(self, before: User | None, after: User | None) -> None:
        if after is not None and after.name == DEFAULT:
            self._tell_config()
        self._look()
        for tell in self.on_change:
            tell(before, after)

    def _look(self) -> None:
        if len(self._by_name) > 1 or not self.default.may_do_all:
            self.are_set = True

    def _tell_config(self) -> None:
        config, default = self._config, self.default
        config.asks_password = not default.is_open
        config.has_password = not default.has_no_password


def _as_word(word: bytes) -> str:
    """Return a word as a configuration file has it."""
    return decode(word) if _PLAIN.fullmatch(word) else quote(decode(word))
