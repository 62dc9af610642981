"""Opening: what the stream has and what the files have become one, before all else.

    the lease -> the stream's head -> the files' end is checked -> what the stream never
    got is set aside, what the files lack is taken -> a CLAIM -> the log is open

Messages are read from one on that both are known to have: what was noted last of the
stream (`log-store.json`), else its first. Each has to follow the one before it, by our
own checksums and digests. The start is refused, in words, where something does not fit:
nothing is repaired by guessing.
"""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.actors.local_log import LocalLog
from joblog.actors.quorum.announcing import announced
from joblog.actors.quorum.asking import ANSWER_SECONDS, Asking
from joblog.actors.quorum.bringing import Bringing, Copied
from joblog.actors.quorum.chain import Chain, Group
from joblog.actors.quorum.follower import Follower
from joblog.actors.quorum.following import read_address
from joblog.actors.quorum.keeping import Quorum
from joblog.actors.quorum.lease import Lease
from joblog.actors.quorum.link import Link
from joblog.actors.quorum.marks import MARK, read_mark
from joblog.actors.quorum.parcels import (
    Kind,
    Packer,
    Parcel,
    Position,
    StreamDamagedError,
    decode_parcel,
)
from joblog.actors.quorum.publisher import OvertakenError, ShrunkError
from joblog.actors.quorum.reading import Reader
from joblog.actors.quorum.stream import Head, Stream, UnknownOutcomeError
from joblog.app import clock
from joblog.app.config.stores import read_place
from joblog.app.engine.outbox import SERVER_ID
from joblog.app.history.notes import ClaimNote, encode_note
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.matching import begin_as, stand_at
from joblog.storage.segment import HEADER_BYTES, encode_header

if TYPE_CHECKING:
    from collections.abc import Generator

    from joblog.app.config import Config
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Draft
    from joblog.storage.taking import TakingLog

logger = logging.getLogger(__name__)

_SHRUNK_SECONDS: Final = 5.0
_CLAIMED: Final = 2
"""The first message begins a stream, and the second one claims it."""

_WRITER_BYTES: Final = 16


class _Base(NamedTuple):
    """A message that the files are known to have, and where they stand behind it."""

    number: int
    position: Position
    epoch: int
    last_seq: int


class QuorumLog:
    """The log in the data folder and in a stream, locked and not open yet.

    Attributes:
        quorum: keeps the log from then on.
    """

    def __init__(self, config: Config, disk: FileSystem, port: int) -> None:
        """Lock the data folder; nobody is called yet.

        Args:
            config: the settings.
            disk: the door to the disk.
            port: where clients reach this server.

        Raises:
            StorageError: another process has the folder, or nats-py is missing.
        """
        place = read_place(config.log_store)
        self._local = LocalLog(config, disk)
        try:
            self._link = Link(place, config)
        except StorageError:
            self._local.release()
            raise
        self._folder = LogFolder(Path(config.dir), disk)
        self._disk = disk
        self._asking = Asking(self._link, ", ".join(place.servers))
        self._writer = os.urandom(_WRITER_BYTES)
        me = announced(config, place, port)
        self._name = str(me)
        replicas = config.log_store_replicas
        self._stream = Stream(self._link, place, replicas)
        self._reader = Reader(self._stream)
        lease_name = f"{self._name} {self._writer.hex()}".encode()
        seconds = config.log_store_lease / 1000
        self._lease = Lease(self._link, place, replicas, seconds, lease_name)
        self.quorum = Quorum(
            self._link,
            self._stream,
            self._lease,
            lambda: config.log_store_timeout,
            (disk, Path(config.dir) / MARK),
            me,
            lambda: config.replica_priority > 0,
        )

    def release(self) -> None:
        """Give the folder and the lease back."""
        self.quorum.close()
        self._local.release()

    def steps(self) -> Generator[tuple[int, int], None, TakingLog]:
        """Bring files and stream together and open the log, a slice at each step.

        Yields:
            How much was done, and how much there is to do.

        Raises:
            StorageError: it cannot be done; the text says why.
        """
        try:
            log = yield from self._steps()
        except UnknownOutcomeError as error:
            raise self._asking.unanswered(str(error)) from error
        except (OvertakenError, ShrunkError) as error:
            raise StorageError(f"log-store: {error}; start again") from error
        return log

    def _steps(self) -> Generator[tuple[int, int], None, TakingLog]:
        yield from self._asking.wait(self._link.connect())
        yield from self._asking.ask(self._stream.require)
        leads = yield from self._choose_part()
        if leads:
            self.quorum.keep_lease()
        head = yield from self._read_head()
        first = yield from self._read_begin(head)
        if first is not None and not self._folder.find_segments():
            self._begin_folder(first)
        if first is None:
            log = yield from self._local.steps()
            packer = yield from self._begin(log)
            head = Head(1, 1)
        else:
            # Its end is checked before anything is compared; the log is opened later.
            yield from self._local.check()
            log, chain = yield from self._follow(first, head)
            if not leads:
                self._begin_to_follow(chain, head)
                return log
            packer = chain.packer(self._writer)
        yield from self._claim(log, head, packer)
        return log

    def _begin_to_follow(self, chain: Chain, head: Head) -> None:
        """Follow who leads, from the head on."""
        follower = Follower(
            self._stream,
            chain,
            head.last,
            (self._writer, self._name),
            self.quorum.may_claim,
            self.quorum.note_reached,
        )
        leader = self._lease.holder.split(" ", maxsplit=1)[0]
        self.quorum.follow(follower, read_address(leader))

    def _choose_part(self) -> Generator[tuple[int, int], None, bool]:
        """Wait until this server has the lease, or another leads; say whether it has.

        Another leads who has the lease and has claimed: there is a log to follow then.
        """
        deadline = monotonic() + ANSWER_SECONDS
        while True:
            try:
                is_held = yield from self._asking.wait(self._lease.renew())
            except StorageError:
                raise
            except Exception as error:  # nats-py raises many kinds
                if monotonic() > deadline:
                    raise self._asking.unanswered(str(error) or "no answer") from error
            else:
                if is_held:
                    return True
                head: Head = yield from self._asking.ask(self._stream.head)
                if self._lease.holder and head.last >= _CLAIMED:
                    return False
                deadline = monotonic() + ANSWER_SECONDS
            yield from self._asking.pause()

    # --- reading --------------------------------------------------------------

    def _place(self, number: int) -> str:
        return f"message {number} of {self._stream.place}"

    def _read_head(self) -> Generator[tuple[int, int], None, Head]:
        """Return where the stream ends; it had acknowledged what was noted of it.

        Who has just come to lead the stream may not know all of it for a moment.
        """
        noted = self._read_mark()
        deadline = monotonic() + _SHRUNK_SECONDS
        while True:
            head: Head = yield from self._asking.ask(self._stream.head)
            if noted is None or noted["message"] <= head.last:
                return head
            if monotonic() > deadline:
                raise StreamDamagedError(
                    f"{self._stream.place}: it ends with message {head.last}, but had "
                    f"acknowledged {noted['message']}: it has lost some; see "
                    "docs/cluster.md on a stream that has lost messages"
                )
            yield from self._asking.pause()

    def _read_mark(self) -> dict[str, Any] | None:
        return read_mark(self._folder.path / MARK, self._stream.place)

    def _read_begin(
        self, head: Head
    ) -> Generator[tuple[int, int], None, Parcel | None]:
        """Return the first message; None where the stream is empty."""
        if head.last == 0:
            return None
        if head.first != 1:
            raise StreamDamagedError(
                f"{self._stream.place}: it begins with message {head.first}: what is "
                "before it was purged, and this program purges nothing"
            )
        message = yield from self._asking.ask(lambda: self._stream.read(1))
        if message is None:
            raise StreamDamagedError(f"{self._place(1)}: it is missing")
        parcel = decode_parcel(message, self._place(1))
        if parcel.kind is not Kind.BEGIN:
            raise StreamDamagedError(f"{self._place(1)}: it does not begin a log")
        return parcel

    def _begin_folder(self, first: Parcel) -> None:
        """Begin the log in an empty folder as the stream begins."""
        if len(first.data) != HEADER_BYTES:
            raise StorageError(
                f"{self._folder.path}: it is empty, and {self._stream.place} begins at "
                f"record {first.last_seq + 1}: begin with a copy of the data folder of "
                "another server of this log (replay backup)"
            )
        begin_as(self._folder, self._disk, first.data)

    def _find_base(self, first: Parcel) -> Generator[tuple[int, int], None, _Base]:
        """Return the message to read on from: the noted one, or the first."""
        begin = _Base(1, first.end, first.epoch, first.last_seq)
        noted = self._read_mark()
        if noted is None:
            return begin
        position = Position(noted["first_seq"], noted["offset"])
        base = _Base(noted["message"], position, noted["epoch"], noted["last_seq"])
        message = yield from self._asking.ask(lambda: self._stream.read(base.number))
        place = self._place(base.number)
        if message is None:
            raise StreamDamagedError(f"{place}: it is missing, and was there")
        parcel = decode_parcel(message, place)
        if parcel.digest.hex() != noted["digest"] or parcel.end != position:
            raise StreamDamagedError(
                f"{place}: it is another one than was acknowledged"
            )
        here = stand_at(self._folder, self._disk, *position)
        return base if here and here[1].digest() == parcel.digest else begin

    # --- bringing together ----------------------------------------------------

    def _follow(
        self, first: Parcel, head: Head
    ) -> Generator[tuple[int, int], None, tuple[TakingLog, Chain]]:
        """Make the files what the stream says, and open the log."""
        base = yield from self._find_base(first)
        chain = self._stand_at(base, first)
        bringing = Bringing(self._folder, self._disk, chain)
        log: TakingLog | None = None
        before = chain.last_seq
        number = base.number
        while number < head.last:
            read = partial(self._reader.read, number + 1, head.last)
            for message in (yield from self._asking.ask(read)):
                number += 1
                start, last_seq = chain.position, chain.last_seq
                group = self._take(chain, message, number)
                if group is None or (log is None and bringing.has(start, group)):
                    continue
                if log is None:
                    before = last_seq
                    bringing.set_back(start, last_seq)
                    log = yield from self._local.steps()
                bringing.take(log, group)
            yield number - base.number + 1, head.last - base.number + 1
        if log is None:
            bringing.set_back(chain.position, chain.last_seq)
            log = yield from self._local.steps()
        else:
            log.sync()
            taken = chain.last_seq - before
            logger.info("%d records are taken from the stream", taken)
        chain.require_at(log.last_seq, log.open_digest)
        return log, chain

    def _take(self, chain: Chain, message: bytes | None, number: int) -> Group | None:
        """Return the group that a message makes whole, if it does."""
        place = self._place(number)
        if message is None:
            raise StreamDamagedError(f"{place}: it is missing")
        return chain.take(decode_parcel(message, place), place)

    def _stand_at(self, base: _Base, first: Parcel) -> Chain:
        """Return a chain that goes on behind a message that the files have."""
        here = stand_at(self._folder, self._disk, *base.position)
        if here is None:
            raise StorageError(
                f"{self._folder.path}: it has not what {self._stream.place} begins "
                f"behind, record {first.last_seq}: it was pruned, or is an older copy; "
                "begin with a copy of the data folder of another server of this log"
            )
        header, running = here
        if header.log_id != first.log_id:
            raise self._other_log(first, header.log_id)
        if base.number == 1 and running.digest() != first.digest:
            raise StorageError(
                f"{self._folder.path}: its history is another one than that of "
                f"{self._stream.place}: they part before record {first.last_seq + 1}"
            )
        return Chain(header, base.position, running, base.epoch, base.last_seq)

    def _other_log(self, first: Parcel, found: bytes) -> StorageError:
        return StorageError(
            f"{self._folder.path}: it holds log {found.hex()}, and "
            f"{self._stream.place} is of log {first.log_id.hex()}: begin with an empty "
            "folder or a copy of that log, or name another stream"
        )

    # --- the claim ------------------------------------------------------------

    def _begin(self, log: TakingLog) -> Generator[tuple[int, int], None, Packer]:
        """Begin the stream where the log stands."""
        here = self._local.stand()
        position = Position(here.first_seq, here.offset)
        packer = Packer(here.header, position, here.running, 1, self._writer)
        is_new = position == Position(1, HEADER_BYTES)
        header = encode_header(here.header) if is_new else b""
        begin = packer.begin(header, log.last_seq)
        publisher = self.quorum.use(packer, 0)
        yield from self._asking.wait(publisher.publish(begin))
        return packer

    def _claim(
        self, log: TakingLog, head: Head, packer: Packer
    ) -> Generator[tuple[int, int], None, None]:
        """Claim the next epoch: whoever wrote until now is refused from then on."""
        packer.epoch += 1
        publisher = self.quorum.use(packer, head.last)
        copied = Copied()
        log.copier = copied
        note = encode_note(ClaimNote(packer.epoch, self._name))
        draft: Draft = (clock.now_ms(), 0, [], [SERVER_ID, None, note])
        last_seq = log.append([draft], log.last_seq)
        claims = packer.pack(Kind.CLAIM, copied.data, last_seq, self._stream.bytes_max)
        log.copier = self.quorum
        for seal in copied.seals:
            self.quorum.copy_seal(seal, last_seq)
        yield from self._asking.wait(publisher.publish(claims[0]))
        self.quorum.note_mark()
        text = "%s: epoch %d is claimed, behind message %d"
        logger.info(text, self._stream.place, packer.epoch, head.last)
