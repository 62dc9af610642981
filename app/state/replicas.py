"""Replicas: who follows this server, and how far each has come.

Handlers note here what replicas tell; the driver, which sends them the stream, notes
what it sends, and to whom.

Source: Redis 7.0.15; see tests/replication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.state.inquiries import Inquiry
from joblog.app.state.replication import NO_ID

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.app.state.session import Session

ONLINE: Final = "online"
WAITING: Final = "wait_bgsave"
LOADING: Final = "send_bulk"

STREAM_KIND: Final = "stream"
"""The kind of a note that holds what replicas are sent besides effects."""

LOG: Final = b"LOG"
"""The option of PSYNC by which a replica asks for the log itself."""

LOG_ANEW: Final = (b"?", b"0", b"0", b"-")
"""What stands behind that where there is nothing to go on from."""

LOG_CAPABILITY: Final = b"joblog-log"
"""What a replica says that takes it; a master that gives it answers with the same."""

PING: Final = [b"PING"]
GETACK: Final = [b"REPLCONF", b"GETACK", b"*"]


class Replica:
    """One replica, as it has told of itself.

    Attributes:
        session: its connection.
        port, host: where it says that it listens; 0 and "" where it does not.
        capabilities: what it can do (REPLCONF capa).
        version: of a Valkey, as it says it; b"" where it says none.
        is_rdb_only: it wants a dataset and nothing behind it.
        filters: what is to be in the dataset, where not all: b"functions".
        state: "" before it has asked; `wait_bgsave`, `send_bulk` or `online`.
        offset: up to where it has applied the stream; durable_offset: what is durable.
        heard_ms: when it last acknowledged, by the steady clock; has_acknowledged:
            whether it ever has.
    """

    __slots__ = (
        "capabilities",
        "durable_offset",
        "filters",
        "has_acknowledged",
        "heard_ms",
        "host",
        "is_rdb_only",
        "offset",
        "port",
        "session",
        "state",
        "version",
    )

    def __init__(self, session: Session) -> None:
        """Make one that has said nothing yet."""
        self.session = session
        self.port, self.host = 0, ""
        self.capabilities: set[bytes] = set()
        self.version = b""
        self.is_rdb_only = self.has_acknowledged = False
        self.filters: set[bytes] | None = None
        self.state = ""
        self.offset = self.durable_offset = self.heard_ms = 0

    @property
    def is_online(self) -> bool:
        """Whether it is sent the stream."""
        return self.state == ONLINE

    @property
    def address(self) -> str:
        """The host where clients find it."""
        return self.host or self.session.address.rpartition(":")[0].strip("[]")


class Replicas:
    """All of them.

    Attributes:
        known: by the number of the client; those too that have not asked for the stream
            yet.
        id: of the history that they are sent. offset: how long it is.
        written: how long it was behind the last record that changed something.
        seq: the last record that is in it.
        is_sent: whether there is one: the offset is that of all that was appended.
        second_id: of the history before, which is the same before second_offset.
        first_offset: where this server's own begins.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.known: dict[int, Replica] = {}
        self.id, self.second_id = "", NO_ID
        self.offset, self.second_offset, self.first_offset = 0, -1, 0
        self.is_sent, self.seq, self.written = False, 0, 0

    def introduce(self, session: Session) -> Replica:
        """Return what is known of a client that says that it is a replica."""
        return self.known.setdefault(session.id, Replica(session))

    def attached(self) -> list[Replica]:
        """Return those that have asked for the stream, the eldest first."""
        return [one for one in self.known.values() if one.state]

    def reached(self, offset: int, *, is_durable: bool = False) -> int:
        """Return how many have come to an offset, or have all up to it durably."""
        return sum(
            one.is_online
            and (one.durable_offset if is_durable else one.offset) >= offset
            for one in self.known.values()
        )

    def good(self, steady_ms: int, lag_max_s: int) -> int:
        """Return how many were heard in the last so many seconds."""
        return sum(
            one.is_online and (steady_ms - one.heard_ms) // 1000 <= lag_max_s
            for one in self.known.values()
        )

    def lacks(self, config: Config, steady_ms: int) -> bool:
        """Say whether there are fewer than clients need to write."""
        least, lag_max_s = config.min_replicas_to_write, config.min_replicas_max_lag
        return least > 0 and lag_max_s > 0 and self.good(steady_ms, lag_max_s) < least


class ServeReplica(Inquiry):
    """A replica asks for the stream (PSYNC, SYNC).

    Attributes:
        id: of the history that it has; "" for none, or where it asks with SYNC.
        offset: how much of that it has.
        is_old: it asks with SYNC.
        log: where its log ends, if it asks for the log: its id, the first number of
            its open segment, the last record, and the segment's digest up to there.
    """

    __slots__ = ("id", "is_old", "log", "offset")

    def __init__(
        self,
        session: Session,
        history: str,
        offset: int,
        *,
        is_old: bool,
        log: tuple[bytes, ...] | None = None,
    ) -> None:
        """Make the question."""
        super().__init__(session)
        self.log = log
        self.id, self.offset, self.is_old = history, offset, is_old


class Acknowledged(Inquiry):
    """A replica has told how far it is (REPLCONF ACK)."""

    __slots__ = ()


class AwaitReplicas(Inquiry):
    """Whether replicas have what was written so far (WAIT, WAITAOF).

    Attributes:
        wanted: by how many it is to be had.
        local: whether it is asked if it is durable here too: 0 or 1; -1 for WAIT.
        needs_local: whether it is waited for. is_local: whether it is so.
        asks: whether a record behind all that asks replicas how far they are.
        offset: up to which they have to have come; None while that is not known.
    """

    __slots__ = ("asks", "is_local", "local", "needs_local", "offset", "wanted")

    def __init__(
        self, session: Session, wanted: int, local: int = -1, *, asks: bool
    ) -> None:
        """Make the question."""
        super().__init__(session)
        self.wanted, self.local = wanted, local
        self.is_local, self.needs_local, self.asks = False, False, asks
        self.offset: int | None = None

    def _count(self, replicas: Replicas) -> int:
        if self.offset is None:
            return 0
        return replicas.reached(self.offset, is_durable=self.local >= 0)

    def is_satisfied(self, replicas: Replicas) -> bool:
        """Say whether it is had by as many as is wanted."""
        if self.offset is None or (self.needs_local and not self.is_local):
            return False
        return self._count(replicas) >= self.wanted

    def reply(self, replicas: Replicas) -> int | list[int]:
        """Return what is answered now."""
        count = self._count(replicas)
        return count if self.local < 0 else [int(self.is_local), count]
