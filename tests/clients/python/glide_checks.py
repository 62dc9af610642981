"""valkey-glide, whose core is in Rust, tried out by functions that assert.

The conversation is that of client_checks.
"""

import jobs
from conversation import answer
from glide_sync import (
    Batch,
    GlideClient,
    GlideClientConfiguration,
    NodeAddress,
    RequestError,
    Script,
)

client = GlideClient.create(
    GlideClientConfiguration([NodeAddress("127.0.0.1", jobs.PORT)], client_name="glide")
)


def types():
    """Every type is written and read back."""
    client.set("string", b"\x00\xff\r\n")
    client.hset("hash", {"field": "value"})
    client.rpush("list", ["a", "b"])
    client.sadd("set", ["x"])
    client.zadd("sorted", {"low": 1.0, "high": 2.5})
    assert client.get("string") == b"\x00\xff\r\n"
    assert client.hgetall("hash") == {b"field": b"value"}
    assert client.lrange("list", 0, -1) == [b"a", b"b"]
    assert client.smembers("set") == {b"x"}
    assert client.zscore("sorted", "high") == 2.5


def transaction():
    """A batch is one transaction."""
    batch = Batch(is_atomic=True)
    batch.set("n", "1")
    batch.incr("n")
    assert client.exec(batch, raise_on_error=True) == ["OK", 2]


def script():
    """A script is called by its digest."""
    assert client.invoke_script(Script("return KEYS[1]"), keys=["k"]) == b"k"


def errors():
    """An error is told in the server's words."""
    client.set("string", "x")
    said = ""
    try:
        client.lpush("string", ["x"])
    except RequestError as error:
        said = str(error)
    assert "wrong kind of value" in said, said


def blocking():
    """A blocking command times out with None."""
    assert client.blpop(["nothing"], 0.1) is None


CHECKS = {
    function.__name__: function
    for function in (types, transaction, script, errors, blocking)
}


def check(check):
    """Run one of the checks on an empty server."""
    client.flushall()
    CHECKS[check]()


if __name__ == "__main__":
    answer(names=lambda: sorted(CHECKS), check=check)
