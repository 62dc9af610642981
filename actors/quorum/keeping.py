"""Keeping: what the log writer knows of the quorum that keeps the log too.

What the log writes to its files comes here as well, and goes on to the publisher; how
far the quorum is goes to the log writer as mail, and opens the gate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from concurrent.futures import TimeoutError as NotYetError
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.master.mail import Reached
from joblog.actors.messages import SyncFailed
from joblog.actors.quorum.gate import QuorumGate
from joblog.actors.quorum.mail import StoreTrouble
from joblog.actors.quorum.parcels import Kind
from joblog.actors.quorum.publisher import (
    OvertakenError,
    Publisher,
    ShrunkError,
    Written,
)
from joblog.actors.quorum.stream import UnknownOutcomeError
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import write_aside

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from joblog.actors.quorum.lease import Lease
    from joblog.actors.quorum.link import Link
    from joblog.actors.quorum.parcels import Packer, Parcel
    from joblog.actors.quorum.stream import Stream
    from joblog.storage.filesystem import FileSystem

logger = logging.getLogger(__name__)

MARK: Final = "log-store.json"
"""How far the stream was, in the data folder: less than that it may never have."""

_LOOK_SECONDS: Final = 0.1
_MARK_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 5.0
"""So long a stop waits for what was written last."""


class Quorum:
    """The store of the log, beside the files.

    Attributes:
        gate: replies wait there until the quorum has what they tell of.
        epoch: the one that this server has claimed.
    """

    def __init__(
        self,
        link: Link,
        stream: Stream,
        lease: Lease,
        timeout_ms: Callable[[], int],
        mark: tuple[FileSystem, Path],
    ) -> None:
        """Keep nothing yet; `use` and `begin` come first.

        Args:
            link: the connection.
            stream: keeps the log.
            lease: says who may answer reads.
            timeout_ms: how long the stream may take before writes are refused.
            mark: where it is noted how far the stream is.
        """
        self.gate = QuorumGate(lambda: lease.is_held)
        self.epoch = 0
        self._link = link
        self._stream = stream
        self._lease = lease
        self._timeout_ms = timeout_ms
        self._mark = mark
        self._marked = 0
        self._publisher: Publisher | None = None
        self._is_woken = self._is_begun = self._is_closed = False
        self._trouble: str | None = None
        self._held_at = monotonic()
        self._tell: Callable[[Any], None] = _tell_nobody
        self._tasks: list[Future[Any]] = []

    def use(self, packer: Packer, last_number: int) -> Publisher:
        """Publish behind a message of the stream from now on."""
        self.epoch = packer.epoch
        self._publisher = Publisher(
            self._stream, packer, last_number, self._note_reached
        )
        return self._publisher

    def begin(self, tell: Callable[[Any], None]) -> QuorumGate:
        """Publish what is written, and say how far the quorum is; return the gate."""
        self._tell = tell
        for work in (self._publish, self._look, self._note_marks):
            self._tasks.append(self._link.call(self._watch(work)))
        self._is_begun = True
        return self.gate

    def keep_lease(self) -> None:
        """Renew the lease from now on."""
        self._held_at = monotonic()
        self._tasks.append(self._link.call(self._watch(self._renew)))

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
        publisher = self._publisher
        reached = None if publisher is None else publisher.reached
        return {
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

    def _note_reached(self, parcel: Parcel) -> None:
        if not parcel.has_more:
            self._tell(Reached(parcel.last_seq))

    async def _watch(self, work: Callable[[], Any]) -> None:
        """Do a part of the work; say it where that ends."""
        try:
            await work()
        except (OvertakenError, ShrunkError, StorageError) as error:
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
            publisher = self._publisher
            try:
                is_held = await self._lease.renew()
            except Exception as error:  # noqa: BLE001 - nats-py raises many kinds
                logger.debug("the lease is not renewed: %s", error)
            else:
                if is_held:
                    self._held_at = monotonic()
                    reached = None if publisher is None else publisher.reached
                    if reached is not None and not reached.parcel.has_more:
                        self._tell(Reached(reached.parcel.last_seq))
                elif publisher is not None:
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
            if not self._lease.is_held:
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
        publisher = self._publisher
        reached = None if publisher is None else publisher.reached
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


def encode_mark(stream: str, number: int, parcel: Parcel) -> bytes:
    """Return what is noted of a message that the stream has acknowledged."""
    fields = {
        "stream": stream,
        "message": number,
        "epoch": parcel.epoch,
        "first_seq": parcel.end.first_seq,
        "offset": parcel.end.offset,
        "last_seq": parcel.last_seq,
        "digest": parcel.digest.hex(),
    }
    return json.dumps(fields).encode() + b"\n"


def _tell_nobody(mail: Any) -> None:
    del mail
