"""CommandLog: what the actors ask of a log, whichever log it is.

    append -> a number; "durable up to that number" comes later, as mail (`Durable`)

The log of files (`joblog.storage.log`) is one, and `joblog.actors.local_log` alone
makes it. A log that several machines keep is another: it says by itself how far it is
durable. Whatever log it is, records that are durable lie in the data folder of this
machine, in segments (docs/log-format.md): from there recovery, snapshots, the archive
and `replay` read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from joblog.storage.copier import Copier
    from joblog.storage.cutting import LogPlace
    from joblog.storage.parting import Parting
    from joblog.storage.record import Draft, Record


class CommandLog(Protocol):
    """A log that is open. One thread uses it; `sync` alone runs in another.

    Attributes:
        keyspace_digest: called right after an append that fills a segment; its 20
            bytes, a digest of the state after the last record, go into the seal.
        has_news: a segment was sealed, `needs_sync` is so, or more than `news_at_bytes`
            were written; whoever looks at these sets it back. It is asked for at each
            append, so that nothing else need be.
        news_at_bytes: see `has_news`.
    """

    keyspace_digest: Callable[[], bytes] | None
    has_news: bool
    news_at_bytes: int

    # --- how far it goes -----------------------------------------------------------

    @property
    def log_id(self) -> str:
        """The id of this log: 32 hexadecimal digits."""

    @property
    def first_seq(self) -> int:
        """The number of the first record that the log still has."""

    @property
    def open_first_seq(self) -> int:
        """The number that the open segment starts with; it rises with each seal."""

    @property
    def last_seq(self) -> int:
        """The number of the last record; 0 in an empty log."""

    @property
    def synced_seq(self) -> int:
        """The highest number that is known to be durable; no mail is ahead of it."""

    @property
    def size_bytes(self) -> int:
        """The size of all segments."""

    @property
    def written_bytes(self) -> int:
        """How many bytes were appended since it was opened."""

    @property
    def segments(self) -> Sequence[object]:
        """The segments in order; the last one is open."""

    # --- a record's road -----------------------------------------------------------

    def append(self, drafts: Sequence[Draft], expected_last_seq: int, /) -> int:
        """Append records, all or none; return the number of the last one.

        Args:
            drafts: the records, each as (at_ms, db, effects, origin).
            expected_last_seq: the number of the last record, as the caller knows it:
                nobody else has appended since.

        Raises:
            WriteFailedError: nothing of it is in the log; it may be tried again.
            StorageError: the log cannot be relied on any more: stop.
        """

    @property
    def needs_sync(self) -> bool:
        """Whether `sync` is to be called soon, whatever the fsync policy."""

    def sync(self) -> int:
        """Make durable what was appended before the call; it may block.

        Returns:
            The highest number that is durable now. It may be below the last one where
            others keep the log too; then somebody mails `Durable` to the log writer.

        Raises:
            StorageError: nothing more can be promised: stop.
        """

    def close(self) -> None:
        """Make all durable and give the log back; it is of no use after.

        Raises:
            StorageError: that could not be done.
        """

    # --- segments --------------------------------------------------------------------

    def defer_seals(self) -> None:
        """Leave what blocks at a seal to `sync`."""

    def hash_aside(
        self,
        ask: Callable[[Callable[[], None]], None],
        turn: AbstractContextManager[object],
        /,
    ) -> None:
        """Let a thread hash what was appended in long writes.

        Args:
            ask: has it call what it is given.
            turn: a lock.
        """

    def limit_segments(self, segment_bytes_max: int, /) -> None:
        """Seal segments at another size from now on, the open one included."""

    def seal_if_due(self) -> None:
        """Seal the open segment where that is due, though nothing is appended.

        Raises:
            StorageError: the log cannot be relied on any more: stop.
        """

    def note_segments(self, first_seq: int, sizes: dict[int, int], /) -> None:
        """Take note that sealed segments were pruned or packed.

        Args:
            first_seq: those that start before it are gone.
            sizes: how many bytes others have now, by their first numbers.
        """


@runtime_checkable
class LogThatTakes(CommandLog, Protocol):
    """A log that can go on with what another one has; see `joblog.storage.taking`.

    Attributes:
        follows_store: whether it is a store's that it takes.
        copier: is told of all that was written; None where nobody is.
    """

    follows_store: bool
    copier: Copier | None

    @property
    def is_taken(self) -> bool:
        """Whether its records are another log's."""

    @property
    def place(self) -> LogPlace:
        """Where it ends."""

    @property
    def epoch(self) -> int:
        """The term of whoever writes it."""

    def begin_taking(self) -> None:
        """Note that what comes is another log's."""

    def end_taking(self, note: dict[str, Any], /) -> None:
        """Go on as a log of its own."""

    def begin_anew(self, header: bytes, /) -> None:
        """Become a log that begins with another one's header."""

    def find_begins(self) -> tuple[tuple[int, str], ...]:
        """Return where segments begin, and the digests of their headers."""

    def go_back(self, parting: Parting, /) -> Path | None:
        """Go back to a record; return what holds the history so far."""

    def take(self, frames: bytes, records: list[Record], /) -> bytes:
        """Write frames; return those that wait for those before to be durable."""

    def take_seal(self, footer: bytes, header: bytes, /) -> None:
        """Seal the open segment as another log did."""


class LogSource(Protocol):
    """A log that is this process's and not open yet."""

    def steps(self) -> Generator[tuple[int, int], None, CommandLog]:
        """Open it, a slice at each step.

        Yields:
            How many bytes were checked, and how many there are to check.

        Returns:
            The log.

        Raises:
            StorageError: it cannot be opened.
        """

    def release(self) -> None:
        """Give it back unopened."""
