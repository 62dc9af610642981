"""INFO: what the server says of itself, in sections.

Source: Redis 7.2's fields; see tests/parity/test_server.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.commands.server import info_fields, info_replication, info_statistics
from joblog.app.reply import Verbatim
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM, SHARDS, SPECIAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.state.context import Context

    Section = Callable[[Context], list[tuple[str, object]]]

_SECTIONS: Final[dict[bytes, Section]] = {
    b"Server": info_fields.server,
    b"Clients": info_fields.clients,
    b"Memory": info_fields.memory,
    b"Persistence": info_fields.persistence,
    b"Stats": info_statistics.statistics,
    b"Replication": info_replication.replication,
    b"CPU": info_fields.cpu,
    b"Modules": info_fields.modules,
    b"Commandstats": info_statistics.command_statistics,
    b"Errorstats": info_statistics.error_statistics,
    b"Latencystats": info_statistics.latency_statistics,
    b"Cluster": info_fields.cluster,
    b"Keyspace": info_statistics.keyspace,
}
_ALL: Final = frozenset(name.lower() for name in _SECTIONS)
_GROUPS: Final = {
    b"default": _ALL - {b"commandstats", b"latencystats"},
    b"all": _ALL - {b"modules"},
    b"everything": _ALL,
}


@command(
    "INFO",
    arity=-1,
    flags=Flag.LOADING | Flag.STALE,
    group="server",
    since="1.0.0",
    summary="Return what the server knows of itself, one field a line.",
    complexity="O(1)",
    acl=("dangerous",),
    tips=(RANDOM, SHARDS, SPECIAL),
)
def info(ctx: Context, *section: bytes) -> Verbatim:
    """Return the sections that are named, or the default ones, in a fixed order."""
    wanted: set[bytes] = set()
    for name in section or (b"default",):
        wanted |= _GROUPS.get(name.lower(), {name.lower()})
    texts = [
        b"# %b\r\n%b" % (name, _lines(fields(ctx)))
        for name, fields in _SECTIONS.items()
        if name.lower() in wanted
    ]
    return Verbatim(b"txt", b"\r\n".join(texts))


def _lines(fields: list[tuple[str, object]]) -> bytes:
    text = "".join([f"{name}:{value}\r\n" for name, value in fields])
    return text.encode("utf-8", "surrogateescape")
