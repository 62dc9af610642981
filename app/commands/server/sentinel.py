"""SENTINEL: a server whose log a store keeps tells clients who leads.

It answers what clients of Sentinel ask, so that they find the leader with the settings
that they have: each server of the cluster counts as a Sentinel, under the address at
which it serves. Nothing is voted on here: who leads is what the log says
(docs/cluster.md). Without `log-store` there is no such command.

Source: Redis 7.0.15 as a Sentinel, recorded; see tests/server/test_sentinel_face.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.config.kinds import encode
from joblog.app.errors import CommandError
from joblog.app.reply import NULL_ARRAY, SimpleString
from joblog.app.state.cluster import Node
from joblog.app.table.arguments import integer
from joblog.app.table.table import Flag, command
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.state.context import Context
    from joblog.app.state.replication import Address

Fields = dict[bytes, bytes]

_FLAGS: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_ONE: Final = "O(1)"
_EACH: Final = "O(N) for N servers"


def _sentinel(
    name: str, arity: int, since: str, summary: str, complexity: str = _ONE
) -> Callable[[Any], Any]:
    return command(
        f"SENTINEL {name}",
        arity=arity,
        flags=_FLAGS,
        group="sentinel",
        since=since,
        summary=summary,
        complexity=complexity,
    )


@_sentinel(
    "GET-MASTER-ADDR-BY-NAME", 3, "2.8.4", "Return where the server is that leads."
)
def address_by_name(ctx: Context, master_name: bytes) -> Any:
    """Return host and port, or nothing where the name is another."""
    leader = ctx.server.cluster.leader
    if leader is None or master_name != _name(ctx):
        return NULL_ARRAY
    return [encode(leader.host), b"%d" % leader.port]


@_sentinel("MASTERS", 2, "2.8.4", "Return how the server is that leads, in a list.")
def masters(ctx: Context) -> list[Fields]:
    """Return one, or none where nobody is known to lead."""
    leader = ctx.server.cluster.leader
    return [] if leader is None else [_leader_fields(ctx, leader)]


@_sentinel("MASTER", 3, "2.8.4", "Return how the server is that leads.")
def master(ctx: Context, master_name: bytes) -> Fields:
    """Return it.

    Raises:
        CommandError: there is none of that name.
    """
    return _leader_fields(ctx, _require_leader(ctx, master_name))


def replicas(ctx: Context, master_name: bytes) -> list[Fields]:
    """Return how each is.

    Raises:
        CommandError: there is no master of that name.
    """
    leader = _require_leader(ctx, master_name)
    return [_follower_fields(ctx, one, leader) for one in _followers(ctx)]


for _name_of_it, _since in (("REPLICAS", "5.0.0"), ("SLAVES", "2.8.0")):
    _sentinel(_name_of_it, 3, _since, "Return how the servers are that follow.", _EACH)(
        replicas
    )


@_sentinel("SENTINELS", 3, "2.8.4", "Return who else answers here as this.", _EACH)
def sentinels(ctx: Context, master_name: bytes) -> list[Fields]:
    """Return how each of the other servers is.

    Raises:
        CommandError: there is no master of that name.
    """
    _require_leader(ctx, master_name)
    nodes = ctx.server.cluster.nodes
    return [_sentinel_fields(ctx, nodes[at]) for at in sorted(nodes)]


@_sentinel("CKQUORUM", 3, "2.8.4", "Say whether another server could come to lead.")
def ckquorum(ctx: Context, master_name: bytes) -> SimpleString:
    """Return that it could, since the store of the log answers.

    Raises:
        CommandError: there is no master of that name; or the store does not answer.
    """
    _require_leader(ctx, master_name)
    server = ctx.server
    cluster, now_ms = server.cluster, server.steady_ms()
    usable = 1 + sum(not cluster.is_down(at, now_ms) for at in cluster.nodes)
    replication = server.replication
    is_apart = replication.is_replica and not replication.link.is_up
    if is_apart or server.alarm.store_error is not None:
        raise CommandError(errors.no_quorum(usable))
    text = b"OK %d usable Sentinels. Quorum and failover authorization can be reached"
    return SimpleString(text % usable)


@_sentinel("IS-MASTER-DOWN-BY-ADDR", 6, "2.8.4", "Say whether who leads is not heard.")
def is_master_down(
    ctx: Context, ip: bytes, port: bytes, current_epoch: bytes, _runid: bytes
) -> list[Any]:
    """Return 1 where it is not heard, else 0; a vote is given to nobody.

    Raises:
        CommandError: a number is none.
    """
    number, _ = integer(port), integer(current_epoch)
    cluster = ctx.server.cluster
    leader, is_down = cluster.leader, False
    if leader is not None and (encode(leader.host), leader.port) == (ip, number):
        is_down = cluster.is_down(leader, ctx.server.steady_ms())
    return [int(is_down), b"*", 0]


@_sentinel("MYID", 2, "6.2.0", "Return the id of this server.")
def myid(ctx: Context) -> bytes:
    """Return its run id."""
    return encode(ctx.server.run_id)


add_help("SENTINEL", group="sentinel", since="6.2.0")


# --- how each is ----------------------------------------------------------------------


def _name(ctx: Context) -> bytes:
    return encode(ctx.server.config.log_store_master_name)


def _require_leader(ctx: Context, name: bytes) -> Address:
    leader = ctx.server.cluster.leader
    if leader is None or name != _name(ctx):
        raise CommandError(errors.NO_SUCH_MASTER)
    return leader


def _myself(ctx: Context) -> Node | None:
    server = ctx.server
    replication, me = server.replication, server.cluster.me
    if me is None:
        return None
    leads = not replication.is_replica
    facts = (server.cluster.epoch, replication.offset, server.config.replica_priority)
    return Node(server.run_id, me, leads, *facts, server.steady_ms())


def _followers(ctx: Context) -> list[Node]:
    cluster, me = ctx.server.cluster, _myself(ctx)
    found = cluster.followers()
    if me is not None and me.address != cluster.leader:
        found.append(me)
    return sorted(found, key=lambda one: one.address)


def _link_fields(ctx: Context, node: Node | None, at: Address, kind: bytes) -> Fields:
    """Return what Sentinel tells of any server: whether it is heard."""
    server = ctx.server
    cluster, now_ms = server.cluster, server.steady_ms()
    is_down = cluster.is_down(at, now_ms)
    ago_ms = b"%d" % max(now_ms - (node.heard_ms if node else 0), 0)
    flags = b"s_down,%b,disconnected" if is_down else b"%b"
    if is_down and kind == b"master":
        flags = b"s_down,o_down,%b,disconnected"
    fields = {
        b"ip": encode(at.host),
        b"port": b"%d" % at.port,
        b"runid": encode(node.run_id) if node else b"",
        b"flags": flags % kind,
        b"link-pending-commands": b"0",
        b"link-refcount": b"1",
        b"last-ping-sent": ago_ms if is_down else b"0",
        b"last-ok-ping-reply": ago_ms,
        b"last-ping-reply": ago_ms,
    }
    if is_down:
        since_ms = b"%d" % max(int(ago_ms) - cluster.down_ms, 0)
        fields[b"s-down-time"] = since_ms
        if kind == b"master":
            fields[b"o-down-time"] = since_ms
    fields[b"down-after-milliseconds"] = b"%d" % cluster.down_ms
    return fields


def _role_fields(ctx: Context, kind: bytes, heard: bytes) -> Fields:
    since_ms = max(ctx.server.steady_ms() - ctx.server.cluster.led_since_ms, 0)
    return {
        b"info-refresh": heard,
        b"role-reported": kind,
        b"role-reported-time": b"%d" % since_ms,
    }


def _leader_fields(ctx: Context, leader: Address) -> Fields:
    cluster, kind = ctx.server.cluster, b"master"
    node = _myself(ctx) if leader == cluster.me else cluster.nodes.get(leader)
    link = _link_fields(ctx, node, leader, kind)
    return {
        b"name": _name(ctx),
        **link,
        **_role_fields(ctx, kind, link[b"last-ping-reply"]),
        b"config-epoch": b"%d" % cluster.epoch,
        b"num-slaves": b"%d" % len(_followers(ctx)),
        b"num-other-sentinels": b"%d" % len(cluster.nodes),
        b"quorum": b"1",
        b"failover-timeout": b"%d" % ctx.server.config.log_store_lease,
        b"parallel-syncs": b"1",
    }


def _follower_fields(ctx: Context, node: Node, leader: Address) -> Fields:
    kind = b"slave"
    link = _link_fields(ctx, node, node.address, kind)
    is_down = ctx.server.cluster.is_down(node.address, ctx.server.steady_ms())
    return {
        b"name": encode(str(node.address)),
        **link,
        **_role_fields(ctx, kind, link[b"last-ping-reply"]),
        b"master-link-down-time": b"0",
        b"master-link-status": b"err" if is_down else b"ok",
        b"master-host": encode(leader.host),
        b"master-port": b"%d" % leader.port,
        b"slave-priority": b"%d" % node.priority,
        b"slave-repl-offset": b"%d" % node.seq,
        b"replica-announced": b"1",
    }


def _sentinel_fields(ctx: Context, node: Node) -> Fields:
    link = _link_fields(ctx, node, node.address, b"sentinel")
    return {
        b"name": encode(node.run_id),
        **link,
        b"last-hello-message": link[b"last-ping-reply"],
        b"voted-leader": b"?",
        b"voted-leader-epoch": b"0",
    }
