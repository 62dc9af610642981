"""Which log a server has: that of files, alone or with others who keep it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.actors.local_log import LocalLog

if TYPE_CHECKING:
    from joblog.actors.command_log import LogSource
    from joblog.actors.quorum.keeping import Quorum
    from joblog.app.config import Config
    from joblog.storage.filesystem import FileSystem


def take_files(
    config: Config, disk: FileSystem, port: int
) -> tuple[LogSource, Quorum | None]:
    """Take the log of files; return who keeps it too as well, if somebody does.

    Raises:
        StorageError: another process has the folder, or the disk refused.
    """
    if not config.log_store:
        return LocalLog(config, disk), None
    # What that needs is an extra, and imported for nobody else.
    from joblog.actors.quorum.opening import QuorumLog  # noqa: PLC0415 - see above

    log = QuorumLog(config, disk, port)
    return log, log.quorum
