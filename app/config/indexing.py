"""Settings of what is kept beside the log for those who ask about it."""

from __future__ import annotations

from joblog.app.config.kinds import Boolean


class IndexSettings:
    """The index of the log, which `replay` answers by."""

    log_index = Boolean(
        "no",
        "Have each segment indexed once it is sealed, by a niced process, so that what "
        "`replay` is asked of a long log takes no time.",
    )
