"""Keyspace notifications: what happens to keys, as messages on two kinds of channels.

    __keyspace@<db>__:<key>    the message is the event     (class K)
    __keyevent@<db>__:<event>  the message is the key       (class E)

Handlers name the event when they touch a key; here it gets its class, and goes out if
the setting `notify-keyspace-events` asks for that. Nobody listens to the keyspace while
the setting is empty, as it is by default, so that writes cost nothing more.

Source: Redis 7.2; see tests/parity/test_notifications.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.errors import CommandError
from joblog.app.state.alarm import MISSES

if TYPE_CHECKING:
    from joblog.app.engine.observers import Observers
    from joblog.app.engine.pubsub import PubSub
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context
    from joblog.app.table.table import Command
    from joblog.app.words import Argv

_CLASSES: Final = {
    "g": ("del rename_from rename_to move_from move_to copy_to restore expire persist"),
    "$": "set setrange append incrby incrbyfloat setbit pfadd",
    "l": "lpush rpush lpop rpop linsert lset lrem ltrim sortstore",
    "s": "sadd srem spop sinterstore sunionstore sdiffstore",
    "h": "hset hdel hincrby hincrbyfloat hexpire hexpired hpersist",
    "z": (
        "zadd zincr zrem zremrangebyscore zremrangebyrank zremrangebylex zdiffstore "
        "zinterstore zunionstore zrangestore zpopmin zpopmax geosearchstore "
        "georadiusstore"
    ),
    "x": "expired",
    "e": "evicted",
    "t": (
        "xadd xdel xtrim xsetid xgroup-create xgroup-setid xgroup-destroy "
        "xgroup-createconsumer xgroup-delconsumer"
    ),
    "n": "new",
    "m": "keymiss",
}
CLASS_OF: Final = {
    event.encode(): letter
    for letter, events in _CLASSES.items()
    for event in events.split()
}
"""The class of each event that a handler may name."""
CLASS_OF[b""] = ""  # a change that is told to nobody but the log and WATCH


class Notifications:
    """Publishes events.

    Attributes:
        wants_misses: whether reading a missing key is an event.
    """

    def __init__(self, context: Context, observers: Observers, pubsub: PubSub) -> None:
        """Publish what the settings ask for.

        Args:
            context: the engine's.
            observers: tell of what happens to keys.
            pubsub: publishes.
        """
        self._context = context
        self._observers = observers
        self._pubsub = pubsub
        self._is_listening = False
        self._classes: frozenset[str] = frozenset()
        self.wants_misses = False
        context.server.config.on_change(self._choose, "notify_keyspace_events")
        self._choose()

    def _choose(self) -> None:
        """Publish what the setting asks for from now on."""
        context, observers = self._context, self._observers
        classes = context.server.config.notify_keyspace_events
        if not classes & {"K", "E"}:
            classes = frozenset()
        self._classes = classes
        self.wants_misses = "m" in classes
        context.server.alarm.note(MISSES, holds=self.wants_misses)
        context.keyspace.on_new = self._notify_new if "n" in classes else None
        is_wanted = bool(classes)
        if is_wanted != self._is_listening:
            self._is_listening = is_wanted
            change = observers.add_observer if is_wanted else observers.remove_observer
            change(self.notify)

    def notify(self, database: Database, key: bytes, event: bytes) -> None:
        """Publish an event of a key if it is of a wanted class."""
        classes = self._classes
        pubsub = self._pubsub
        if CLASS_OF.get(event, "g") not in classes or pubsub.is_idle:
            return
        if "K" in classes:
            pubsub.publish(b"__keyspace@%d__:%b" % (database.index, key), event)
        if "E" in classes:
            pubsub.publish(b"__keyevent@%d__:%b" % (database.index, event), key)

    def _notify_new(self, database: Database, key: bytes) -> None:
        self.notify(database, key, b"new")

    def note_misses(self, database: Database, command: Command, argv: Argv) -> None:
        """Publish which keys are missing that a command is about to read.

        Found out beforehand, and only while somebody asks for it: the look-ups of the
        handlers themselves stay free of the question.
        """
        try:
            positions = command.read_positions(argv)
        except CommandError:
            return  # its handler says what is wrong
        for position in positions:
            key = argv[position]
            if database.peek(key) is None:
                self.notify(database, key, b"keymiss")
