"""Tips: what COMMAND INFO tells proxies and cluster clients of a command's replies.

They matter to what stands between a client and several servers; this server itself
never looks at them. Source: Redis 7.0.15, asked over a socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from joblog.app.table.table import Command

_RANDOM: Final = "nondeterministic_output"
_UNORDERED: Final = "nondeterministic_output_order"
_NODES: Final = "request_policy:all_nodes"
_SHARDS: Final = "request_policy:all_shards"
_MULTI: Final = "request_policy:multi_shard"
_ALL: Final = "response_policy:all_succeeded"
_ONE: Final = "response_policy:one_succeeded"
_SUM: Final = "response_policy:agg_sum"
_LEAST: Final = "response_policy:agg_min"
_SPECIAL: Final = "response_policy:special"

_SAME: Final[dict[tuple[str, ...], str]] = {
    (_RANDOM,): (
        "hscan sscan zscan xautoclaim xadd xtrim xpending xclaim time migrate dump "
        "client|info client|list pttl ttl spop srandmember hrandfield zrandmember "
        "lastsave object|idletime object|encoding object|freq object|refcount "
        "xinfo|consumers cluster|bumpepoch cluster|count-failure-reports "
        "cluster|getkeysinslot cluster|info cluster|links cluster|nodes "
        "cluster|replicas cluster|shards cluster|slaves cluster|slots"
    ),
    (_UNORDERED,): (
        "sunion sdiff sinter smembers hkeys hvals hgetall command command|info "
        "command|list command|docs function|list module|list"
    ),
    (_NODES, _ALL): (
        "config|set config|rewrite config|resetstat script|flush script|load "
        "slowlog|reset latency|reset"
    ),
    (_SHARDS, _ALL): (
        "flushall flushdb ping memory|purge function|delete function|restore "
        "function|load function|flush"
    ),
    (_MULTI, _SUM): "del unlink exists touch",
    (_SHARDS, _ONE): "script|kill function|kill",
    (_SHARDS, _LEAST): "wait waitaof",
    (_RANDOM, _SHARDS, _SPECIAL): (
        "info memory|stats memory|doctor memory|malloc-stats function|stats"
    ),
    (_RANDOM, _NODES, _SPECIAL): (
        "latency|graph latency|history latency|doctor latency|histogram latency|latest"
    ),
    (_NODES, _SUM, _RANDOM): "slowlog|len",
    (_NODES, _RANDOM): "slowlog|get",
    (_MULTI, _ALL): "mset msetex",
    (_MULTI, _LEAST): "msetnx",
    (_MULTI,): "mget",
    (_SHARDS, _SUM): "dbsize",
    (_SHARDS, _UNORDERED): "keys",
    (_SHARDS, _RANDOM): "randomkey",
    (_RANDOM, "request_policy:special"): "scan",
    (_SHARDS, "response_policy:agg_logical_and"): "script|exists",
}
_TIPS: Final = {name: tips for tips, names in _SAME.items() for name in names.split()}


def tips_of(command: Command) -> tuple[str, ...]:
    """Return the tips of a command, in Redis's order."""
    return _TIPS.get(command.name, ())
