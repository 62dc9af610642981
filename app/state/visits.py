"""Visits: what a client is while it looks at a moment of the past (CLIENT AT)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.table.table import Flag, find_command

if TYPE_CHECKING:
    from joblog.app.state.session import Session
    from joblog.app.words import Argv


class Visit:
    """A client's stay at a moment of the past, from CLIENT AT to the next.

    Attributes:
        number: no other visit has it.
        session: the client.
        seq: the last record that has happened there.
        sent: the commands that are being answered there; empty where none are.
        is_queueing: whether the client is inside of a MULTI there.
        ended: what its commands are told since the moment is no longer there, or None.
    """

    __slots__ = ("ended", "is_queueing", "number", "sent", "seq", "session")

    def __init__(self, number: int, session: Session, seq: int) -> None:
        """Make the visit of a client who is about to begin it."""
        self.number = number
        self.session = session
        self.seq = seq
        self.sent: list[Argv] = []
        self.is_queueing = False
        self.ended: bytes | None = None


class ClientFacts(NamedTuple):
    """What a client is, in the past as in the present.

    Attributes (those that a `Session` has not):
        rights: what its user may do now, there too; None for everything.
        is_queueing: whether it is inside of a MULTI.
    """

    id: int
    address: str
    local_address: str
    fd: int
    db: int
    name: bytes
    resp: int
    library_name: bytes
    library_version: bytes
    reply_mode: str
    user: bytes
    rights: list[bytes] | None = None
    is_queueing: bool = False


class Refusal(NamedTuple):
    """What a client was refused there: see `joblog.app.users.denials.Entry`."""

    reason: str
    context: str
    word: bytes
    user: bytes
    times: int


class PastReplies(NamedTuple):
    """What comes from there.

    Attributes:
        data: the replies, encoded.
        facts: what the client is now.
        is_closing: whether to close it.
        refusals: what it was refused, in order; ACL LOG of the present has them.
    """

    data: bytes
    facts: ClientFacts
    is_closing: bool
    refusals: list[Refusal]


def facts_of(session: Session, rights: list[bytes] | None = None) -> ClientFacts:
    """Return what a client is now, and may do."""
    return ClientFacts(
        session.id,
        session.address,
        session.local_address,
        session.fd,
        session.db.index,
        session.name,
        session.resp,
        session.library_name,
        session.library_version,
        session.reply_mode,
        session.user,
        rights,
        session.queued is not None,
    )


def take_facts(session: Session, facts: ClientFacts) -> None:
    """Let what a client changed about itself hold here too."""
    if facts.name != session.name:
        session.is_described = False
    session.db = session.db.keyspace.databases[facts.db]
    session.name = facts.name
    session.resp = facts.resp
    session.library_name = facts.library_name
    session.library_version = facts.library_version
    session.reply_mode = facts.reply_mode
    session.user = facts.user
    session.update_special()


def may_be_of_present(argv: Argv) -> bool:
    """Say whether a command is of those that are answered in the present: AUTH .."""
    command = find_command(argv)
    return command is not None and bool(command.flags & Flag.OF_PRESENT)


def is_of_present(argv: Argv, visit: Visit) -> bool:
    """Say whether a command is answered in the present, with what went before it.

    Inside of a MULTI most are queued, or refused, in the past as all others are.
    """
    command = find_command(argv)
    if command is None or not command.flags & Flag.OF_PRESENT:
        return False
    is_queued = visit.is_queueing and not command.flags & Flag.NEVER_QUEUED
    return visit.ended is not None or not is_queued
