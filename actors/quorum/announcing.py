"""Announcing: where clients reach this server, as it tells others and clients."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Final

from joblog.app.state.replication import Address

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.app.config.stores import StorePlace

_SERVER: Final = re.compile(r"\w+://(?:\[([^]]+)\]|([^:]+))(?::(\d+))?")
_NATS_PORT: Final = 4222
_ANY: Final = frozenset(("*", "0.0.0.0", "::", "::*"))  # noqa: S104 - to know them


def announced(config: Config, place: StorePlace, port: int) -> Address:
    """Return the address by which clients reach this server.

    What is set, else the first address that it is bound to, else that by which it
    reaches the store's servers.

    Args:
        config: the settings.
        place: where the store's servers are.
        port: the one that it listens on; 0 for TLS alone.
    """
    port = config.replica_announce_port or port or config.tls_port
    if config.replica_announce_ip:
        return Address(config.replica_announce_ip, port)
    bound = [word.removeprefix("-") for word in config.bind]
    if bound and bound[0] not in _ANY:
        return Address(bound[0], port)
    for server in place.servers:
        found = _SERVER.fullmatch(server)
        if found is not None:
            host = found[1] or found[2]
            address = _own_address(host, int(found[3] or _NATS_PORT))
            if address:
                return Address(address, port)
    return Address(socket.gethostname(), port)


def _own_address(host: str, port: int) -> str:
    """Return the address of this machine on the way to another; "" for none."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM
        ):
            with socket.socket(family, kind, protocol) as probe:
                probe.connect(address)  # nothing is sent
                return str(probe.getsockname()[0])
    except OSError:
        return ""
    return ""
