"""Listening sockets, bound as redis-server binds them."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from joblog.actors.transport import close

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.config import Config

PORTS: Final = ("port", "tls_port")
"""The settings that name a port, as attributes."""

_EVERY = {"*": "0.0.0.0", "::*": "::"}  # noqa: S104 - what `bind *` asks for


class TlsSocket(socket.socket):
    """A listening socket whose clients speak TLS."""


class ListenError(Exception):
    """An address cannot be listened on; the text says where it was asked for."""


def listen(config: Config) -> list[socket.socket]:
    """Return listening, non-blocking sockets for all that the settings ask for.

    Raises:
        ListenError: an address is in use or cannot be had. Nothing stays open then.
    """
    opened: list[socket.socket] = []
    try:
        for name in PORTS:
            if config.__dict__[name]:
                for address in config.bind:
                    _listen_on(opened, address, config, name)
        if config.unixsocket:
            opened.append(_listen_on_path(config.unixsocket, config))
    except ListenError:
        close_all(opened)
        raise
    return opened


def listen_on_all(config: Config, name: str) -> list[socket.socket]:
    """Return sockets that listen on the port that a setting names, on each address.

    Raises: as `listen`.
    """
    opened: list[socket.socket] = []
    try:
        for address in config.bind:
            _listen_on(opened, address, config, name)
    except ListenError:
        close_all(opened)
        raise
    return opened


def is_loopback(host: str) -> bool:
    """Say whether an address is this machine's own; a name is none."""
    try:
        address = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def tcp_port(sockets: list[socket.socket]) -> int:
    """Return the first TCP port that is listened on, or 0."""
    return next((port for port, _ in _ports(sockets)), 0)


def describe(sockets: list[socket.socket], path: str) -> str:
    """Return where clients may come, in words; `path` is the Unix socket's."""
    # Each address has a socket of its own, mostly with the same port.
    ports = dict.fromkeys(_ports(sockets))
    words = [f"port {port}{' (TLS)' if is_tls else ''}" for port, is_tls in ports]
    return ", ".join(words) or path


def _ports(sockets: list[socket.socket]) -> Iterator[tuple[int, bool]]:
    for one in sockets:
        if one.family != socket.AF_UNIX:
            yield one.getsockname()[1], isinstance(one, TlsSocket)


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets."""
    for one in sockets:
        close(one)


def _listen_on(
    opened: list[socket.socket], address: str, config: Config, name: str
) -> None:
    """Listen on one address; one that begins with `-` may be missing here."""
    is_optional = address.startswith("-")
    port: int = config.__dict__[name]
    try:
        family, target = resolve(host_of(address), port)
        opened.append(open_at(family, target, config, kind_of(name)))
    except OSError as error:
        if is_optional:
            return
        is_in_use = error.errno == errno.EADDRINUSE
        is_port = is_in_use or error.errno == errno.EACCES
        directive = name.replace("_", "-") if is_port else "bind"
        advice = (
            "stop who has it, or choose another port"
            if is_in_use
            else "choose one that this machine has and this user may listen on"
        )
        raise ListenError(
            f"{_place(config, directive)}: Could not create server TCP listening "
            f"socket {address}:{port}: bind: {_words(error)}; {advice}"
        ) from error


def _place(config: Config, directive: str) -> str:
    """Return where a directive stands that asks for an address, and the directive."""
    places = config.places.get(directive)
    where = places[-1] if places else "by default"
    return f"{where}: {directive} {config.show(directive)}"


def _words(error: OSError) -> str:
    return error.strerror or str(error)


def host_of(address: str) -> str:
    """Return the host that an address of the setting `bind` means."""
    host = address.removeprefix("-")
    return _EVERY.get(host, host)


def resolve(host: str, port: int) -> tuple[int, Any]:
    """Return the family of a host's first address, and where to bind.

    Raises:
        OSError: the host has none.
    """
    family, _, _, _, target = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return family, target


def kind_of(name: str) -> type[socket.socket]:
    """Return what listens on the port that a setting names."""
    return TlsSocket if name == "tls_port" else socket.socket


def open_at(
    family: int,
    target: Any,
    config: Config,
    kind: type[socket.socket] = socket.socket,
) -> socket.socket:
    """Return a listening, non-blocking TCP socket of a kind.

    Raises:
        OSError: the address is in use, or cannot be had.
    """
    listening = kind(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Each address is bound by itself: `::` must not take IPv4 along.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(target)
        listening.listen(config.tcp_backlog)
        listening.setblocking(False)  # noqa: FBT003 - socket's signature
    except OSError:
        listening.close()
        raise
    return listening


def _listen_on_path(path: str, config: Config) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The umask goes before the bind: no moment at which the socket is open to all.
    mask = os.umask(0o777)
    os.umask(0o777 & ~config.unixsocketperm if config.unixsocketperm else mask)
    try:
        Path(path).unlink(missing_ok=True)
        listening.bind(path)
        listening.listen(config.tcp_backlog)
        listening.setblocking(False)  # noqa: FBT003 - socket's signature
    except OSError as error:
        listening.close()
        raise ListenError(
            f"{_place(config, 'unixsocket')}: Failed opening Unix socket: bind: "
            f"{_words(error)}; name a path in a folder that is there, where this user "
            "may write"
        ) from error
    finally:
        os.umask(mask)
    return listening
