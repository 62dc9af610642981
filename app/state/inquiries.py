"""Inquiries: what a client asks of the log and the disk; see `joblog.actors.historian`.

A handler makes one and lets its client wait for the answer; the engine's driver takes
it to whoever reads the log. So no command ever reads a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.reply import BLOCKED

if TYPE_CHECKING:
    from joblog.app.state.session import Session
    from joblog.app.state.visits import ClientFacts
    from joblog.app.words import Argv


class Inquiry:
    """A question about the log, and later its answer.

    Attributes:
        session: the client who asks.
        answer: the reply or the CommandError; BLOCKED until there is one.
    """

    __slots__ = ("answer", "session")

    def __init__(self, session: Session) -> None:
        """Make the question of a client."""
        self.session = session
        self.answer: Any = BLOCKED

    @property
    def is_wanted(self) -> bool:
        """Whether the client still waits: it has not gone, and was not unblocked."""
        waiter = self.session.waiter
        return waiter is not None and waiter.inquiry is self


class ForgetHistory(Inquiry):
    """Forget what was read of the log: it goes back, and on in another way."""

    __slots__ = ()


class ReadRecords(Inquiry):
    """Which records come next (LOG.READ, LOG.HISTORY).

    Attributes:
        from_seq: the number of the first.
        count: how many are wanted at the most.
        db: the database of the key, or None for any.
        key: only records that changed this key; None for all.
        glob: only records that changed a key like this; None for all.
        waits: whether to wait where the log has no such record yet.
    """

    __slots__ = ("count", "db", "from_seq", "glob", "key", "waits")

    def __init__(
        self,
        session: Session,
        *,
        from_seq: int,
        count: int,
        db: int | None = None,
        key: bytes | None = None,
        glob: bytes | None = None,
        waits: bool = False,
    ) -> None:
        """Make the question."""
        super().__init__(session)
        self.from_seq = from_seq
        self.count = count
        self.db = db
        self.key = key
        self.glob = glob
        self.waits = waits


class ListTags(Inquiry):
    """Which moments were given names (LOG.TAGS).

    Attributes:
        from_seq: the number of the log's first record.
        glob: only names like this; None for all.
    """

    __slots__ = ("from_seq", "glob")

    def __init__(self, session: Session, from_seq: int, glob: bytes | None) -> None:
        """Make the question."""
        super().__init__(session)
        self.from_seq = from_seq
        self.glob = glob


class FindMovedTag(Inquiry):
    """Which record gave a name before another did (LOG.TAG); None for none.

    Attributes:
        from_seq: the number of the log's first record.
        name: the name.
        seq: the other record.
    """

    __slots__ = ("from_seq", "name", "seq")

    def __init__(self, session: Session, from_seq: int, name: bytes, seq: int) -> None:
        """Make the question."""
        super().__init__(session)
        self.from_seq = from_seq
        self.name = name
        self.seq = seq


class AskDigests(Inquiry):
    """What the digests of the log are at some records (LOG.DIGEST).

    Attributes:
        seqs: the numbers of the records.
    """

    __slots__ = ("seqs",)

    def __init__(self, session: Session, seqs: list[int]) -> None:
        """Make the question."""
        super().__init__(session)
        self.seqs = seqs


class ListSegments(Inquiry):
    """Which segments the log has (LOG.SEGMENTS).

    Attributes:
        from_seq: that of this record is the first; None for the log's first.
        count: how many are wanted at the most.
    """

    __slots__ = ("count", "from_seq")

    def __init__(self, session: Session, from_seq: int | None, count: int) -> None:
        """Make the question."""
        super().__init__(session)
        self.from_seq = from_seq
        self.count = count


class OpenMoment(Inquiry):
    """What was at a moment (CLIENT AT); the answer is a `visits.Visit`.

    Attributes:
        text: the moment, as the client wrote it.
    """

    __slots__ = ("text",)

    def __init__(self, session: Session, text: str) -> None:
        """Make the question."""
        super().__init__(session)
        self.text = text


class AwaitDurable(Inquiry):
    """Whether all that was written so far is durable (WAITAOF); True once it is."""

    __slots__ = ()


class AwaitReload(Inquiry):
    """Whether the state was loaded from disk again (DEBUG RELOAD); True then."""

    __slots__ = ()


class AwaitSave(Inquiry):
    """Whether a snapshot is there (SAVE): OK, or the error.

    Attributes:
        awaited_save: when the one has ended that was asked for so many times (see
            `saves.Saves.asked`).
    """

    __slots__ = ("awaited_save",)

    def __init__(self, session: Session, awaited_save: int) -> None:
        """Make the question."""
        super().__init__(session)
        self.awaited_save = awaited_save


class RunInPast(Inquiry):
    """What commands would have answered; the answer is what `PastView.run` returns.

    Attributes:
        visit: the number of the client's visit.
        facts: what the client is (`visits.ClientFacts`).
        commands: in order.
        pieces: what there is of long replies yet, in order.
    """

    __slots__ = ("commands", "facts", "pieces", "visit")

    def __init__(
        self, session: Session, visit: int, facts: ClientFacts, commands: list[Argv]
    ) -> None:
        """Make the question."""
        super().__init__(session)
        self.visit = visit
        self.facts = facts
        self.commands = commands
        self.pieces: list[bytes] = []
