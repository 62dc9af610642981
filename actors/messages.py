"""All mail between actors; that of requests is in `joblog.actors.traffic`.

Plain `bytes` to a connection are the replies to its batch, and let it read on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joblog.actors.command_log import CommandLog
    from joblog.actors.inbox import Inbox
    from joblog.app.engine.outbox import Entry
    from joblog.app.state.buffers import Buffers
    from joblog.app.state.inquiries import Inquiry
    from joblog.app.state.visits import Visit


class Mailbox(Protocol):
    """Where something can be left: an actor's inbox, or what stands in for one."""

    def post(self, message: Any, /) -> None:
        """Leave a message."""


class ClientOpened(NamedTuple):
    """A client connected. Connection -> keyspace.

    Attributes:
        has_hung_up: asks the connection whether the peer has closed it already; in the
            loop's thread, and at the cost of a system call.
        buffers: asks what the connection holds; in the loop's thread too.
    """

    client_id: int
    mailbox: Inbox
    address: str
    local_address: str
    fd: int
    has_hung_up: Callable[[], bool]
    buffers: Callable[[], Buffers]


class ClientWaits(NamedTuple):
    """The batch under way is postponed: see to it if the client hangs up meanwhile.

    Keyspace -> connection.
    """


class Backlog(NamedTuple):
    """What waits: replies that the socket does not take yet, or half a command.

    Connection -> keyspace.

    Attributes:
        size: bytes of replies.
        query: bytes of a command that is not whole.
    """

    client_id: int
    size: int
    query: int


class ClientClosed(NamedTuple):
    """A client is gone. Connection -> keyspace.

    Attributes:
        client_id: which one.
        cut_off: the statistic that counts why it was cut off, "" where it was not.
    """

    client_id: int
    cut_off: str = ""


class Counted(NamedTuple):
    """Something happened that INFO counts. Listener, historian -> keyspace."""

    statistic: str


class Push(NamedTuple):
    """Bytes for a client besides the replies to its batch. Keyspace -> connection."""

    data: bytes


class Close(NamedTuple):
    """Send what is waiting, then close. Log writer -> connection."""

    at_once: bool = False


class Limits(NamedTuple):
    """How much output may wait for the client from now on. Keyspace -> connection.

    Attributes:
        name: a class of `client-output-buffer-limit`.
    """

    name: str


class Admit(NamedTuple):
    """The client has authenticated: lift the small limits. Keyspace -> connection."""


class Order(NamedTuple):
    """What to do once all that was written before is durable.

    Keyspace -> log writer.
    """

    do: Callable[[], None]


class Neighbours(NamedTuple):
    """Whom the keyspace mails to, once they run. System -> keyspace.

    Attributes:
        historian: None while the server keeps no log, or has not opened it yet.
    """

    log_writer: Inbox
    historian: Inbox | None


class Inquire(NamedTuple):
    """A client asks about the log. Keyspace -> historian."""

    inquiry: Inquiry


class Answered(NamedTuple):
    """An inquiry of a client has its answer. Historian -> keyspace."""

    client_id: int


class PastEnded(NamedTuple):
    """Clients see their moment of the past no longer. Historian -> keyspace.

    Attributes:
        visits: theirs.
        text: the error that they are told from now on.
    """

    visits: list[Visit]
    text: bytes


class PastStatus(NamedTuple):
    """What INFO says of the views of the past. Historian -> keyspace."""

    fields: dict[str, int]


class Sync(NamedTuple):
    """Make durable what was written. Log writer -> syncer."""


class Aside(NamedTuple):
    """Do what takes long with the log. Log writer -> syncer.

    Attributes:
        work: does it; may raise a `StorageError`, after which the server stops.
    """

    work: Callable[[], None]


class Hash(NamedTuple):
    """Hash what the log was given in long writes. Log, by the log writer -> digester.

    Attributes:
        catch_up: does it.
    """

    catch_up: Callable[[], None]


class Durable(NamedTuple):
    """All records up to a sequence number are durable.

    Syncer, or who else makes them so, unasked -> log writer.

    Attributes:
        seq: the number; the log's `synced_seq` is there or further on.
        seconds: how long the sync took that has ended; None where none has.
    """

    seq: int
    seconds: float | None = None


class SyncFailed(NamedTuple):
    """Nothing more may be acknowledged: an fsync failed.

    Syncer, or who else makes records durable -> log writer.
    """

    reason: str


class Tap(NamedTuple):
    """Say from now on what is appended (`Appended`). Keyspace -> log writer."""

    inbox: Mailbox


class Tapped(NamedTuple):
    """What comes behind a record is told. Log writer -> keyspace."""

    seq: int


class Appended(NamedTuple):
    """Records were appended; they may not be durable yet. Log writer -> keyspace.

    Attributes:
        entries: in order.
        seq: the number of the last.
    """

    entries: Sequence[Entry]
    seq: int


class LogOpened(NamedTuple):
    """The log is open: what comes next goes there. Loading -> log writer."""

    log: CommandLog


class LogTrouble(NamedTuple):
    """The log cannot be written (why), or can again (None). Log writer -> keyspace."""

    reason: bytes | None


class SegmentSealed(NamedTuple):
    """What is appended from now on is in a new segment. Log writer -> keyspace."""


class Status(NamedTuple):
    """What INFO says of the log. Log writer -> keyspace."""

    fields: dict[str, Any]


class TakeSnapshot(NamedTuple):
    """Have a snapshot of the state after a durable record made.

    Keyspace -> snapshotter.

    Attributes:
        seq: the record.
        options: more for the child: what it is to prune and pack.
    """

    seq: int
    options: tuple[str, ...] = ()


class Watch(NamedTuple):
    """See how far the child process is. Those beside the loop -> themselves."""


class Archive(NamedTuple):
    """Let the archive take what is sealed. Log writer -> archiver, each second.

    Attributes:
        command: the operator's; "" for none.
        open_first_seq: the number that the open segment starts with.
    """

    command: str
    open_first_seq: int


class ArchiveStatus(NamedTuple):
    """What INFO says of the archive. Archiver -> keyspace."""

    fields: dict[str, Any]


class AnchorLog(NamedTuple):
    """Let the log's digest be kept elsewhere, if that is due.

    System -> anchorer, each second.

    Attributes:
        command: the operator's; "" for none.
        key: the file of the key that signs the digest; "" for none.
        seconds: after how many it is due where the log has grown; 0 after a seal alone.
        open_first_seq: the number that the open segment starts with.
        synced_seq: the last record that is durable.
    """

    command: str
    key: str
    seconds: int
    open_first_seq: int
    synced_seq: int


class AnchorStatus(NamedTuple):
    """What INFO says of anchors. Anchorer -> keyspace."""

    fields: dict[str, Any]


class IndexLog(NamedTuple):
    """Let what was sealed be indexed. System -> indexer, each second.

    Attributes:
        open_first_seq: the number that the open segment starts with.
        reserve_bytes: what is to stay free on the disk, besides what is always left.
        is_wanted: whether an index is kept.
    """

    open_first_seq: int
    reserve_bytes: int
    is_wanted: bool


class IndexStatus(NamedTuple):
    """What INFO says of the index. Indexer -> keyspace."""

    fields: dict[str, Any]


class Rekey(NamedTuple):
    """Have files put under the first key, if there are several. Timer -> rekeyer.

    Attributes:
        keys: how many the key file has; 0 without one.
        first: the name of the first.
    """

    keys: int
    first: str


class KeyStatus(NamedTuple):
    """What INFO says of keys. Rekeyer -> keyspace."""

    fields: dict[str, Any]


class TakeReading(NamedTuple):
    """A scrape asks how the server is. Metrics -> keyspace.

    Attributes:
        done: takes the answer, or None where a script is under way; in the loop.
    """

    done: Callable[[dict[str, Any] | None], None]


class SnapshotProgress(NamedTuple):
    """What the child process last said. Snapshotter -> keyspace."""

    fields: dict[str, Any]


class SnapshotEnded(NamedTuple):
    """A snapshot is there, or it failed. Snapshotter -> keyspace.

    Attributes:
        seq: the record that the newest snapshot goes up to, where one was made; or 0.
        error: why it failed, or None.
    """

    seq: int
    error: str | None


class SegmentsChanged(NamedTuple):
    """Sealed segments were pruned or packed. Keyspace -> log writer.

    Attributes:
        first_seq: the log begins there, or further on.
        sizes: how many bytes segments have now, by their first numbers.
    """

    first_seq: int
    sizes: dict[int, int]
