"""`replay follow`: a log that grows with a live Redis or Valkey."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import click

from joblog.app.config import Config, ConfigError
from joblog.app.history.positions import find_standing
from joblog.replay.output.exits import NOTHING
from joblog.storage.disk import VARIABLE, open_disk
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORT: Final = 6379
_FOLDER: Final = "joblog-data"
_FILES: Final = {
    "ssl_ca_certs": "tls-ca-cert-file",
    "ssl_ca_path": "tls-ca-cert-dir",
    "ssl_certfile": "tls-cert-file",
    "ssl_keyfile": "tls-key-file",
}


@click.command()
@click.argument("source")
@click.argument(
    "folder", metavar="[DIR]", default=_FOLDER, type=click.Path(path_type=Path)
)
@click.option(
    "--appendfsync",
    type=click.Choice(["always", "everysec", "no"]),
    default="everysec",
    show_default=True,
    help="When records are synced; the server is told what is durable in any case.",
)
def follow(source: str, folder: Path, appendfsync: str) -> int:
    r"""Record what SOURCE does in DIR, as a replica of it. Ctrl-C ends it.

    SOURCE is redis://[[user]:password@]host[:port], or rediss:// for TLS. DIR is made
    where it is missing, and is joblog-data unless it is given. Nobody can connect here;
    all other verbs can look at DIR meanwhile. Started again, it goes on where it was.

    \b
    Examples:
      replay follow redis://127.0.0.1
      replay follow redis://tap:secret@queue.example:6379 tapped
    """
    from joblog.actors.system import Server, StartError  # noqa: PLC0415 - no other verb needs it

    try:
        config = Config({**_settings(source, folder), "appendfsync": appendfsync})
    except (ConfigError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    _require_no_other(folder, source)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tell_of_link()
    try:
        server = Server(config)
    except StartError as error:
        click.echo(f"replay: {error}", err=True)
        return NOTHING
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()
    return server.exit_code


def _require_no_other(folder: Path, source: str) -> None:
    """Refuse a folder with data of its own, which would become that of the source.

    Raises:
        ClickException: it is one.
        StorageError: the log in it cannot be read.
    """
    filesystem = open_disk()
    try:
        segments = LogFolder(folder, filesystem).find_segments()
    except StorageError:
        return  # there is no log yet
    standing = find_standing(folder, filesystem)
    if not segments or (standing.master and not standing.is_over):
        return
    records = read_records(folder, filesystem=filesystem, from_seq=segments[0])
    is_own = any(record.effects for record in records)
    if is_own:
        raise click.ClickException(
            f"{folder} has data of its own, which would become that of {source}: name "
            "another folder (or start joblog over it, with replicaof)"
        )


def _settings(source: str, folder: Path) -> Mapping[str, str]:
    """Return the settings of a server that nobody reaches.

    Raises:
        ClickException: this is no address of a server.
    """
    parts = urlsplit(source)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise click.ClickException(
            f"{source!r} is no address of a server: write redis://HOST[:PORT]"
        )
    settings = {
        "dir": str(folder),
        "port": "0",
        "save": "",
        "log-encryption-key-file": os.environ.get(VARIABLE, ""),
        "replicaof": f"{parts.hostname} {parts.port or _PORT}",
    }
    if parts.password:
        settings["masterauth"] = unquote(parts.password)
    if parts.username:
        settings["masteruser"] = unquote(parts.username)
    if parts.scheme == "rediss":
        settings |= {"tls-replication": "yes", **_files(parts)}
    return settings


def _files(parts: SplitResult) -> dict[str, str]:
    """Return the settings for the files of TLS that an address names."""
    query = dict(parse_qsl(parts.query))
    return {_FILES[name]: query[name] for name in _FILES if name in query}


def _tell_of_link() -> None:
    """Write what becomes of the link, and what goes wrong, to standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("joblog.actors.replica").setLevel(logging.INFO)
    logging.getLogger("pykka").setLevel(logging.WARNING)
