"""Servers of one log answer as Sentinels do; a real one stands beside them."""

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import redis
import redis.sentinel

from tests.support.clusters import Cluster, Writer
from tests.support.processes import free_port
from tests.support.servers import require_program, start_joblog
from tests.support.stores import Store
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NAME = "mymaster"


@pytest.fixture(scope="module")
def cluster():
    with Store() as store:
        store.wait_until_whole()
        with Cluster(store, "FACE", 3) as made:
            leader = made.leader()
            wait_until(lambda: len(ask(leader, "SENTINEL SENTINELS mymaster")) == 2)
            yield made


@pytest.fixture(scope="module")
def real():
    """Yield the port of a Sentinel over a master and a replica, of Redis 7."""
    program = require_program("redis-server")
    home = Path(tempfile.mkdtemp(prefix="sentinel-"))
    ports = [free_port() for _ in range(4)]
    master, replica, *sentinels = map(str, ports)
    plain = ["--save", "", "--dir", str(home), "--port"]
    commands = [
        [program, *plain, master],
        [program, *plain, replica, "--replicaof", "127.0.0.1", master],
    ]
    for port in sentinels:
        path = home / f"{port}.conf"
        lines = f"port {port}\nsentinel monitor {NAME} 127.0.0.1 {master} 2\n"
        path.write_text(lines)
        commands.append([program, str(path), "--sentinel"])
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        for command in commands:
            process = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=home)
            )
            stack.callback(process.kill)
        port = int(sentinels[0])

        def is_whole():
            try:
                replicas = ask(port, f"SENTINEL REPLICAS {NAME}")
                others = ask(port, f"SENTINEL SENTINELS {NAME}")
            except redis.ConnectionError:
                return False
            flags = [dict(pairs(one)).get(b"flags") for one in replicas + others]
            return flags == [b"slave", b"sentinel"]

        wait_until(is_whole)
        yield port


def ask(port, line, protocol=2):
    """Return a reply as it came; of an error its text."""
    connection = redis.Connection(port=port, protocol=protocol, socket_timeout=30)
    try:
        connection.connect()
        connection.send_command(*line.split())
        return connection.read_response()
    except redis.ResponseError as error:
        return f"-{error}"
    finally:
        connection.disconnect()


def pairs(flat):
    return list(zip(flat[::2], flat[1::2], strict=True))


def shape(reply):
    """Return what of a reply does not depend on who is asked."""
    if isinstance(reply, dict):
        return {name: type(value) for name, value in reply.items()}
    if isinstance(reply, list) and reply and isinstance(reply[0], bytes):
        if reply[0] == b"name":
            return [(name, type(value)) for name, value in pairs(reply)]
        return [type(one) for one in reply]
    if isinstance(reply, list):
        return [shape(one) for one in reply[:1]]
    return reply


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize(
    "line",
    [
        "SENTINEL",
        "SENTINEL nosuch",
        "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster",
        "SENTINEL GET-MASTER-ADDR-BY-NAME other",
        "SENTINEL GET-MASTER-ADDR-BY-NAME",
        "SENTINEL MASTERS",
        "SENTINEL MASTERS x",
        "SENTINEL MASTER mymaster",
        "SENTINEL MASTER other",
        "SENTINEL REPLICAS mymaster",
        "SENTINEL REPLICAS other",
        "SENTINEL SLAVES mymaster",
        "SENTINEL SENTINELS mymaster",
        "SENTINEL SENTINELS other",
        "SENTINEL CKQUORUM other",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 *",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 x 0 *",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 x *",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1",
    ],
)
def test_replies_have_the_form_of_a_sentinels(cluster, real, line, protocol):
    expected = shape(ask(real, line, protocol))

    for port in cluster.servers:
        assert shape(ask(port, line, protocol)) == expected


def test_each_tells_of_leader_followers_and_the_others(cluster):
    leader = cluster.leader()
    followers = sorted(b"127.0.0.1:%d" % port for port in cluster.followers())
    ids = {
        port: ask(port, "SENTINEL MYID") for port in cluster.servers
    }  # of each one's own

    for port in cluster.servers:
        where = ask(port, "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster")
        assert where == [b"127.0.0.1", b"%d" % leader]
        told = dict(pairs(ask(port, "SENTINEL MASTER mymaster")))
        assert told[b"flags"] == b"master"
        assert told[b"runid"] == ids[leader]
        assert told[b"num-slaves"] == told[b"num-other-sentinels"] == b"2"
        replicas = [dict(pairs(one)) for one in ask(port, "SENTINEL REPLICAS mymaster")]
        assert sorted(one[b"name"] for one in replicas) == followers
        assert {one[b"flags"] for one in replicas} == {b"slave"}
        others = [dict(pairs(one)) for one in ask(port, "SENTINEL SENTINELS mymaster")]
        assert {one[b"runid"] for one in others} == set(ids.values()) - {ids[port]}
        quorum = ask(port, "SENTINEL CKQUORUM mymaster")
        assert quorum == (
            b"OK 3 usable Sentinels. Quorum and failover authorization can be reached"
        )
        is_down = f"SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 {leader} 0 *"
        assert ask(port, is_down) == [0, b"*", 0]


def test_clients_of_sentinel_follow_the_leader(cluster):
    leader = cluster.leader()
    listening = cluster.client(cluster.followers()[0]).pubsub()
    listening.subscribe("+switch-master")
    writer = Writer(cluster, "numbers", by_sentinel=True)
    writer.wait_for_more()

    cluster.servers[leader].kill()
    writer.wait_for_more()

    heard = []

    def has_heard():
        message = listening.get_message(timeout=1)
        if message is not None and message["type"] == "message":
            heard.append(message["data"].decode())
        return bool(heard)

    wait_until(has_heard)
    follower = cluster.followers()[0]
    told = dict(pairs(ask(follower, "SENTINEL MASTER mymaster")))

    def is_down():
        replicas = map(pairs, ask(follower, "SENTINEL REPLICAS mymaster"))
        flags = {one[b"name"]: one[b"flags"] for one in map(dict, replicas)}
        return flags[b"127.0.0.1:%d" % leader] == b"s_down,slave,disconnected"

    wait_until(is_down)
    cluster.servers[leader].start()
    writer.wait_for_more()
    numbers = writer.stop()
    now = cluster.leader()
    assert heard[0] == f"{NAME} 127.0.0.1 {leader} 127.0.0.1 {now}"
    assert told[b"port"] == b"%d" % now
    kept = [int(one) for one in cluster.client(now).lrange("numbers", 0, -1)]
    assert set(numbers) <= set(kept)
    assert len(kept) == len(set(kept))
    reader = cluster.sentinel().slave_for(NAME, socket_timeout=30)
    wait_until(lambda: reader.llen("numbers") == len(kept))


def test_without_a_store_there_is_no_such_command():
    with start_joblog() as server:
        assert server.connect().ask("SENTINEL", "MASTERS") == (
            b"-ERR unknown command 'SENTINEL', with args beginning with: 'MASTERS' \r\n"
        )
