"""What handlers may reach of the engine: its parts, and of these no more than this.

The engine's own classes are checked against it where the engine makes its context. Only
types are here: compiled code looks a protocol's methods up by name, as of any object,
so what a quick command needs is a class of this layer (`script_runner`, `units`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Sized

    from joblog.app.keyspace.database import Database
    from joblog.app.reply import Replies
    from joblog.app.state.inquiries import Inquiry
    from joblog.app.state.script_runner import FunctionSpec, Library
    from joblog.app.state.session import Session, Waiter
    from joblog.app.state.subscriptions import Kind
    from joblog.app.state.tracking_modes import TrackingMode
    from joblog.app.words import Argv


class AccessPart(Protocol):
    """Who may do what; see `joblog.app.engine.access`."""

    def begin(self, session: Session) -> None:
        """Let in a client that is as if it had just connected."""

    def log_in(self, session: Session, name: bytes, password: bytes, by: bytes) -> None:
        """Let a client be a user, who gives the right password."""

    def note_change(self, session: Session, what: bytes) -> None:
        """Record that a client has changed the server, where that is asked for."""

    def require_any_key(self, session: Session, argv: Argv, option: bytes) -> None:
        """Refuse to name keys by a pattern to a client that may not read all keys."""


class BlockingPart(Protocol):
    """Who waits; see `joblog.app.engine.blocking`."""

    def add(self, waiter: Waiter, timeout_ms: int = 0) -> None:
        """Let a client wait."""

    def unblock(self, session: Session, *, is_error: bool) -> bool:
        """Let a client go on; say whether it waited."""

    def awaited_keys(self) -> int:
        """Return how many keys clients wait for."""

    def awaited_removals(self) -> int:
        """Return of how many of them clients want to know that they are gone too."""


class ClientsPart(Protocol):
    """Who is connected; see `joblog.app.engine.clients`."""

    def introduce(self, session: Session) -> None:
        """Record who has connected, or has another name, where that is asked for."""

    def disconnect(self, session: Session) -> None:
        """Close a client's connection and forget the client, at once."""


class FunctionsPart(Protocol):
    """The libraries; see `joblog.app.engine.functions`."""

    @property
    def libraries(self) -> Mapping[bytes, Library]:
        """The libraries by name."""

    def find(self, name: bytes) -> FunctionSpec:
        """Return a function by its name."""

    def count(self) -> int:
        """Return how many functions there are."""

    def load(self, source: bytes, *, is_replacing: bool) -> Library:
        """Load a library, or nothing of it."""

    def delete(self, name: bytes) -> None:
        """Delete a library."""

    def flush(self) -> bool:
        """Delete all libraries, and say whether there was any."""

    def dump(self) -> bytes:
        """Return all libraries as `restore` takes them."""

    def restore(self, payload: bytes, policy: bytes) -> list[Library]:
        """Load the libraries of a dump: all of them, or none."""


class MonitorsPart(Protocol):
    """Who is in MONITOR; see `joblog.app.engine.monitors`."""

    def add(self, session: Session) -> None:
        """Show a client each command that runs from now on."""

    def remove(self, session: Session) -> None:
        """Show a client no more commands."""


class ObserversPart(Protocol):
    """Who watches keys; see `joblog.app.engine.observers`."""

    def watch(self, session: Session, database: Database, key: bytes) -> None:
        """Let a client's next EXEC fail if a key changes."""

    def unwatch(self, session: Session) -> None:
        """Forget all that a client watches."""


class OutboxPart(Protocol):
    """What the driver of the engine takes away; see `joblog.app.engine.outbox`."""

    def ask(self, inquiry: Inquiry) -> None:
        """Have a question answered; see `Context.ask`."""

    def ask_for_check(self) -> None:
        """Have the log folded, and compared with memory."""

    def describe(self, session: Session) -> None:
        """Record who a client is."""

    def note(self, session: Session, note: dict[str, Any]) -> None:
        """Record what people want to know, with nothing changed."""

    def note_of_server(self, note: dict[str, Any]) -> None:
        """Record what the server itself has to say, with nothing changed."""

    def is_durable(self) -> bool:
        """Say whether all that was written so far is surely durable."""


class PausePart(Protocol):
    """CLIENT PAUSE; see `joblog.app.engine.pause`."""

    @property
    def is_on(self) -> bool:
        """Whether any command has to wait."""

    def begin(self, pause_ms: int, *, is_for_all: bool) -> None:
        """Let commands wait for a time."""

    def end(self) -> None:
        """Let all go on."""

    def hold(self, *, is_held: bool) -> None:
        """Let writes wait while this server hands over."""

    def status(self) -> dict[str, str | int]:
        """Return what INFO tells of the pause."""


class PubSubPart(Protocol):
    """Who listens to what; see `joblog.app.engine.pubsub`."""

    @property
    def clients(self) -> int:
        """How many clients are subscribed to anything."""

    @property
    def subscribers(self) -> Sequence[Mapping[bytes, Sized]]:
        """For each kind: name -> clients."""

    def subscribe(
        self, session: Session, kind: Kind, names: Iterable[bytes]
    ) -> Replies:
        """Let a client listen; return the confirmations."""

    def unsubscribe(
        self, session: Session, kind: Kind, names: Sequence[bytes]
    ) -> Replies:
        """Let a client listen no longer; return the confirmations."""

    def publish(self, channel: bytes, message: bytes, kind: Kind = ...) -> int:
        """Send a message to all who listen; return how many messages that makes."""

    def forget(self, session: Session) -> None:
        """End all subscriptions of a client."""


class TrackingPart(Protocol):
    """Who has cached what; see `joblog.app.engine.tracking`."""

    @property
    def clients(self) -> Sized:
        """The tracking clients."""

    @property
    def table(self) -> Sized:
        """The keys that clients have read."""

    @property
    def items(self) -> int:
        """How many notes of a key and a client there are."""

    @property
    def prefixes(self) -> int:
        """How many prefixes are broadcast."""

    def start(self, session: Session, mode: TrackingMode) -> None:
        """Track a client, or go on with another mode."""

    def stop(self, session: Session) -> None:
        """Track a client no longer."""


class TransactionsPart(Protocol):
    """From MULTI to EXEC; see `joblog.app.engine.transactions`."""

    def begin(self, session: Session) -> None:
        """Queue a client's commands from now on."""

    def discard(self, session: Session) -> None:
        """Forget what a client has queued, and what it watches."""

    def execute(self, session: Session) -> Any:
        """Run what a client has queued; return the replies."""


class UsesPart(Protocol):
    """When keys were last used, or how often; see `joblog.app.engine.uses`."""

    def idle_seconds(self, database: Database, key: bytes) -> int:
        """Return for how many seconds a key was not used."""

    def known_idle_seconds(self, database: Database, key: bytes) -> int:
        """Return as `idle_seconds` does what is known already."""

    def frequency(self, database: Database, key: bytes) -> int:
        """Return how often a key was used, on a logarithmic scale."""

    def restore(
        self, database: Database, key: bytes, *, idle_seconds: int, frequency: int
    ) -> None:
        """Take what is said of a key; -1 is nothing."""


class EngineParts(Protocol):
    """The engine, as handlers see it."""

    @property
    def access(self) -> AccessPart:
        """Who may do what."""

    @property
    def blocking(self) -> BlockingPart:
        """Who waits."""

    @property
    def clients(self) -> ClientsPart:
        """Who is connected."""

    @property
    def functions(self) -> FunctionsPart:
        """The libraries."""

    @property
    def monitors(self) -> MonitorsPart:
        """Who is in MONITOR."""

    @property
    def observers(self) -> ObserversPart:
        """Who watches keys."""

    @property
    def outbox(self) -> OutboxPart:
        """What the driver takes away."""

    @property
    def pause(self) -> PausePart:
        """CLIENT PAUSE."""

    @property
    def pubsub(self) -> PubSubPart:
        """Who listens to what."""

    @property
    def tracking(self) -> TrackingPart:
        """Who has cached what."""

    @property
    def transactions(self) -> TransactionsPart:
        """From MULTI to EXEC."""

    @property
    def uses(self) -> UsesPart:
        """When keys were last used, or how often."""
