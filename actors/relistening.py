"""Listening elsewhere: what CONFIG SET of ports and addresses does to the TCP sockets.

An address that is asked for before and after stays open, so nobody who connects to it
notices. Where one cannot be had, all is as it was.

Source: Redis 7.0.15; see tests/server/test_network_settings.py.
"""

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.actors.sockets import (
    PORTS,
    close_all,
    host_of,
    kind_of,
    open_at,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.config import Config

logger = logging.getLogger(__name__)


class _Place(NamedTuple):
    """An address to listen on.

    Attributes:
        family, target: as the socket module takes them.
        kind: the class of its socket.
        is_optional: whether this machine may lack it.
    """

    family: int
    target: Any
    kind: type[socket.socket]
    is_optional: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """What a socket that listens there has in common with it."""
        return (self.kind, self.family, *self.target[:2])


class Relistener:
    """Changes which addresses are listened on.

    Attributes:
        sockets: those that listen now, also those of no address (a Unix socket's).
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        config: Config,
        watch: Callable[[socket.socket], None],
        end: Callable[[socket.socket], None],
    ) -> None:
        """Take over listening sockets.

        Args:
            sockets: all that listen.
            config: the settings.
            watch: begins to accept from a socket.
            end: accepts no more from a socket, and closes it.
        """
        self.sockets = sockets
        self._config = config
        self._watch = watch
        self._end = end

    def listen_anew(self) -> bool:
        """Listen on what the settings ask for now.

        Returns:
            Whether that could be had; else all is as it was.
        """
        try:
            places = self._places()
            here = {_key(one): one for one in self._of_tcp()}
            wanted = {place.key for place in places}
            gone = [one for key, one in here.items() if key not in wanted]
            added = [place for place in places if place.key not in here]
            self._replace(gone, added)
        except OSError as error:
            logger.warning(
                "port %d, tls-port %d, bind '%s': cannot listen there: %s",
                self._config.port,
                self._config.tls_port,
                self._config.show("bind"),
                error.strerror or error,
            )
            return False
        return True

    def _places(self) -> list[_Place]:
        """Return where the settings ask to listen.

        Raises:
            OSError: a name has no address, which may not be missing.
        """
        config = self._config
        places = []
        for name in PORTS:
            port: int = config.__dict__[name]
            for address in config.bind if port else ():
                is_optional = address.startswith("-")
                try:
                    family, target = resolve(host_of(address), port)
                except OSError:
                    if not is_optional:
                        raise
                    continue
                places.append(_Place(family, target, kind_of(name), is_optional))
        return places

    def _of_tcp(self) -> list[socket.socket]:
        return [one for one in self.sockets if one.family != socket.AF_UNIX]

    def _replace(self, gone: list[socket.socket], added: list[_Place]) -> None:
        """Listen on some places in place of others.

        Raises:
            OSError: one cannot be had; all is as it was.
        """
        try:
            self._open(added)
        except OSError as error:
            # An old `*` takes each single address of its port: it has to go first.
            if error.errno != errno.EADDRINUSE or not gone:
                raise
            old = [_Place(one.family, one.getsockname(), type(one)) for one in gone]
            self._close(gone)
            try:
                self._open(added)
            except OSError:
                self._open(old)
                raise
        else:
            self._close(gone)

    def _open(self, places: list[_Place]) -> None:
        """Listen on some places, or on none of them.

        Raises:
            OSError: one cannot be had.
        """
        opened: list[socket.socket] = []
        for place in places:
            try:
                kind = place.kind
                opened.append(open_at(place.family, place.target, self._config, kind))
            except OSError as error:
                if place.is_optional and error.errno != errno.EADDRINUSE:
                    continue
                close_all(opened)
                raise
        for one in opened:
            self._watch(one)
        self.sockets += opened

    def _close(self, gone: list[socket.socket]) -> None:
        for one in gone:
            self.sockets.remove(one)
            self._end(one)


def _key(one: socket.socket) -> tuple[Any, ...]:
    return (type(one), one.family, *one.getsockname()[:2])
