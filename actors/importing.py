"""`import-found`: data of a Redis server that lies in `dir`, brought in at the start.

`replay import` does it, as a process of its own, into the same folder; the log takes
its place whole or not at all, so that a start which is stopped meanwhile begins anew.
It is done where the log has no records: then, and never again. Redis's own files stay.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import joblog
from joblog.actors.keeping import find_foreign_data
from joblog.storage.disk import child_environment, open_disk
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.reader import read_records

if TYPE_CHECKING:
    from joblog.app.config import Config

logger = logging.getLogger(__name__)

_MODULES: Final = Path(joblog.__file__).resolve().parent.parent
_LINES_MAX: Final = 100


class ImportFailedError(Exception):
    """The data that was found cannot be brought in; the text says why, in one line."""


def import_found(config: Config) -> None:
    """Bring in what a Redis server with these settings would load, if that is asked.

    Raises:
        ImportFailedError: it cannot be read; the log is as it was.
    """
    folder = Path(config.dir).absolute()
    source = find_foreign_data(config, folder) if config.import_found else None
    if (
        source is None
        or not config.keeps_log
        or _has_records(folder, config.log_encryption_key_file)
    ):
        return
    logger.info("%s: brought in now, since import-found says so", source)
    done = _run_import(folder, source, config.log_encryption_key_file)
    if done.returncode:
        place = (config.places["import-found"] or ["default"])[-1]
        why = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise ImportFailedError(
            f"{place}: import-found: {why[-1].removeprefix('replay: ')}; mend or "
            f"remove {source}, or set import-found to no to start without its data"
        )
    report = json.loads(done.stdout)
    lines = report["losses"] + report["notices"]
    for line in lines[:_LINES_MAX]:
        logger.warning("import-found: %s", line)
    if len(lines) > _LINES_MAX:
        logger.warning("import-found: and %d more", len(lines) - _LINES_MAX)
    logger.info(
        "%s: brought in %d keys, as records 1 to %d",
        source,
        report["keys"],
        report["last_seq"],
    )


def _has_records(folder: Path, key_file: str) -> bool:
    """Say whether anything is in the log; of a damaged one the start tells."""
    try:
        filesystem = open_disk(key_file)
        segments = LogFolder(folder, filesystem).find_segments()
        return segments not in ([], [1]) or any(
            read_records(folder, filesystem=filesystem)
        )
    except (OSError, StorageError):
        return (folder / "log").is_dir()


def _run_import(
    folder: Path, source: Path, key_file: str
) -> subprocess.CompletedProcess[str]:
    paths = [str(_MODULES), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(  # noqa: S603 - our own program
        [
            *(
                sys.executable,
                "-m",
                "joblog.replay",
                "import",
                "--accept-torn",
                "--json",
            ),
            *("--", str(folder), str(source)),
        ],
        cwd=_MODULES,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=child_environment(key_file)
        | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        check=False,
    )
