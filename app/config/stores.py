"""Settings of the store that keeps the log beside this machine's files."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from joblog.app.config.kinds import Integer, Secret, Setting, SettingError, Text, quote

_FORM: Final = re.compile(r"(nats|tls)://([^/@?#]+)/([A-Za-z0-9_-]{1,64})")
_HOST: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_EXPECTED: Final = "expected nats://host[:port][,host[:port]...]/STREAM, or tls://..."


class StorePlace(NamedTuple):
    """Where a stream is kept.

    Attributes:
        servers: an address for each server.
        stream: its name.
    """

    servers: tuple[str, ...]
    stream: str

    @property
    def is_tls(self) -> bool:
        """Whether the servers are spoken to by TLS."""
        return self.servers[0].startswith("tls:")


def read_place(text: str) -> StorePlace:
    """Return what `log-store` says.

    Raises:
        SettingError: it is not of that form.
    """
    found = _FORM.fullmatch(text)
    hosts = found[2].split(",") if found else []
    if found is None or not all(map(_HOST.fullmatch, hosts)):
        raise SettingError(_EXPECTED)
    return StorePlace(tuple(f"{found[1]}://{host}" for host in hosts), found[3])


class _Place(Setting[str]):
    """The address of a stream, or none."""

    expects = "the address of a stream"

    def read(self, word: str) -> str:
        """Return the word, where it is an address."""
        if word:
            read_place(word)
        return word

    def lines(self, value: str) -> list[str]:
        """Quote it."""
        return [f"{self.name} {quote(value)}"]


class StoreSettings:
    """Who else keeps the log, and how it is reached."""

    log_store = _Place(
        "",
        "The stream of NATS JetStream that keeps the log beside this machine's files, "
        "as nats://host,host,host/STREAM: replies wait until a quorum of its servers "
        "has what was written. Empty: none. Needs `joblog[quorum]`.",
        live=False,
    )
    log_store_replicas = Integer(
        3,
        "How many servers are to keep the stream, where it has to be made.",
        1,
        5,
        live=False,
    )
    log_store_timeout = Integer(
        10_000,
        "How long the stream may take before writes are refused and clients that wait "
        "are closed.",
        100,
        3_600_000,
        unit="ms",
    )
    log_store_lease = Integer(
        3000,
        "How long a server has the lease after it was last heard: so long another one "
        "waits before it takes over. What the store has from its making stays.",
        500,
        600_000,
        unit="ms",
        live=False,
    )
    log_store_master_name = Text(
        "mymaster",
        "The name by which clients that know Sentinel ask for the server that leads.",
        live=False,
    )
    log_store_credentials_file = Text(
        "", "A file of credentials (.creds) for those servers.", live=False
    )
    log_store_user = Text(
        "", "The user there, where there is no such file.", live=False
    )
    log_store_password = Secret(b"", "The user's password.", live=False)
    log_store_tls_ca_cert_file = Text(
        "", "Who has signed their certificates; empty for the system's.", live=False
    )
    log_store_tls_cert_file = Text(
        "", "The certificate that is shown to them; empty for none.", live=False
    )
    log_store_tls_key_file = Text("", "The key of that certificate.", live=False)
