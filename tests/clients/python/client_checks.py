"""A Redis client library, tried out by functions that assert; one argument names it.

    python -m client_checks redis-py 3    the library and the protocol

The conversation (tests/clients/runners.py) has the verbs `names`, which lists the
checks, and `check`.
"""

import importlib
import sys
import time

import jobs
from conversation import answer

LIBRARIES = {"redis-py": "redis", "valkey-py": "valkey"}
CHECKS = {}


def check(function):
    """Put a function into the list."""
    CHECKS[function.__name__] = function
    return function


@check
def types(client, library):
    """Every type is written and read back, binary-safe."""
    client.set("string", b"\x00\xff\r\n")
    client.hset("hash", mapping={"field": "value", b"\xff": b"\x00"})
    client.rpush("list", "a", "b", "c")
    client.sadd("set", "x", "y")
    client.zadd("sorted", {"low": 1, "high": 2.5})
    entry = client.xadd("stream", {"k": "v"})
    assert client.get("string") == b"\x00\xff\r\n"
    assert client.hgetall("hash") == {b"field": b"value", b"\xff": b"\x00"}
    assert client.lrange("list", 0, -1) == [b"a", b"b", b"c"]
    assert set(client.smembers("set")) == {b"x", b"y"}
    pairs = client.zrange("sorted", 0, -1, withscores=True)
    assert [tuple(pair) for pair in pairs] == [(b"low", 1.0), (b"high", 2.5)]
    assert client.xrange("stream") == [(entry, {b"k": b"v"})]
    assert len(list(client.scan_iter(count=2))) == 6


@check
def transaction(client, library):
    """WATCH is tried again until nobody interferes."""
    client.set("balance", 10)
    interfered = []

    def spend(pipe):
        found = int(pipe.get("balance"))
        if not interfered:
            interfered.append(client.set("balance", 20))
        pipe.multi()
        pipe.set("balance", found - 3)

    client.transaction(spend, "balance")
    assert client.get("balance") == b"17"


@check
def pipeline(client, library):
    """A long pipeline keeps its order, errors in their places."""
    with client.pipeline(transaction=False) as pipe:
        for _ in range(2000):
            pipe.incr("n")
        pipe.lpush("n", "x")
        replies = pipe.execute(raise_on_error=False)
    assert replies[:2000] == list(range(1, 2001))
    assert isinstance(replies[2000], library.exceptions.ResponseError)


@check
def script(client, library):
    """A script is loaded once and called by its digest, also after a flush."""
    double = client.register_script("return tonumber(redis.call('GET', KEYS[1])) * 2")
    client.set("n", 21)
    assert double(keys=["n"]) == 42
    client.script_flush()
    assert double(keys=["n"]) == 42


@check
def lock(client, library):
    """A lock is held by one."""
    with client.lock("resource", timeout=60):
        assert client.lock("resource", blocking=False).acquire() is False
    assert client.lock("resource", blocking=False, timeout=5).acquire() is True


@check
def errors(client, library):
    """Errors are of the classes that the library knows."""
    client.set("string", "x")
    for wanted, call in [
        (library.exceptions.ResponseError, lambda: client.lpush("string", "x")),
        (library.exceptions.NoScriptError, lambda: client.evalsha("0" * 40, 0)),
    ]:
        try:
            call()
        except wanted:
            continue
        raise AssertionError(wanted)


@check
def pubsub(client, library):
    """Messages come to channels and to patterns."""
    with client.pubsub(ignore_subscribe_messages=False) as listener:
        listener.subscribe("channel")
        listener.psubscribe("chan*")
        kinds = [listener.get_message(timeout=30)["type"] for _ in range(2)]
        assert kinds == ["subscribe", "psubscribe"]
        assert client.publish("channel", "hello") == 2
        found = [listener.get_message(timeout=30) for _ in range(2)]
        assert [message["type"] for message in found] == ["message", "pmessage"]
        assert {message["data"] for message in found} == {b"hello"}


@check
def blocking(client, library):
    """Blocking commands time out with None, and a consumer group gives entries."""
    began = time.monotonic()
    assert client.blpop(["nothing"], timeout=0.2) is None
    assert time.monotonic() - began >= 0.2
    client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    entry = client.xadd("jobs", {"n": 1})
    found = client.xreadgroup("workers", "w1", {"jobs": ">"}, count=1, block=100)
    assert list(dict(found)) == [b"jobs"]
    assert client.xack("jobs", "workers", entry) == 1
    assert client.xpending("jobs", "workers")["pending"] == 0


@check
def introspection(client, library):
    """INFO, CLIENT LIST, COMMAND and CONFIG are understood."""
    info = client.info()
    assert info["role"] == "master"
    assert info["maxmemory_policy"] == "noeviction"
    assert info["redis_version"].split(".")[0] >= "7"
    assert any(found["name"] == "checks" for found in client.client_list())
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.command_count() > 200
    assert client.memory_usage("no such key") is None


def main(name, protocol):
    """Answer which checks there are, and run them."""
    library = importlib.import_module(LIBRARIES[name])
    connect = getattr(library, "Redis", None) or library.Valkey

    def run(check):
        words = {"protocol": int(protocol)}
        if library.__version__ < "5":  # It speaks RESP2 only, and knows no such word.
            words = {}
        with connect(
            unix_socket_path=jobs.SOCKET, client_name="checks", **words
        ) as client:
            client.flushall()
            CHECKS[check](client, library)

    answer(names=lambda: sorted(CHECKS), check=run)


if __name__ == "__main__":
    main(*sys.argv[1:])
