"""The lease: who may answer reads. It spares duels, and decides nothing.

A key of a bucket whose values go after a while. Who has it renews it three times in
that while, and knows until when nobody else can have it: counted from before it asked,
less a margin for clocks that run at different speeds. Who has lost it may still append
until somebody claims the next epoch: the log alone decides that.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from joblog.actors.quorum.link import Link
    from joblog.app.config.stores import StorePlace

_RENEWALS: Final = 6
_MARGIN: Final = 0.25
"""Of the lease's length."""

_KEY: Final = "leader"
_ANSWER_SECONDS: Final = 1.0


class Lease:
    """A lease, held or not.

    Attributes:
        holder: what who has it says of itself, where that is another.
        term: how often it was taken: another may have had it between two of them.
    """

    def __init__(
        self,
        link: Link,
        place: StorePlace,
        replicas: int,
        seconds: float,
        name: bytes,
    ) -> None:
        """Hold nothing yet.

        Args:
            link: the connection.
            place: says the stream's name.
            replicas: how many servers are to keep it, where it has to be made.
            seconds: how long it is, where it has to be made.
            name: what this server says of itself.
        """
        self._link = link
        self._bucket = f"{place.stream}-lease"
        self._replicas = replicas
        self._name = name
        self._keys: Any = None
        self._seconds = seconds
        self._revision = 0
        self._until = 0.0
        self._is_kept = False
        self.term = 0
        self.holder = ""

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have it now. Any thread may ask."""
        return monotonic() < self._until

    @property
    def pause(self) -> float:
        """How many seconds to wait before the next `renew`."""
        return self._seconds / _RENEWALS

    async def renew(self) -> bool:
        """Take it, or keep it; say whether this server has it.

        Raises:
            Exception: nobody answered; nats-py has many kinds.
        """
        began = monotonic()
        try:
            await asyncio.wait_for(self._renew(), _ANSWER_SECONDS)
        except _taken():
            self._revision = 0
            self._is_kept = False
            await asyncio.wait_for(self._see_holder(), _ANSWER_SECONDS)
            return False
        self.holder = ""
        if not self._is_kept:
            self._is_kept = True
            self.term += 1
        self._until = began + self._seconds * (1 - _MARGIN)
        return True

    async def _renew(self) -> None:
        keys = await self._find()
        if self._revision:
            self._revision = await keys.update(_KEY, self._name, last=self._revision)
        else:
            self._revision = await keys.create(_KEY, self._name)

    async def _see_holder(self) -> None:
        from nats.js.errors import NotFoundError  # noqa: PLC0415 - an extra

        with contextlib.suppress(NotFoundError):
            entry = await self._keys.get(_KEY)
            value = entry.value or b""
            if value == self._name:
                # It is this one's: an answer was lost.
                self._revision = entry.revision
            else:
                self.holder = value.decode(errors="replace")

    async def give_back(self) -> None:
        """Let another have it at once."""
        self._until = 0.0
        if self._revision:
            revision, self._revision = self._revision, 0
            with contextlib.suppress(Exception):
                await asyncio.wait_for(
                    self._keys.delete(_KEY, last=revision), _ANSWER_SECONDS
                )

    async def _find(self) -> Any:
        """Return the bucket; make it where it is missing."""
        from nats.js.errors import NotFoundError  # noqa: PLC0415 - an extra

        if self._keys is None:
            context = self._link.client.jetstream(timeout=_ANSWER_SECONDS)
            try:
                keys = await context.key_value(self._bucket)
            except NotFoundError:
                keys = await context.create_key_value(
                    bucket=self._bucket, ttl=self._seconds, replicas=self._replicas
                )
            status = await keys.status()
            self._seconds = status.ttl or self._seconds
            self._keys = keys
        return self._keys


def _taken() -> type[Exception]:
    from nats.js.errors import KeyWrongLastSequenceError  # noqa: PLC0415 - an extra

    return KeyWrongLastSequenceError
