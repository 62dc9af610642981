"""Settings of the RDB file that is written beside snapshots, for backup scripts."""

from __future__ import annotations

from joblog.app.config.kinds import Boolean
from joblog.app.config.particular import FileName


class RdbSettings:
    """Redis's RDB file, which the command log makes superfluous."""

    rdb_compat = Boolean(
        "no",
        "Whether SAVE, BGSAVE and the `save` rules write Redis's RDB file too, as "
        "`dbfilename` in `dir`, for scripts that copy it; nothing here reads it.",
    )
    dbfilename = FileName(
        "dump.rdb",
        "The name of that file. A start tells where it finds a Redis server's.",
        protected=True,
    )
    rdbchecksum = Boolean(
        "yes",
        "Whether that file ends with its checksum, which takes the child that writes "
        "it about 0.05 us a byte.",
        live=False,
    )
