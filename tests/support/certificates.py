"""Certificates for the tests of TLS, made by openssl; they hold for two days."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.support.servers import require_program

PASSWORD = "sesame"
_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2")
_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


class Pair(NamedTuple):
    """A certificate and its key."""

    certificate: Path
    key: Path


class Certificates:
    """An authority, and who has a certificate from it.

    Attributes:
        authority: its own certificate.
        server, other_server: for localhost.
        client: a client's.
        locked: a server's, whose key has a password.
        stranger: for localhost, but signed by nobody else.
    """

    def __init__(self, folder: Path) -> None:
        """Make all of them in a folder."""
        self._folder = folder
        self._signing: tuple[str, ...] = ()
        root = self._make("authority", "-nodes")
        self.stranger = self._make("localhost", "-nodes", "-addext", _NAMES)
        self.authority = root.certificate
        self._signing = ("-CA", str(root.certificate), "-CAkey", str(root.key))
        self.server = self._make("server", "-nodes", "-addext", _NAMES)
        self.other_server = self._make("other", "-nodes", "-addext", _NAMES)
        self.client = self._make("client", "-nodes")
        self.locked = self._make(
            "locked", "-passout", f"pass:{PASSWORD}", "-addext", _NAMES
        )

    def _make(self, name: str, *options: str) -> Pair:
        made = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        subprocess.run(
            [
                *(require_program("openssl"), "req", "-x509", *_NEW, *self._signing),
                *("-subj", f"/CN={name}", "-out", made.certificate),
                *("-keyout", made.key, *options),
            ],
            check=True,
            capture_output=True,
        )
        return made

    def options(self, port: int, *more: str) -> list[str]:
        """Return what lets a server speak TLS at a port."""
        return [
            *("--tls-port", str(port), "--bind", "127.0.0.1"),
            *("--tls-cert-file", str(self.server.certificate)),
            *("--tls-key-file", str(self.server.key)),
            *("--tls-ca-cert-file", str(self.authority), *more),
        ]

    def client_context(self, own: Pair | None = None) -> ssl.SSLContext:
        """Return the context of a client, which may have a certificate."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        return context
