"""redis-py, unmodified, in both protocols."""

import contextlib

import pytest
import redis


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def client(request, server):
    made = redis.Redis(
        unix_socket_path=server.path, protocol=request.param, client_name="tests"
    )
    with contextlib.closing(made):
        yield made


def test_every_type_is_written_and_read_back(client):
    client.set("string", b"\x00\xff\r\n")
    client.hset("hash", mapping={"field": "value", b"\xff": b"\x00"})
    client.rpush("list", "a", "b", "c")
    client.sadd("set", "x", "y")
    client.zadd("sorted", {"low": 1, "high": 2.5})

    assert client.get("string") == b"\x00\xff\r\n"
    assert client.hgetall("hash") == {b"field": b"value", b"\xff": b"\x00"}
    assert client.lrange("list", 0, -1) == [b"a", b"b", b"c"]
    assert client.smembers("set") == {b"x", b"y"}
    pairs = client.zrange("sorted", 0, -1, withscores=True)
    assert [(member, score) for member, score in pairs] == [
        (b"low", 1.0),
        (b"high", 2.5),
    ]
    assert sorted(client.scan_iter()) == sorted(
        [b"string", b"hash", b"list", b"set", b"sorted"]
    )


def test_transaction_with_watch_retries_until_nobody_interferes(client):
    client.set("balance", 10)

    def spend(pipe):
        found = int(pipe.get("balance"))
        pipe.multi()
        pipe.set("balance", found - 3)

    client.transaction(spend, "balance")

    assert client.get("balance") == b"7"


def test_script_is_loaded_once_and_called_by_its_digest(client):
    double = client.register_script("return tonumber(redis.call('GET', KEYS[1])) * 2")
    client.set("n", 21)

    assert double(keys=["n"]) == 42
    client.script_flush()
    assert double(keys=["n"]) == 42


def test_lock_is_held_by_one(client):
    with client.lock("resource", timeout=5):
        assert client.lock("resource", blocking=False).acquire() is False

    assert client.lock("resource", blocking=False, timeout=5).acquire() is True


def test_errors_are_the_classes_that_redis_py_knows(client):
    client.set("string", "x")

    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.lpush("string", "x")
    with pytest.raises(redis.exceptions.NoScriptError):
        client.evalsha("0" * 40, 0)


def test_info_and_client_list_are_understood(client):
    info = client.info()
    clients = client.client_list()

    assert info["redis_version"].startswith("7.")
    assert info["role"] == "master"
    assert info["maxmemory_policy"] == "noeviction"
    assert any(found["name"] == "tests" for found in clients)
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
