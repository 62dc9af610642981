"""Libraries that look at the server's version before they use it, tried out.

    python -m gate_checks

The conversation is that of `client_checks`.
"""

import asyncio
import time

import coredis
import huey
import jobs
import redis
from conversation import answer
from coredis.exceptions import CommandNotSupportedError
from redis.cache import CacheConfig

CHECKS = {}


def check(function):
    """Put a function into the list."""
    CHECKS[function.__name__] = function
    return function


@check
def huey_locks_expire():
    """`lock_task(ttl=)` needs deadlines of hash fields, of Redis 7.4."""
    app = huey.RedisHuey("gates", url=f"unix://{jobs.SOCKET}")
    app.storage.flush_all()
    with app.lock_task("report", ttl=60):
        assert app.is_locked("report")
        key = app.storage.result_key
        [field] = app.storage.conn.hkeys(key)
        assert 0 < app.storage.conn.httl(key, field)[0] <= 60
    assert not app.is_locked("report")


@check
def redis_py_caches():
    """The cache of redis-py begins with Redis 7.4; another server's name is refused."""
    with (
        redis.Redis(port=jobs.PORT, protocol=3, cache_config=CacheConfig()) as reader,
        redis.Redis(unix_socket_path=jobs.SOCKET) as writer,
    ):
        writer.set("cached", 1)
        assert [reader.get("cached"), reader.get("cached")] == [b"1", b"1"]
        assert reader.get_cache().size == 1
        writer.set("cached", 2)
        # The reader is told on a connection of its own, perhaps just after the writer.
        deadline = time.monotonic() + 10
        while reader.get("cached") != b"2":
            assert time.monotonic() < deadline


async def with_coredis(use, **options):
    client = coredis.Redis(unix_socket_path=jobs.SOCKET, **options)
    async with client:
        await client.delete(["hash"])
        await client.hset("hash", {"a": "1", "b": "2"})
        return await use(client)


@check
def coredis_sets_deadlines_of_fields():
    """Their commands of Redis 7.4 are let through."""

    async def use(client):
        assert await client.hexpire("hash", 60, ["a"]) == (1,)
        [left, none] = await client.httl("hash", ["a", "b"])
        assert 0 < left <= 60
        assert none == -1

    asyncio.run(with_coredis(use))


@check
def coredis_refuses_what_came_with_redis_8():
    """HSETEX, HGETDEL and MSETEX are refused by the client, not by the server."""

    async def refused(client):
        for command in (
            lambda: client.hsetex("hash", {"a": "3"}, ex=60),
            lambda: client.hgetdel("hash", ["a"]),
            lambda: client.msetex({"k": "1"}),
        ):
            try:
                await command()
            except CommandNotSupportedError:
                continue
            raise AssertionError("no longer refused: tell docs/queues.md")

    async def used(client):
        assert await client.hsetex("hash", {"a": "3"}, ex=60)
        assert await client.hgetdel("hash", ["a"]) == (b"3",)
        assert await client.msetex({"k": "1"})

    asyncio.run(with_coredis(refused))
    asyncio.run(with_coredis(used, verify_version=False))


if __name__ == "__main__":
    answer(
        names=lambda: sorted(CHECKS),
        check=lambda check: CHECKS[check](),
    )
