"""Replication: whom this server follows, and how far it has come.

A server that follows another applies what that sends, and counts each byte of it: the
offset, in the history that has the master's id. Whoever drives the engine keeps the
connection; it notes here what INFO and ROLE tell.

Source: Redis 7.0.15 and Valkey 9.1; see tests/replication.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.app.state.alarm import REPLICA
from joblog.app.state.failover import UNDER_WAY, Failover

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.config import Config
    from joblog.app.state.alarm import Alarm
    from joblog.app.state.engine_parts import PausePart

NO_ID: Final = "0" * 40
NO_ONE: Final = ("no", "one")


class Address(NamedTuple):
    """Where a master listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as logs show it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Position(NamedTuple):
    """A place in the history that a master sends.

    Attributes:
        id: the history's, 40 hexadecimal digits.
        offset: how many bytes of it were applied.
        db: the database that is selected there.
    """

    id: str
    offset: int
    db: int


class LinkFacts(NamedTuple):
    """How the connection to the master is.

    Attributes:
        state: `connect`, `connecting`, `handshake`, `sync` or `connected`.
        last_io_ms: when the master was last heard, by the steady clock.
        down_since_ms: since when the link is down, by the steady clock; -1 for ever.
        sync_bytes: how many bytes of a dataset came; sync_total: of how many, 0 where
            the master does not tell.
        error: why the link was last given up, or "". is_refused: the master would not.
    """

    state: str = "connect"
    last_io_ms: int = 0
    down_since_ms: int = -1
    sync_bytes: int = 0
    sync_total: int = 0
    error: str = ""
    is_refused: bool = False

    @property
    def is_up(self) -> bool:
        """Whether what the master does arrives."""
        return self.state == "connected"


class Replication:
    """The part that this server plays.

    Attributes:
        master: whom it follows; None for a master.
        promoted_seq: the record that it had come to when it became a master; 0 before.
        is_due: it was told to follow somebody else; the driver sets it back.
        id: of the history that it has. second_id: of the one that it had before it
            became a master, up to second_offset.
        offset: how far it has applied its master's history.
        db: the database that is selected there.
        has_position: whether it can ask its master to go on from the offset.
        client_id: the number of the master's connection as a client; 0 without one.
        link: how the connection is.
        failover: the handing over to a replica that is under way, or none.
        is_staging: a dataset is compared with memory, which must stand still.
        is_swapping: the log is ahead of memory: a dataset is about to take its place.
        is_broken: what was applied is not whole; nothing is served before a dataset.
        is_taking: it takes its master's log, and makes no records itself.
        log_place: tells where the log ends (a `LogPlace`), for a master that has the
            same; None where it takes none of another. log_begins: tells where segments
            begin, the newest first (`LogPlace.begins`). log_synced: tells up to which
            record the log is durable. The driver sets them.
        note_taking: called where that changes; the server's state sets it.
    """

    def __init__(self, config: Config, alarm: Alarm) -> None:
        """Begin in the part that the settings say."""
        self._config = config
        self._alarm = alarm
        self.id, self.second_id = secrets.token_hex(20), NO_ID
        self.offset, self.second_offset = 0, -1
        self.db = self.promoted_seq = 0
        self.has_position = False
        self.client_id = 0
        self.link = LinkFacts()
        self.failover = Failover()
        self.is_staging = self.is_swapping = self.is_broken = False
        self.is_due = self.is_taking = False
        self.note_taking: Callable[[], None] = lambda: None
        self.log_place: Callable[[], Any] | None = None
        self.log_begins: Callable[[], Any] | None = None
        self.log_synced: Callable[[], int] = lambda: 0
        self.master: Address | None = None
        words = config.replicaof
        if words and tuple(word.lower() for word in words) != NO_ONE:
            self.master = Address(words[0], int(words[1]))
            self.is_due = True
        alarm.note(REPLICA, holds=self.master is not None)

    def follow(self, master: Address | None, seq: int = 0) -> None:
        """Follow a server from now on, or nobody.

        Args:
            master: whom.
            seq: the last record that there is.
        """
        self.promoted_seq = 0
        if master is None and self.master is not None:
            self.promoted_seq = seq if self.has_position else 0
            self.become_master()
        self.master = master
        if master is None and not self.is_swapping:
            self.take(is_taking=False)
        self.link = LinkFacts()
        self.is_due = True
        self._config.replicaof = () if master is None else (master.host, str(master[1]))
        self._alarm.note(REPLICA, holds=master is not None)

    def follow_store(self, leader: Address | None) -> None:
        """Take what a store of the log has, while another server leads; or lead (None).

        Args:
            leader: who leads, as far as is known.
        """
        self.master = leader
        self.link = LinkFacts()
        self._alarm.note(REPLICA, holds=leader is not None)
        self.take(is_taking=leader is not None)

    def abort_failover(self, pause: PausePart, seq: int) -> None:
        """Be a master as before; `seq` is the last record that there is."""
        if self.failover.state == UNDER_WAY:
            self.follow(None, seq)
        self.failover.end(pause)

    def become_master(self) -> None:
        """Begin a history of its own, which goes on from the one that it has."""
        if self.has_position:
            self.second_id, self.second_offset = self.id, self.offset + 1
        self.id = secrets.token_hex(20)
        self.has_position = self.is_broken = False

    def take_position(self, position: Position) -> None:
        """Note where in its master's history it is."""
        self.id, self.offset, self.db = position
        self.has_position = True
        self.is_broken = False

    def forget_history(self) -> None:
        """Be in no history that anybody else has."""
        self.has_position = False
        self.id, self.second_id = secrets.token_hex(20), NO_ID
        self.second_offset = -1

    def take(self, *, is_taking: bool) -> None:
        """Take the master's log from now on, or make records again."""
        self.is_taking = is_taking
        self.note_taking()

    def position(self) -> Position | None:
        """Return from where it can go on; None where it needs a whole dataset."""
        if not self.has_position:
            return None
        return Position(self.id, self.offset, self.db)

    @property
    def is_replica(self) -> bool:
        """Whether it follows another server."""
        return self.master is not None

    @property
    def is_read_only(self) -> bool:
        """Whether clients may not write."""
        if self.is_staging or self.is_swapping or self.is_broken or self.is_taking:
            return True
        return self.master is not None and self._config.replica_read_only

    @property
    def is_stale(self) -> bool:
        """Whether clients are told nothing of the data."""
        if self.master is None or self.link.is_up:
            return self.is_broken
        return self.is_broken or not self._config.replica_serve_stale_data
