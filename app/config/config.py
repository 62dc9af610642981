"""The configuration: the value of each setting, and how values change.

`config.port` is an attribute. `Config.from_arguments` reads what redis-server would;
`matching`, `change` and `rewrite` are CONFIG GET, SET and REWRITE.
"""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from joblog.app import errors
from joblog.app.config import conf_file
from joblog.app.config.accepted import (
    MemorySettings,
    PersistenceSettings,
    ProcessSettings,
)
from joblog.app.config.access import AccessSettings
from joblog.app.config.conf_file import ConfigError, Line
from joblog.app.config.encryption import EncryptionSettings
from joblog.app.config.indexing import IndexSettings
from joblog.app.config.kinds import (
    IMMUTABLE,
    Secret,
    Setting,
    SettingError,
    Text,
    decode,
    encode,
)
from joblog.app.config.memory import EvictionSettings
from joblog.app.config.metrics import MetricsSettings
from joblog.app.config.particular import RawLines
from joblog.app.config.rdb import RdbSettings
from joblog.app.config.rewriting import rewritten
from joblog.app.config.rules import find_contradictions
from joblog.app.config.service import ServiceSettings
from joblog.app.config.settings import (
    ClientSettings,
    LogSettings,
    NetworkSettings,
    OperationSettings,
)
from joblog.app.config.single_server import ClusterSettings, ReplicationSettings
from joblog.app.config.stores import StoreSettings
from joblog.app.config.tls import TlsSettings
from joblog.app.config.valkey import ValkeySettings
from joblog.app.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Callback = Callable[[], None]

_SEGMENT_BYTES_LEAST = 64 * 1024
"""No small `log-retention-bytes` makes segments smaller than that."""

_GLOB_CHARACTERS = frozenset(b"*?[")


class _Change(NamedTuple):
    name: bytes
    setting: Setting[Any]
    value: str


class Config(
    NetworkSettings,
    TlsSettings,
    ClientSettings,
    EvictionSettings,
    LogSettings,
    IndexSettings,
    StoreSettings,
    EncryptionSettings,
    RdbSettings,
    ServiceSettings,
    OperationSettings,
    MetricsSettings,
    AccessSettings,
    PersistenceSettings,
    MemorySettings,
    ProcessSettings,
    ReplicationSettings,
    ClusterSettings,
    ValkeySettings,
):
    """The value of every setting, as attributes named like it with underscores.

    Attributes:
        path, places: of the file; by setting, of the lines that set it, for errors.
        asks_password, has_password: who connects, the default user, needs one (users).
        SETTINGS: every setting, by its name, in the order of the documentation.
        BY_NAME: every setting, by name and by alias.
    """

    SETTINGS: ClassVar[dict[str, Setting[Any]]] = {}
    BY_NAME: ClassVar[dict[str, Setting[Any]]] = {}

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Take the defaults, and over them values by name, as redis.conf writes them.

        Raises:
            SettingError: a value is refused.
            KeyError: there is no such setting.
        """
        self.path: str | None = None
        self.asks_password = self.has_password = False
        self.places: dict[str, list[str]] = defaultdict(list)
        self._callbacks: dict[str, list[Callback]] = defaultdict(list)
        for setting in self.SETTINGS.values():
            self.__dict__[setting.attribute] = setting.default
        for name, value in (values or {}).items():
            setting = self.BY_NAME[name]
            current = () if setting.starts_over else setting.default
            self.__dict__[setting.attribute] = setting.parse([value], current)

    @classmethod
    def from_arguments(
        cls, arguments: Sequence[str], stdin: Callable[[], str] = str
    ) -> Config:
        """Return the configuration of a command line: `[FILE] [--name value ...] [-]`.

        Args:
            arguments: what follows the program's name.
            stdin: reads all of standard input, for a last argument `-`.

        Raises:
            ConfigError: it cannot be read, or lines are wrong; the text says which
                and what was expected, in one line each.
        """
        source = conf_file.read_arguments(arguments, stdin)
        config = cls()
        config.path = source.path
        config.load(source.lines())
        return config

    def load(self, lines: Iterable[Line]) -> None:
        """Set what the lines of a configuration say, in order.

        Raises:
            ConfigError: lines are wrong, or contradict each other; the others are set.
        """
        self.places = defaultdict(list)
        seen: dict[str, Line] = {}
        refused: set[str] = set()
        problems: list[str] = []
        try:
            for line in conf_file.expand_includes(iter(lines), problems):
                problems += self._read(line, seen, refused)
        except ConfigError as circle:
            problems += circle.problems
        for wrong in find_contradictions(self.__dict__, seen):
            if refused.isdisjoint(wrong.names):
                blamed = next(seen[name] for name in wrong.names if name in seen)
                setting = self.BY_NAME[wrong.names[0]]
                problems.append(str(_bad_value(blamed, setting, wrong.reason)))
        if problems:
            raise ConfigError(*problems)

    def _read(
        self, line: Line, seen: dict[str, Line], refused: set[str]
    ) -> tuple[str, ...]:
        """Set what one line says, or return what is wrong with it."""
        assert line.words
        setting = self.BY_NAME.get(line.words[0].lower())
        if setting is None:
            reason = _unknown(line.words[0], self.BY_NAME)
            return conf_file.bad_line(line, reason).problems
        is_first = setting.name not in seen
        seen[setting.name] = line
        try:
            self._take(line, setting, is_first=is_first)
        except ConfigError as error:
            refused.add(setting.name)
            return error.problems
        self.places[setting.name].append(line.place)
        return ()

    def _take(self, line: Line, setting: Setting[Any], *, is_first: bool) -> None:
        assert line.words
        words = line.words[1:]
        if not words and not setting.may_be_bare:
            reason = f"wrong number of arguments; expected {setting.expects}"
            raise _bad_value(line, setting, reason)
        is_anew = setting.starts_over and is_first
        current = () if is_anew else self.__dict__[setting.attribute]
        try:
            value = setting.parse(words, current) if words else current
        except SettingError as error:
            raise _bad_value(line, setting, str(error)) from None
        self.__dict__[setting.attribute] = value

    @property
    def keeps_log(self) -> bool:
        """Whether what is written outlives the process."""
        return not self.memory_only and (self.appendonly or bool(self.save))

    @property
    def segment_bytes(self) -> int:
        """At which size a segment is sealed: a quarter of what is kept at the most."""
        kept = self.log_retention_bytes
        quarter = max(kept // 4, _SEGMENT_BYTES_LEAST) if kept else sys.maxsize
        return min(self.segment_bytes_max, quarter)

    def show(self, name: str) -> str:
        """Return the value of a setting, named as in CONFIG, as CONFIG GET shows it."""
        setting = self.BY_NAME[name]
        return setting.show(self.__dict__[setting.attribute])

    def matching(
        self, patterns: Sequence[bytes], matches: Callable[[bytes, bytes], bool]
    ) -> dict[bytes, bytes]:
        """Return names and values, as CONFIG GET does.

        A pattern without `*`, `?` and `[` is a name, which comes back as it was given.

        Args:
            patterns: names or globs, in any case.
            matches: `matches(pattern, name)`, Redis's glob.
        """
        found: dict[bytes, bytes] = {}
        for pattern in patterns:
            if _GLOB_CHARACTERS.isdisjoint(pattern):
                names = [pattern] if decode(pattern.lower()) in self._shown() else []
            else:
                lower = pattern.lower()
                names = [
                    name.encode()
                    for name in self._shown()
                    if not self.BY_NAME[name].is_hidden
                    and matches(lower, name.encode())
                ]
            for name in names:
                found[name] = encode(self.show(decode(name.lower())))
        return found

    def _shown(self) -> Iterator[str]:
        return (
            name
            for name, setting in self.BY_NAME.items()
            if not isinstance(setting, RawLines)
        )

    def on_change(self, callback: Callback, *attributes: str) -> None:
        """Call back after CONFIG SET changed one of some attributes.

        A callback may raise SettingError: then nothing has changed, callbacks that
        were called are called again with the old values, and the client gets the text.
        """
        for attribute in attributes:
            assert attribute in self.__dict__, f"no such setting: {attribute}"
            self._callbacks[attribute].append(callback)

    def change(
        self, pairs: Sequence[tuple[bytes, bytes]], *, is_local: bool = False
    ) -> None:
        """Set all of some settings or none, as CONFIG SET does.

        Args:
            pairs: names, in any case, and values.
            is_local: the client is on this machine.

        Raises:
            CommandError: with Redis's text; no value has changed.
        """
        changes = [
            _Change(
                name, self._require_changeable(name, is_local=is_local), decode(value)
            )
            for name, value in pairs
        ]
        names = [change.name.lower() for change in changes]
        for at, name in enumerate(names):
            if name in names[:at]:
                raise _refused(changes[at].name, "duplicate parameter")
        values: dict[str, Any] = {}
        for change in changes:
            value = self._parsed(change, values)
            if change.setting.is_settled:
                value = self._settled(change, value)
            values[change.setting.attribute] = value
        for wrong in find_contradictions({**self.__dict__, **values}, ()):
            raise _refused(_name_of(changes, wrong.names), wrong.reason)
        old = {attribute: self.__dict__[attribute] for attribute in values}
        self.__dict__.update(values)
        self._call_back(changes, old)

    def _require_changeable(self, name: bytes, *, is_local: bool) -> Setting[Any]:
        setting = self.BY_NAME.get(decode(name.lower()))
        if setting is None or isinstance(setting, RawLines):
            raise CommandError(errors.unknown_setting(name))
        allowed = self.enable_protected_configs
        if setting.is_protected and not (
            allowed == "yes" or (allowed == "local" and is_local)
        ):
            raise _refused(name, "can't set protected config")
        if not (setting.is_live or setting.is_settled):
            raise _refused(name, IMMUTABLE)
        return setting

    def _settled(self, change: _Change, value: Any) -> Any:
        """Return the value that a setting has: it can be given no other."""
        setting = change.setting
        present = self.__dict__[setting.attribute]
        if not setting.is_same(value, present):
            raise _refused(change.name, setting.why_settled(value))
        return present

    def _parsed(self, change: _Change, values: Mapping[str, Any]) -> Any:
        setting, value = change.setting, change.value
        current = values.get(setting.attribute, self.__dict__[setting.attribute])
        if setting.starts_over:
            current = ()
        try:
            return setting.parse([value], current)
        except SettingError as error:
            raise _refused(change.name, str(error)) from None

    def _call_back(self, changes: list[_Change], old: Mapping[str, Any]) -> None:
        told: list[Callback] = []
        for change in changes:
            for callback in self._callbacks.get(change.setting.attribute, ()):
                if callback in told:
                    continue
                told.append(callback)
                try:
                    callback()
                except SettingError as error:
                    self.__dict__.update(old)
                    for other in told[:-1]:
                        # A port may be somebody else's by now: there is no way back.
                        with contextlib.suppress(SettingError):
                            other()
                    raise _refused(change.name, str(error)) from None

    def rewrite(self, users: Sequence[str] = (), *, adds_users: bool = False) -> None:
        """Bring the configuration file up to date, as CONFIG REWRITE does.

        Comments, order and lines that still hold are kept.

        Args:
            users: a line for each user.
            adds_users: whether these are to stand in a file that names no user yet.

        Raises:
            CommandError: there is no file, or it cannot be written.
        """
        if self.path is None:
            raise CommandError(errors.NO_CONFIG_FILE)
        try:
            text = conf_file.read_text(self.path)
            text = rewritten(
                text, self.__dict__, self.BY_NAME, users, adds_users=adds_users
            )
            conf_file.write_text(self.path, text)
        except (ConfigError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            reason = getattr(cause, "strerror", None) or str(error)
            raise CommandError(errors.rewriting_failed(encode(reason))) from error


def _refused(name: bytes, reason: str) -> CommandError:
    return CommandError(errors.setting_failed(name, encode(reason)))


def _name_of(changes: Iterable[_Change], names: tuple[str, ...]) -> bytes:
    """Return the name, as the client gave it, of a change of one of some settings."""
    given = {change.setting.name: change.name for change in changes}
    return next(given[name] for name in names if name in given)


def _bad_value(line: Line, setting: Setting[Any], reason: str) -> ConfigError:
    may_show = not isinstance(setting, (Secret, Text, RawLines))
    return conf_file.bad_line(line, reason, shows_value=may_show)


def _unknown(name: str, known: Iterable[str]) -> str:
    reason = "Bad directive or wrong number of arguments"
    similar = difflib.get_close_matches(name.lower(), known, n=1)
    if similar:
        return f"{reason}; did you mean '{similar[0]}'?"
    return f"{reason}; remove it, or correct its name"


def _collect() -> None:
    for group in Config.__bases__:
        for setting in vars(group).values():
            if isinstance(setting, Setting):
                assert setting.name not in Config.BY_NAME, setting.name
                Config.SETTINGS[setting.name] = setting
                for name in (setting.name, *setting.aliases):
                    Config.BY_NAME[name] = setting


_collect()
