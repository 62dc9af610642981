"""Where relative paths begin: in the data folder, as in Redis, where `dir` is set.

A redis.conf with `dir /var/lib/redis` and `aclfile users.acl` means the file in that
folder: Redis changes to it, and so does this server. Where `dir` is not set, they begin
where the server was started, as they do in Redis, whose `dir` is then `./`.

Source: Redis 7.0.15; see tests/server/test_working_folder.py.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from joblog.storage.disk import open_disk
from joblog.storage.folder import LogFolder

if TYPE_CHECKING:
    from joblog.app.config import Config

_left: list[str] = []
"""The folder that was left, if any."""


def enter_data_folder(config: Config, *, may_make: bool = False) -> None:
    """Go to the folder that `dir` names, if it is set and can be had.

    What is wrong with it is told by whoever opens it (`checking`, the log).

    Args:
        config: the settings; `dir` is absolute from then on.
        may_make: whether to make the folder where it is missing.
    """
    if not config.places["dir"]:
        return
    folder = config.show("dir")
    try:
        started_in = os.getcwd()  # noqa: PTH109 - a string, for chdir
        if may_make:
            LogFolder(folder, open_disk("")).make_itself()
        os.chdir(folder)
    except (OSError, ValueError):  # the latter for a NUL in it
        return
    vars(config)["dir"] = folder
    _left.append(started_in)


def leave_data_folder() -> None:
    """Go back to where the server was started: its own command line begins there."""
    if _left:
        with contextlib.suppress(OSError):  # it is gone
            os.chdir(_left[0])
