"""The link: a connection to the servers of the store, in a thread of its own.

nats-py lives on asyncio, the server on its own loop: what one wants of the other is
handed over. Nothing here ever makes the server's loop wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from typing import TYPE_CHECKING, Any, Final

from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from joblog.app.config import Config
    from joblog.app.config.stores import StorePlace

_CONNECT_SECONDS: Final = 2
_PING_SECONDS: Final = 2
"""So soon a server is given up that does not answer, and another is tried."""

_RECONNECT_SECONDS: Final = 0.1
_JOIN_SECONDS: Final = 5.0
_INSTALL: Final = "log-store needs nats-py: install joblog[quorum]"


class Link:
    """A connection, and the thread that it lives in.

    Attributes:
        client: nats-py's; None before `connect`.
        last_error: what went wrong last, for texts.
    """

    def __init__(self, place: StorePlace, config: Config) -> None:
        """Begin the thread; nobody is called yet.

        Args:
            place: where the servers are.
            config: has credentials and certificates.

        Raises:
            StorageError: nats-py is not there, or a file cannot be read.
        """
        try:
            import nats  # noqa: PLC0415 - an extra
        except ImportError:
            raise StorageError(_INSTALL) from None
        self._connect = nats.connect
        self._options = _options(place, config)
        self.client: Any = None
        self.last_error = "no answer"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="log-store", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run something in the thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have the thread call something; nothing happens where it has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    async def connect(self) -> None:
        """Connect; it takes as long as it takes."""
        while self.client is None:
            try:
                self.client = await self._connect(
                    error_cb=self._note_error, **self._options
                )
            except Exception as error:  # noqa: BLE001 - nats-py raises many kinds
                await self._note_error(error)
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _note_error(self, error: Exception) -> None:
        self.last_error = str(error) or type(error).__name__

    def close(self) -> None:
        """End the connection and the thread."""
        if self._thread.is_alive():
            ending = self.call(self._end())
            with contextlib.suppress(Exception):
                ending.result(_JOIN_SECONDS)
            self.call_soon(self._loop.stop)
            self._thread.join(_JOIN_SECONDS)
        if not self._thread.is_alive() and not self._loop.is_closed():
            self._loop.close()

    async def _end(self) -> None:
        if self.client is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.client.close(), _CONNECT_SECONDS)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _options(place: StorePlace, config: Config) -> dict[str, Any]:
    """Return what nats-py is told."""
    options: dict[str, Any] = {
        "servers": list(place.servers),
        "name": "joblog",
        "connect_timeout": _CONNECT_SECONDS,
        "ping_interval": _PING_SECONDS,
        "max_outstanding_pings": 2,
        "reconnect_time_wait": _RECONNECT_SECONDS,
        "max_reconnect_attempts": -1,
    }
    if config.log_store_credentials_file:
        options["user_credentials"] = config.log_store_credentials_file
    elif config.log_store_user:
        options["user"] = config.log_store_user
        options["password"] = config.log_store_password.decode(errors="surrogateescape")
    if place.is_tls:
        options["tls"] = _tls(config)
    return options


def _tls(config: Config) -> ssl.SSLContext:
    """Return what certificates are asked for, and which is shown."""
    try:
        context = ssl.create_default_context(
            cafile=config.log_store_tls_ca_cert_file or None
        )
        if config.log_store_tls_cert_file:
            context.load_cert_chain(
                config.log_store_tls_cert_file, config.log_store_tls_key_file or None
            )
    except OSError as error:
        raise StorageError(
            f"log-store: certificates cannot be read: {error}"
        ) from error
    return context
