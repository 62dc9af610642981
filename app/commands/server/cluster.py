"""Cluster commands: there is no cluster mode, and each says so.

They are registered one by one, so that a client which asks first gets Redis's answer to
a cluster command on a server without cluster mode, and no `unknown command`.

Source: Redis 7.0.15; see tests/parity/test_replication.py.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.state.context import Context


def _refusal(arity: int, words: int) -> Callable[..., None]:
    """Return a handler that refuses, with as many parameters as an arity asks for."""

    def refuse(_: Context, *_arguments: bytes) -> None:
        raise CommandError(errors.NO_CLUSTER)

    kind = inspect.Parameter
    parameters = [kind("ctx", kind.POSITIONAL_ONLY)]
    parameters += [
        kind(f"argument_{number}", kind.POSITIONAL_ONLY)
        for number in range(1, abs(arity) - words + 1)
    ]
    if arity < 0:
        parameters.append(kind("arguments", kind.VAR_POSITIONAL))
    refuse.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what the table reads
    return refuse


_READ_MODE: Final = Flag.LOADING | Flag.STALE | Flag.FAST
_STALE: Final = Flag.STALE
_CHANGE: Final = Flag.ADMIN | Flag.STALE | Flag.NO_ASYNC_LOADING
_CLUSTER: Final[tuple[tuple[Any, ...], ...]] = (
    ("CLUSTER ADDSLOTS", -3, _CHANGE, "3.0.0"),
    ("CLUSTER ADDSLOTSRANGE", -4, _CHANGE, "7.0.0"),
    ("CLUSTER BUMPEPOCH", 2, _CHANGE, "3.0.0", RANDOM),
    ("CLUSTER COUNT-FAILURE-REPORTS", 3, Flag.ADMIN | Flag.STALE, "3.0.0", RANDOM),
    ("CLUSTER COUNTKEYSINSLOT", 3, _STALE, "3.0.0"),
    ("CLUSTER DELSLOTS", -3, _CHANGE, "3.0.0"),
    ("CLUSTER DELSLOTSRANGE", -4, _CHANGE, "7.0.0"),
    ("CLUSTER FAILOVER", -2, _CHANGE, "3.0.0"),
    ("CLUSTER FLUSHSLOTS", 2, _CHANGE, "3.0.0"),
    ("CLUSTER FORGET", 3, _CHANGE, "3.0.0"),
    ("CLUSTER GETKEYSINSLOT", 4, _STALE, "3.0.0", RANDOM),
    ("CLUSTER INFO", 2, _STALE, "3.0.0", RANDOM),
    ("CLUSTER KEYSLOT", 3, _STALE, "3.0.0"),
    ("CLUSTER LINKS", 2, _STALE, "7.0.0", RANDOM),
    ("CLUSTER MEET", -4, _CHANGE, "3.0.0"),
    ("CLUSTER MYID", 2, _STALE, "3.0.0"),
    ("CLUSTER MYSHARDID", 2, _STALE, "7.2.0"),
    ("CLUSTER NODES", 2, _STALE, "3.0.0", RANDOM),
    ("CLUSTER REPLICAS", 3, Flag.ADMIN | Flag.STALE, "5.0.0", RANDOM),
    ("CLUSTER REPLICATE", 3, _CHANGE, "3.0.0"),
    ("CLUSTER RESET", -2, Flag.ADMIN | Flag.NOSCRIPT | Flag.STALE, "3.0.0"),
    ("CLUSTER SAVECONFIG", 2, _CHANGE, "3.0.0"),
    ("CLUSTER SET-CONFIG-EPOCH", 3, _CHANGE, "3.0.0"),
    ("CLUSTER SETSLOT", -4, _CHANGE, "3.0.0"),
    ("CLUSTER SHARDS", 2, Flag.LOADING | Flag.STALE, "7.0.0", RANDOM),
    ("CLUSTER SLAVES", 3, Flag.ADMIN | Flag.STALE, "3.0.0", RANDOM),
    ("CLUSTER SLOTS", 2, Flag.LOADING | Flag.STALE, "3.0.0", RANDOM),
    ("CLUSTER HELP", 2, Flag.LOADING | Flag.STALE, "5.0.0"),
    ("ASKING", 1, Flag.FAST, "3.0.0"),
    ("READONLY", 1, _READ_MODE, "3.0.0"),
    ("READWRITE", 1, _READ_MODE, "3.0.0"),
)
for _name, _arity, _flags, _since, *_tips in _CLUSTER:
    command(
        _name,
        arity=_arity,
        flags=_flags,
        group="cluster",
        since=_since,
        summary="Answer that cluster mode is off.",
        complexity="O(1)",
        acl=() if " " in _name else ("connection",),
        tips=tuple(_tips),
    )(_refusal(_arity, len(_name.split())))
