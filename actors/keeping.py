"""What a start says of the data that it keeps, and of what it finds beside it.

Nothing is lost in silence: that the log is kept less safely than `appendonly yes` keeps
it, that nothing is kept, and that Redis's own files are not read, is each a line.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.app import clock
from joblog.storage.memory_mark import remove_mark, write_mark

if TYPE_CHECKING:
    from joblog.app.config import Config

logger = logging.getLogger(__name__)


def tell_what_is_kept(config: Config, last_seq: int | None) -> None:
    """Log what an operator must know of the data before it is served.

    Args:
        config: the settings.
        last_seq: the log's last record; None where no log is kept.
    """
    folder = Path(config.dir).absolute()
    if last_seq is None:
        _tell_of_memory_only(config, folder)
    else:
        remove_mark(folder)
        if not config.appendonly:
            logger.warning(
                "appendonly is no, but there are save rules: the log is kept, though "
                "synced when the system likes, so a power cut may cost the last half "
                "minute; set appendonly to yes for appendfsync %s, or save to an empty "
                "string to keep memory only",
                config.appendfsync,
            )
    found = find_foreign_data(config, folder)
    is_ours = config.rdb_compat and bool(last_seq)
    if found is not None and not (is_ours and found == folder / config.dbfilename):
        _tell_of_foreign_data(found, is_empty=not last_seq)


def _tell_of_memory_only(config: Config, folder: Path) -> None:
    why = "memory-only yes" if config.memory_only else 'appendonly no and save ""'
    logger.warning(
        "memory only (%s): nothing is written to the disk, and whatever this server "
        "holds is lost when it stops; remove the setting to keep a log",
        why,
    )
    if (folder / "log").is_dir():
        logger.warning(
            "%s has a log, which is not read: this server starts empty", folder
        )
    since = datetime.fromtimestamp(clock.now_ms() // 1000, UTC).isoformat()
    text = (
        f"process {os.getpid()} keeps memory only here since {since} ({why}): nothing "
        "that it does is in a log"
    )
    try:
        write_mark(folder, text)
    except OSError as error:
        logger.warning("%s: 'replay' will not know of this: %s", folder, error.strerror)


def find_foreign_data(config: Config, folder: Path) -> Path | None:
    """Return the data in a folder that a Redis server would load, or None."""
    append_only = [folder / config.appenddirname, folder / config.appendfilename]
    snapshot = [folder / config.dbfilename]
    both = append_only + snapshot if config.appendonly else snapshot + append_only
    # Unlike Path.exists, this never raises: what cannot be looked at is not there.
    return next((path for path in both if os.path.exists(path)), None)  # noqa: PTH110


def _tell_of_foreign_data(path: Path, *, is_empty: bool) -> None:
    if is_empty:
        logger.warning(
            "%s holds data of a Redis server, which is not read: this server starts "
            "empty; to bring the data in, stop this server, and start it with "
            "--import-found, or run 'replay import NEW_DIR %s' and start it with --dir "
            "NEW_DIR",
            path,
            path,
        )
    else:
        logger.info("%s, of a Redis server, is not read: the log is", path)
