"""Clients: what is told of each connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.replay.output.texts import json_text
from joblog.replay.records.clients import Client
from joblog.replay.records.connections import find_connections
from joblog.replay.shown.records import client_facts, client_label

if TYPE_CHECKING:
    from joblog.app.history.moments import Point
    from joblog.replay.records.connections import Connection
    from joblog.replay.views.source import Source

CLIENTS_MAX = 1000
"""So many are shown, those that wrote last."""


def idle_ms(each: Connection, now_ms: int) -> int:
    """Return how long a client has written nothing, at the end or when it went."""
    end_ms = now_ms if each.gone is None else each.gone[1]
    since_ms = each.since_ms if each.last is None else each.last[1]
    return max(end_ms - since_ms, 0)


def connection_facts(each: Connection, now_ms: int) -> dict[str, Any]:
    """Return a connection for JSON."""

    def place(found: tuple[int, int] | None) -> dict[str, Any] | None:
        if found is None:
            return None
        return {"seq": found[0], "at": json_time(found[1]), "at_ms": found[1]}

    return {
        **client_facts(Client(each.id, each.note)),
        "since": json_time(each.since_ms),
        "since_ms": each.since_ms,
        "first_seq": each.first_seq,
        "gone": place(each.gone),
        "records": each.records,
        "effects": each.effects,
        "last": place(each.last),
        "idle_ms": idle_ms(each, now_ms),
        "commands": {
            json_text(name): count for name, count in each.commands.most_common()
        },
    }


def clients_facts(source: Source, point: Point) -> dict[str, Any]:
    """Return the connections up to a moment for JSON, as `replay clients` has them.

    Raises:
        StorageError: the log is damaged.
    """
    index = source.index
    found = list(
        find_connections(
            index, source.clients, source.progress, index.first_seq, point.seq
        )
    )
    found.sort(key=lambda each: -(each.last or (each.first_seq, 0))[0])
    return {
        "count": len(found),
        "clients": [
            {
                **connection_facts(each, point.at_ms),
                "label": client_label(Client(each.id, each.note)),
            }
            for each in found[:CLIENTS_MAX]
        ],
    }
