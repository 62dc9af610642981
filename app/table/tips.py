"""Tips: what COMMAND INFO tells proxies and cluster clients of a command's replies.

They matter to what stands between a client and several servers; this server itself
never looks at them. A command's registration names them in Redis's order.

Source: Redis 7.0.15, asked over a socket.
"""

from __future__ import annotations

from typing import Final

RANDOM: Final = "nondeterministic_output"
UNORDERED: Final = "nondeterministic_output_order"
NODES: Final = "request_policy:all_nodes"
SHARDS: Final = "request_policy:all_shards"
MULTI: Final = "request_policy:multi_shard"
ITERATED: Final = "request_policy:special"
ALL: Final = "response_policy:all_succeeded"
AND: Final = "response_policy:agg_logical_and"
ONE: Final = "response_policy:one_succeeded"
SUM: Final = "response_policy:agg_sum"
LEAST: Final = "response_policy:agg_min"
SPECIAL: Final = "response_policy:special"
