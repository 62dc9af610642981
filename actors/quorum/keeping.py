"""Keeping: what the log writer knows of the quorum that keeps the log too.

What the log writes to its files comes here as well, and goes on to the publisher; how
far the quorum is goes to the log writer as mail, and opens the gate.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import TimeoutError as NotYetError
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from pykka import ActorDeadError

from joblog.actors.master.mail import Reached
from joblog.actors.messages import SyncFailed
from joblog.actors.quorum.following import Following
from joblog.actors.quorum.gate import QuorumGate
from joblog.actors.quorum.hellos import Hellos
from joblog.actors.quorum.mail import Heard, LedAgain, StoreTrouble
from joblog.actors.quorum.marks import encode_mark
from joblog.actors.quorum.parcels import Kind
from joblog.actors.quorum.publisher import (
    OvertakenError,
    Publisher,
    ShrunkError,
    Written,
)
from joblog.actors.quorum.stream import UnknownOutcomeError
from joblog.actors.quorum.sureness import Sureness
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import write_aside

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from joblog.actors.loop import Loop
    from joblog.actors.quorum.follower import Follower
    from joblog.actors.quorum.lease import Lease
    from joblog.actors.quorum.link import Link
    from joblog.actors.quorum.parcels import Packer
    from joblog.actors.quorum.publisher import Reached as ReachedMessage
    from joblog.actors.quorum.stream import Stream
    from joblog.app.state.replication import Address
    from joblog.storage.cutting import LogPlace
    from joblog.storage.filesystem import FileSystem

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.1
_MARK_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 5.0
"""So long a stop waits for what was written last."""


class Quorum:
    """The store of the log, beside the files.

    Attributes:
        gate: replies wait there until the quorum has what they tell of.
        epoch: the one that this server has claimed, or that of who leads.
        leader: who led when this server began to follow; None where it leads.
        following: the keyspace's part.
        is_overtaken: another has claimed a higher epoch than this server's.
    """

    def __init__(
        self,
        link: Link,
        stream: Stream,
        lease: Lease,
        timeout_ms: Callable[[], int],
        mark: tuple[FileSystem, Path],
        me: Address,
        may_lead: Callable[[], bool],
    ) -> None:
        """Keep nothing yet; `use` and `begin` come first.

        Args:
            link: the connection.
            stream: keeps the log.
            lease: says who may answer reads.
            timeout_ms: how long the stream may take before writes are refused.
            mark: where it is noted how far the stream is.
            me: where clients reach this server.
            may_lead: whether this server is to take over where nobody leads.
        """
        self.gate = QuorumGate(self._may_read)
        self.epoch = 0
        self.leader: Address | None = None
        self.is_overtaken = False
        self.following = Following(self, me)
        self._follower: Follower | None = None
        self._hellos: Hellos | None = None
        self._link = link
        self._stream = stream
        self._lease = lease
        self._timeout_ms = timeout_ms
        self._mark, self._may_lead = mark, may_lead
        self._marked = 0
        self._sureness = Sureness(lease)
        self._publisher: Publisher | None = None
        self._is_woken = self._is_begun = self._is_closed = False
        self._trouble: str | None = None
        self._held_at = monotonic()
        self._tell: Callable[[Any], None] = _tell_nobody
        self._post: Callable[[Any], None] | None = None
        self._tasks: list[Future[Any]] = []

    def use(self, packer: Packer, last_number: int) -> Publisher:
        """Publish behind a message of the stream from now on."""
        self.epoch = packer.epoch
        self._sureness.begin_claim()
        self._publisher = Publisher(
            self._stream, packer, last_number, self.note_reached
        )
        return self._publisher

    def begin(self, tell: Callable[[Any], None]) -> QuorumGate:
        """Publish what is written, and say how far the quorum is; return the gate.

        A server that follows publishes nothing.
        """

        def tell_if_there(mail: Any) -> None:
            with contextlib.suppress(ActorDeadError):  # the server stops
                tell(mail)

        self._tell = tell_if_there
        self._begin(self._note_marks)
        if self._publisher is not None:
            self._begin_publishing()
        return self.gate

    def _begin_publishing(self) -> None:
        self._is_begun = True
        self._begin(self._publish)
        self._begin(self._look)

    def _begin(self, work: Callable[[], Any]) -> None:
        self._tasks.append(self._link.call(self._watch(work)))

    def keep_lease(self) -> None:
        """Renew the lease from now on."""
        self._held_at = monotonic()
        self._begin(self._renew)

    # --- to follow, and to lead ---------------------------------------------------

    def follow(self, follower: Follower, leader: Address) -> None:
        """Follow, not lead; `begin_following` comes when what is there is loaded."""
        self._follower, self.leader = follower, leader
        self.epoch = follower.epoch

    def greet(self, loop: Loop) -> None:
        """Say hello, and hear the others.

        Args:
            loop: that of the keyspace's part.
        """
        following = self.following
        post = self._post = partial(loop.post_from_thread, following)
        hellos = self._hellos = Hellos(
            self._link,
            self._stream.name,
            lambda node: post(Heard(node)),
            self._hear_number,
        )
        self._begin(lambda: hellos.run(following.hello))

    def begin_following(self, place: LogPlace) -> None:
        """Read on where the files end, and lead when nobody does."""
        follower = self._follower
        assert follower is not None
        assert self._post is not None
        follower.use(place, self._post, self._link.call_soon)
        self._begin(follower.run)
        self.keep_lease()

    def lead(self, publisher: Publisher) -> None:
        """Publish behind this server's claim from now on."""
        self._publisher, self._follower, self.leader = publisher, None, None
        self.epoch = publisher.epoch
        self._begin_publishing()

    @property
    def is_leading(self) -> bool:
        """Whether this server leads, as far as it knows."""
        return self._follower is None

    def _may_read(self) -> bool:
        """Say whether clients may be told now what they have read."""
        return self._follower is not None or self._sureness.is_sure

    @property
    def _reached(self) -> ReachedMessage | None:
        follower, publisher = self._follower, self._publisher
        if follower is not None:
            return follower.reached
        return None if publisher is None else publisher.reached

    def _hear_number(self, number: int) -> None:
        follower = self._follower
        if follower is not None:
            follower.hint(number)

    # --- the loop's thread ----------------------------------------------------

    def copy_frames(self, data: bytes, last_seq: int) -> None:
        """Take frames that were written."""
        self._offer(Written(Kind.FRAMES, data, last_seq))

    def copy_seal(self, data: bytes, last_seq: int) -> None:
        """Take the footer of a segment, with the header of the next one."""
        self._offer(Written(Kind.SEAL, data, last_seq))

    def _offer(self, written: Written) -> None:
        assert self._publisher is not None
        self._publisher.offer(written)
        if not self._is_woken:
            self._is_woken = True
            self._link.call_soon(self._wake)

    def end(self) -> None:
        """Wait a moment for what was written last; deliver the replies to it."""
        if not self._is_begun or self._is_closed:
            return
        waiting = self._link.call(self._await_idle())
        with contextlib.suppress(NotYetError, Exception):
            self.gate.reach(waiting.result(_LAST_SECONDS))

    def close(self) -> None:
        """Give the lease back and end the connection."""
        if self._is_closed:
            return
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        if self._link.client is not None:
            giving = self._link.call(self._lease.give_back())
            with contextlib.suppress(NotYetError, Exception):
                giving.result(_LAST_SECONDS)
        self._link.close()

    def status(self) -> dict[str, Any]:
        """Return what INFO says of it."""
        reached, follower = self._reached, self._follower
        if follower is not None:
            self.epoch = follower.epoch
        return {
            "log_store_role": "leader" if follower is None else "follower",
            "log_store_status": "ok" if self._trouble is None else "err",
            "log_store_epoch": self.epoch,
            "log_store_sequence": 0 if reached is None else reached.number,
            "log_store_seq": 0 if reached is None else reached.parcel.last_seq,
            "log_store_lease": int(self._lease.is_held),
        }

    # --- the link's thread ----------------------------------------------------

    def _wake(self) -> None:
        self._is_woken = False
        assert self._publisher is not None
        self._publisher.wake()

    def may_claim(self) -> bool:
        """Say whether this server has the lease; its claim is sent next, if so."""
        self._sureness.begin_claim()
        return self._lease.is_held

    def note_reached(self, reached: ReachedMessage) -> None:
        """Note that the quorum has what this server appended."""
        self._sureness.note_reached(reached.number)
        if not reached.parcel.has_more:
            self._tell(Reached(reached.parcel.last_seq))
        if self._hellos is not None:
            self._hellos.tell_number(reached.number)

    def _note_term(self, publisher: Publisher) -> None:
        """Have something appended in each term of the lease, once."""
        post = self._post
        if post is not None and self._sureness.begin_term(publisher.sent):
            post(LedAgain())

    async def _watch(self, work: Callable[[], Any]) -> None:
        """Do a part of the work; say it where that ends."""
        try:
            await work()
        except OvertakenError as error:
            self.is_overtaken = True
            self._tell(SyncFailed(str(error)))
        except (ShrunkError, StorageError) as error:
            self._tell(SyncFailed(str(error)))
        except Exception as error:  # whatever it is, nothing more is acknowledged
            logger.exception("internal error of the store of the log")
            self._tell(SyncFailed(f"internal error of the store of the log: {error!r}"))

    async def _publish(self) -> None:
        assert self._publisher is not None
        await self._publisher.run()

    async def _renew(self) -> None:
        """Keep the lease; where another has it, see whether that one leads already."""
        while True:
            publisher, follower = self._publisher, self._follower
            if follower is not None and not (
                self._lease.is_held or (follower.is_at_end and self._may_lead())
            ):
                await asyncio.sleep(self._lease.pause)
                continue
            try:
                is_held = await self._lease.renew()
            except Exception as error:  # noqa: BLE001 - nats-py raises many kinds
                logger.debug("the lease is not renewed: %s", error)
            else:
                if is_held and publisher is not None:
                    self._note_term(publisher)
                if is_held and (publisher is None or self._sureness.is_sure):
                    self._held_at = monotonic()
                    if follower is not None:
                        follower.wake()
                    reached = None if publisher is None else publisher.reached
                    if reached is not None and not reached.parcel.has_more:
                        self._tell(Reached(reached.parcel.last_seq))
                elif not is_held and publisher is not None:
                    with contextlib.suppress(UnknownOutcomeError):
                        await publisher.look()
            await asyncio.sleep(self._lease.pause)

    async def _look(self) -> None:
        """Say when the quorum is missed for too long, and when it is back."""
        publisher = self._publisher
        assert publisher is not None
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            since = publisher.waiting_since
            if not self._sureness.is_sure:
                since = min(since or self._held_at, self._held_at)
            is_late = (
                since is not None and monotonic() - since > self._timeout_ms() / 1000
            )
            if is_late and self._trouble is None:
                self._trouble = publisher.trouble or self._link.last_error
                if not self._lease.is_held and self._lease.holder:
                    self._trouble = f"{self._lease.holder} has the lease"
                logger.error(
                    "the store of the log takes nothing, writes are refused: %s",
                    self._trouble,
                )
                reason = " ".join(self._trouble.split())
                self._tell(StoreTrouble(reason.encode()))
            elif since is None and self._trouble is not None:
                self._trouble = None
                logger.warning("the store of the log answers again")
                self._tell(StoreTrouble(None))

    async def _await_idle(self) -> int:
        publisher = self._publisher
        assert publisher is not None
        publisher.wake()
        await publisher.become_idle()
        return 0 if publisher.reached is None else publisher.reached.parcel.last_seq

    async def _note_marks(self) -> None:
        """Note now and then how far the stream is."""
        while True:
            await asyncio.sleep(_MARK_SECONDS)
            await asyncio.to_thread(self.note_mark)

    def note_mark(self) -> None:
        """Note how far the stream is; where the disk refuses, it stays as it was."""
        reached = self._reached
        if reached is None or reached.number == self._marked or reached.parcel.has_more:
            return
        filesystem, path = self._mark
        data = encode_mark(self._stream.place, reached.number, reached.parcel)
        try:
            write_aside(filesystem, path.with_suffix(".new"), path, data)
        except (OSError, StorageError) as error:
            logger.debug("%s: %s", path, error)
        else:
            self._marked = reached.number


def _tell_nobody(mail: Any) -> None:
    del mail
