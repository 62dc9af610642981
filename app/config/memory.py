"""The settings about memory: how much there may be, and what goes where it is short."""

from __future__ import annotations

from joblog.app.config.kinds import INT_MAX, ULONG_MAX, Choice, Integer, Memory
from joblog.app.config.particular import MemoryOrPercent


class EvictionSettings:
    """How much memory may be in use, and what goes then."""

    maxmemory = Memory(
        0,
        "How many bytes may be in use (`used_memory`); 0 is no limit. Above it keys "
        "are evicted by `maxmemory-policy`, or commands that need memory are refused.",
        0,
        ULONG_MAX,
    )
    maxmemory_policy = Choice(
        "noeviction",
        "Which keys go to stay below `maxmemory`: of all, or of those with a deadline "
        "(`volatile-`), the one used longest ago (`lru`) or least often (`lfu`), any "
        "(`random`), or the next to expire (`ttl`). `noeviction` is right for queues: "
        "jobs are never thrown away, and writes are refused instead. `lru` and `lfu` "
        "cost every command a look at its keys.",
        (
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "noeviction",
        ),
    )
    maxmemory_samples = Integer(
        5,
        "From how many keys that are picked at random the one is chosen that goes, by "
        "`lru` and `lfu`: more are slower and closer to the truth.",
        1,
        INT_MAX,
    )
    maxmemory_eviction_tenacity = Integer(
        10,
        "For how long one command may wait for eviction: 50 us for each step up to 10, "
        "15 % more with each step from there, without an end at 100. The rest is done "
        "between commands.",
        0,
        100,
    )
    maxmemory_clients = MemoryOrPercent(
        0,
        "How much memory all clients together may hold, in bytes or as a share of "
        "`maxmemory`; 0 is no limit, and less than 128 KiB is taken for that. Above it "
        "those that hold most are disconnected, unless they asked for CLIENT NO-EVICT.",
    )
    lfu_log_factor = Integer(
        10, "How many uses it takes to be known for one more: the higher, the more."
    )
    lfu_decay_time = Integer(
        1,
        "After how long without a use a key counts as used once less; 0 never.",
        unit="min",
    )
