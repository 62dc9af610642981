"""TlsTransport: a connection under TLS, as the wire wants it.

Two things differ from a socket. Bytes may have been decrypted that nobody has taken:
`has_pending` tells. And what a send has begun to encrypt must be given again, the same
bytes, until the socket has taken all of it: it is kept here.

Source: OpenSSL 3.0, SSL_read(3) and SSL_write(3).
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any, Final, final

from joblog.actors.transport import OtherWayError, close, has_hung_up

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORD_BYTES: Final = 16 * 1024
"""What TLS encrypts at once, and a call reads or writes at the most."""

SEND_BYTES: Final = 64 * 1024
"""What one send encrypts at the most, before others have their turn."""


@final
class TlsTransport:
    """A connection whose handshake is done."""

    __slots__ = ("_begun", "_pending", "_recv", "_send", "_tls")

    def __init__(self, tls: ssl.SSLSocket) -> None:
        """Take over a non-blocking connection."""
        self._tls = tls
        # What `tls` asks: three frames of Python less for a request and its reply.
        within: Any = tls._sslobj  # type: ignore[attr-defined] # noqa: SLF001
        self._recv: Any = within.read
        self._send: Any = within.write
        self._pending: Any = within.pending
        self._begun: bytes | None = None

    def has_pending(self) -> bool:
        """Say whether bytes have been decrypted that `recv` has not returned."""
        pending: int = self._pending()
        return pending > 0

    def recv(self, size: int) -> bytes:
        """Return what there is: what one record holds, or of a long one some."""
        try:
            data: bytes = self._recv(size)
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLWantWriteError:
            raise OtherWayError from None
        except ssl.SSLEOFError:
            return b""  # as a socket that its peer has closed without a word of TLS
        return data

    def send(self, data: bytes) -> int:
        """Send bytes, a record at a time."""
        if self._begun is None and len(data) <= RECORD_BYTES:
            return self._encrypt(data)
        view = memoryview(data)
        sent, most = 0, min(len(data), SEND_BYTES)
        while sent < most:
            begun = self._begun
            if begun is None:
                begun = bytes(view[sent : sent + RECORD_BYTES])
            try:
                sent += self._encrypt(begun)
            except BlockingIOError:
                if not sent:
                    raise
                break
        return sent

    def sendmsg(self, pieces: Sequence[Any]) -> int:
        """Send some of what the pieces hold."""
        taken: list[Any] = []
        size = 0
        for piece in pieces:
            taken.append(piece)
            size += len(piece)
            if size >= SEND_BYTES:
                break
        return self.send(b"".join(taken))

    def _encrypt(self, data: bytes) -> int:
        """Send bytes of one record; keep them where they have to come again."""
        try:
            sent: int = self._send(data)
        except ssl.SSLWantWriteError:
            self._begun = data
            raise BlockingIOError from None
        except ssl.SSLWantReadError:
            self._begun = data
            raise OtherWayError from None
        self._begun = None
        return sent

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._tls.fileno()

    def has_hung_up(self) -> bool:
        """Say whether the peer has closed its side, or the connection is broken."""
        return has_hung_up(self._tls)

    def close(self) -> None:
        """Tell the peer that nothing more comes, if it takes that, and close."""
        # It would wait for the peer to say the same, and raises where it cannot.
        with contextlib.suppress(OSError, ValueError):
            self._tls.unwrap()
        close(self._tls)
