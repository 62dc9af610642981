"""`replay export` and `replay import`: to and from Redis's own files and servers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from joblog.app.errors import CommandError
from joblog.app.history.moments import Moment, Point
from joblog.app.history.rdb_files import write_rdb
from joblog.replay.exchange.aof import AofWriter, ExchangeError
from joblog.replay.exchange.importing import Importer
from joblog.replay.exchange.targets import (
    TARGETS,
    is_for_redis,
    knows_times,
    require_history,
    require_moment,
)
from joblog.replay.output.answers import Mode, Output
from joblog.replay.output.exits import FOUND, NOTHING
from joblog.replay.undoing.live import LiveError, LiveServer, database_of
from joblog.replay.verbs.options import Span, Tool, at_option, takes_folder, takes_range
from joblog.replay.verbs.state import fold_to
from joblog.storage.disk import open_disk
from joblog.storage.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@takes_folder
@click.option("--aof", type=_FILE, metavar="FILE", help="An append-only file (RESP).")
@click.option("--rdb", type=_FILE, metavar="FILE", help="An RDB file, of one moment.")
@click.option(
    "--for",
    "target",
    type=click.Choice(list(TARGETS)),
    help="The server that is to load it; it is refused what that cannot hold.",
)
@takes_range()
@at_option
def export(
    tool: Tool,
    aof: Path | None,
    rdb: Path | None,
    span: Span,
    at: Moment | None,
    target: str | None,
) -> int:
    r"""Write DIR for another server: Redis and Valkey load both kinds of file.

    Without --at an append-only file has the whole history that the log still has, or
    that of a range, with its times; with --at it builds that one moment. An RDB file
    is of the range's end. FILE must not be there yet.

    Give --for where the other server is not the latest: what it cannot hold is named,
    and nothing is written. Deadlines of hash fields in an RDB file are in the form of
    Valkey 9, unless it is for Redis.

    \b
    Examples:
      replay export joblog-data --rdb dump.rdb
      replay export joblog-data --rdb dump.rdb --for redis-7.4
      replay export joblog-data --aof history.aof
      replay export joblog-data --aof then.aof --at 'yesterday 14:00'
      replay export joblog-data yesterday..today --aof day.aof
    """
    if (aof is None) == (rdb is None):
        raise click.UsageError("give one of --aof FILE and --rdb FILE")
    if at is not None and span.is_given:
        raise click.UsageError("--at is one moment, and a range is another thing")
    if rdb is not None and span.since is not None:
        raise click.UsageError("an RDB file has no history: give its moment, --until")
    path = aof or rdb
    assert path is not None
    try:
        if aof is not None and at is None:
            seq = _export_history(tool, aof, target, tool.seqs(span))
        else:
            point = tool.point(at or span.until)
            seq = _export_moment(tool, aof, rdb, point, target)
    except ExchangeError as error:
        raise click.ClickException(str(error)) from error
    _tell(tool, path, seq)
    return 0


def _export_moment(
    tool: Tool, aof: Path | None, rdb: Path | None, point: Point, target: str | None
) -> int:
    keyspace = fold_to(tool, point).fold.keyspace
    if target is not None:
        require_moment(keyspace, target)
    if rdb is not None:
        for_redis = target is not None and is_for_redis(target)
        _write_file(rdb, lambda file: write_rdb(file, keyspace, is_for_redis=for_redis))
    elif aof is not None:
        _write_file(aof, lambda file: AofWriter(file).write_keyspace(keyspace))
    return point.seq


def _export_history(
    tool: Tool, aof: Path, target: str | None, span: tuple[int, int]
) -> int:
    floor, last_seq = span
    if target is not None:
        if floor > 1:
            before = tool.point(Moment("", seq=floor - 1))
            require_moment(fold_to(tool, before).fold.keyspace, target)
        records = read_records(
            tool.folder, filesystem=tool.filesystem, from_seq=floor, until_seq=last_seq
        )
        require_history(records, target)
    has_times = knows_times(target)

    def write(file: BinaryIO) -> None:
        _write_history(tool, AofWriter(file, has_times=has_times), span)

    _write_file(aof, write)
    return last_seq


def _write_history(tool: Tool, writer: AofWriter, span: tuple[int, int]) -> None:
    floor, last_seq = span
    if floor > 1:
        before = tool.point(Moment("", seq=floor - 1))
        writer.write_keyspace(fold_to(tool, before).fold.keyspace)
    with tool.progress("writing", last_seq) as progress:
        for record in read_records(
            tool.folder, filesystem=tool.filesystem, from_seq=floor, until_seq=last_seq
        ):
            writer.write_record(record)
            progress(record.seq)


def _write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a new file, durably; nothing is left of it where that fails."""
    try:
        file = path.open("xb+")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    try:
        with file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _tell(tool: Tool, path: Path, seq: int) -> None:
    size = path.stat().st_size
    tool.output.facts(
        {"file": str(path), "seq": seq, "bytes": size},
        {"file": str(path), "seq": str(seq), "size": f"{size:,} bytes"},
    )


@click.command(name="import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("source")
@click.option(
    "--accept-torn",
    is_flag=True,
    help="Exit with 0 also where something of a file was cut off or refused.",
)
@click.option(
    "--skip-modules",
    is_flag=True,
    help="Leave out keys that only a module of the other server can read.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object.")
@click.option("--plain", "is_plain", is_flag=True, help="Tab-separated lines.")
def import_(
    folder: Path,
    source: str,
    *,
    accept_torn: bool,
    skip_modules: bool,
    is_json: bool,
    is_plain: bool,
) -> int:
    r"""Begin a log in DIR, which must have none, with what another server has.

    SOURCE is an RDB file; an append-only file; the appendonlydir or the manifest of
    one; or a running server, redis://[:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS,
    or unix:///PATH. Times of an append-only file (aof-timestamp-enabled) become those
    of the records; those of others are not known, and their client is called
    replay-import:times-unknown.

    An append-only file is loaded as a server loads it: an end that is torn, and a
    transaction that never ended, are left out. Each is told, with its place, and the
    exit code is 1, unless --accept-torn is given. An import that fails leaves nothing
    behind.

    \b
    Examples:
      replay import joblog-data /var/lib/redis/dump.rdb
      replay import joblog-data /var/lib/redis/appendonlydir
      replay import joblog-data redis://127.0.0.1:6379
    """
    output = Output(Mode.JSON if is_json else Mode.PLAIN if is_plain else None)
    is_live = "://" in source
    name = source.rpartition("@")[2] if is_live else source  # without a password
    importer: Importer | None = None
    try:
        importer = Importer(folder, open_disk(), name, skips_modules=skip_modules)
        if is_live:
            with LiveServer(source) as server:
                importer.take_live(server, database_of(source))
        else:
            importer.take_file(Path(source))
        report = importer.finish()
    except BaseException as error:
        if importer is not None:
            importer.give_up()
        if not isinstance(error, ExchangeError | LiveError | CommandError | OSError):
            raise
        output.hint(f"replay: {error}; nothing was imported")
        return NOTHING
    for line in report.notices + report.losses:
        output.hint(f"replay: {line}")
    output.facts(
        {
            "folder": str(folder),
            "keys": report.keys,
            "commands": report.commands,
            "last_seq": report.last_seq,
            "losses": report.losses,
            "notices": report.notices,
        },
        {
            "folder": str(folder),
            "keys": f"{report.keys:,}",
            "commands": f"{report.commands:,}",
            "records": f"1 to {report.last_seq}",
        },
    )
    return NOTHING if report.losses and not accept_torn else FOUND
