"""The live server, asked over its socket; the one place here that opens one."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from joblog.app.protocol.encoder import encode_bulks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from joblog.replay.undoing.reverting import Plan

DEFAULT_URL = "redis://127.0.0.1:6379"
_CLOSED = "the server has closed the connection"
_PORT = 6379
_TIMEOUT_SECONDS = 30.0


class LiveError(Exception):
    """The server cannot be reached, or refuses; the text says why."""


class LiveServer:
    """A connection to a server, for a few commands."""

    def __init__(self, url: str) -> None:
        """Connect.

        Args:
            url: `redis://[[user]:password@]host[:port][/db]`, `rediss://` for TLS, or
                `unix:///path`.

        Raises:
            LiveError: it is no such URL, or nobody answers there.
        """
        parts = urlsplit(url)
        try:
            self._socket = _connect(parts)
        except OSError as error:
            shown = _shown(parts)
            raise LiveError(f"{shown}: {error.strerror or error}") from error
        except ValueError as error:
            raise LiveError(f"{_shown(parts)}: {error}") from error
        self._replies = self._socket.makefile("rb")
        if parts.password:
            user = [unquote(parts.username).encode()] if parts.username else []
            try:
                self.ask(b"AUTH", *user, unquote(parts.password).encode())
            except LiveError:
                self.close()
                raise

    def ask(self, *argv: bytes) -> Any:
        """Run one command and return its reply.

        Raises:
            LiveError: the reply is an error, or the connection is lost.
        """
        try:
            self._socket.sendall(encode_bulks(argv))
            reply = read_reply(self._replies)
        except OSError as error:
            raise LiveError(f"the connection is lost: {error}") from error
        if isinstance(reply, LiveError):
            raise reply
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._replies.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()


def read_reply(file: BinaryIO) -> Any:
    """Return the next reply in RESP2; an error, also within an array, as a LiveError.

    Raises:
        LiveError: the server has closed the connection, or this is no RESP2.
        OSError: the connection is lost.
    """
    line = _read_line(file)
    kind, rest = line[:1], line[1:]
    match kind:
        case b"+":
            return rest
        case b"-":
            return LiveError(rest.decode(errors="backslashreplace"))
        case b":":
            return int(rest)
        case b"$":
            if rest == b"-1":
                return None
            data = file.read(int(rest) + 2)
            if len(data) < int(rest) + 2:
                raise LiveError(_CLOSED)
            return data[:-2]
        case b"*":
            if rest == b"-1":
                return None
            return [read_reply(file) for _ in range(int(rest))]
    raise LiveError(f"this is no reply in RESP2: {line[:100]!r}")


def _read_line(file: BinaryIO) -> bytes:
    line = file.readline()
    if not line.endswith(b"\r\n"):
        raise LiveError(_CLOSED)
    return line[:-2]


def _connect(parts: SplitResult) -> socket.socket:
    if parts.scheme in ("redis", "rediss") and parts.hostname:
        address = (parts.hostname, parts.port or _PORT)
        connected = socket.create_connection(address, _TIMEOUT_SECONDS)
        return _secured(connected, parts) if parts.scheme == "rediss" else connected
    if parts.scheme != "unix":
        raise LiveError(f"{_shown(parts)!r}: write {DEFAULT_URL} or unix:///path")
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(_TIMEOUT_SECONDS)
    try:
        connected.connect(parts.path)
    except OSError:
        connected.close()
        raise
    return connected


def _secured(connected: socket.socket, parts: SplitResult) -> socket.socket:
    """Return a connection under TLS; the server's name is checked.

    The query of the URL may name files as those of redis-py do: `ssl_ca_certs` and
    `ssl_ca_path` for who signed the server's certificate, `ssl_certfile` and
    `ssl_keyfile` for our own; and `ssl_check_hostname=false`, `ssl_cert_reqs=none`.
    """
    options = dict(parse_qsl(parts.query))
    try:
        context = ssl.create_default_context(
            cafile=options.get("ssl_ca_certs"), capath=options.get("ssl_ca_path")
        )
        is_any = options.get("ssl_cert_reqs") == "none"
        if is_any or options.get("ssl_check_hostname", "").lower() == "false":
            context.check_hostname = False
        if is_any:
            context.verify_mode = ssl.CERT_NONE
        if own := options.get("ssl_certfile"):
            context.load_cert_chain(own, options.get("ssl_keyfile"))
        return context.wrap_socket(connected, server_hostname=parts.hostname)
    except OSError:
        connected.close()
        raise


def _shown(parts: SplitResult) -> str:
    """Return a URL as it may be shown: without a password."""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: without a password."""
    return re.sub(r"(?<=://)[^/]*@", "", url)


def database_of(url: str) -> int | None:
    """Return the database that a URL names (`redis://host/3`); None where it does not.

    Raises:
        LiveError: its path is no number.
    """
    parts = urlsplit(url)
    path = parts.path.strip("/")
    if parts.scheme == "unix" or not path:
        return None
    if not path.isdigit():
        raise LiveError(f"{_shown(parts)}: {path!r} is no number of a database")
    return int(path)


def apply_plan(server: LiveServer, plan: Plan, log_id: str) -> int:
    """Run the commands of a plan as one transaction.

    Args:
        server: the server whose log the plan was made from.
        plan: the plan.
        log_id: the id of that log.

    Returns:
        The number of the log's last record then.

    Raises:
        LiveError: it is another server, a key was changed meanwhile, or a command was
            refused. Nothing is changed then.
    """
    facts = _facts(server)
    if facts.get(b"log_id") != log_id.encode():
        raise LiveError("that server keeps another log than this folder's")
    server.ask(b"CLIENT", b"SETNAME", b"replay-revert")
    for db, key in plan.keys:
        server.ask(b"SELECT", b"%d" % db)
        server.ask(b"WATCH", key)
    for db, key in plan.keys:
        server.ask(b"SELECT", b"%d" % db)
        if next(_changes_since(server, key, plan.end_seq + 1), None) is not None:
            shown = key.decode(errors="backslashreplace")
            raise LiveError(f"{shown} was changed meanwhile; work it out again")
    server.ask(b"MULTI")
    selected = -1
    for db, argv in plan.commands:
        if db != selected:
            server.ask(b"SELECT", b"%d" % db)
            selected = db
        server.ask(*argv)
    if server.ask(b"EXEC") is None:
        raise LiveError("a key was changed meanwhile; work it out again")
    return int(_facts(server)[b"last_seq"])


def _facts(server: LiveServer) -> dict[bytes, Any]:
    reply = server.ask(b"LOG.INFO")
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _changes_since(server: LiveServer, key: bytes, seq: int) -> Iterator[Any]:
    """Yield the records that changed a key of the selected database."""
    last_seq = seq
    while seq <= last_seq:
        seq, last_seq, records = server.ask(b"LOG.HISTORY", key, b"FROM", b"%d" % seq)
        yield from records
