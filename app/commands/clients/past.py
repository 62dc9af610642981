"""CLIENT AT: one connection looks at a moment of the past.

Its commands are answered from a copy of the keyspace as it was, where time stands still
and nothing may be written. All other connections go on as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.state.inquiries import OpenMoment, ask
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Argv, Context, Session

_PRESENT: Final = b"now"


class Visit:
    """A client's stay at a moment of the past, from CLIENT AT to the next.

    Attributes:
        number: no other visit has it.
        session: the client.
        seq: the last record that has happened there.
        sent: the commands that are being answered there; empty where none are.
        ended: what its commands are told since the moment is no longer there, or None.
    """

    __slots__ = ("ended", "number", "sent", "seq", "session")

    def __init__(self, number: int, session: Session, seq: int) -> None:
        """Make the visit of a client who is about to begin it."""
        self.number = number
        self.session = session
        self.seq = seq
        self.sent: list[Argv] = []
        self.ended: bytes | None = None


class ClientFacts(NamedTuple):
    """What a client is, in the past as in the present."""

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


def facts_of(session: Session) -> ClientFacts:
    """Return what a client is now."""
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
    session.update_special()


@command(
    "CLIENT AT",
    arity=3,
    flags=Flag.NOSCRIPT | Flag.NO_MULTI | Flag.BLOCKING,
    group="connection",
    since="0.1.0",
    summary="Look at a moment of the past, or with `now` at the present again.",
    complexity="O(N) for N records up to the moment",
)
def client_at(ctx: Context, moment: bytes) -> Any:
    """Return the number of the last record that has happened by then.

    Raises:
        CommandError: it is no moment, the log does not have it, too many or too large
            ones are looked at, or there is no log.
    """
    session = ctx.session
    if ctx.engine.log_facts is None:
        raise CommandError(errors.NO_LOG)
    if moment.lower() == _PRESENT:
        session.past = None
        session.update_special()
        return int(ctx.engine.log_facts()["last_seq"])

    def enter(visit: Visit) -> int:
        session.past = visit
        session.update_special()
        return visit.seq

    inquiry = OpenMoment(session, moment.decode(errors="replace"))
    return ask(ctx, inquiry, 0, enter)


def is_of_present(argv: Argv) -> bool:
    """Say whether a command is answered in the present in any case."""
    name = argv[0].upper()
    return name == b"QUIT" or (
        name == b"CLIENT" and len(argv) > 1 and argv[1].upper() == b"AT"
    )
