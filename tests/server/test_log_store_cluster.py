"""Servers that follow the one that leads, and take over from it."""

from itertools import count

import pytest
import redis

from joblog.app.history.notes import ClaimNote, read_note
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from joblog.storage.verify import verify_log
from tests.support.clusters import Cluster, Writer
from tests.support.stores import Store
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NUMBERS = count(1)


@pytest.fixture(scope="module")
def store():
    with Store() as running:
        yield running


@pytest.fixture
def cluster(store):
    store.wait_until_whole()
    with Cluster(store, f"C{next(NUMBERS)}", 3, "--segment-bytes-max", "65536") as made:
        yield made


def files(server):
    return {
        path.name: path.read_bytes()
        for path in sorted((server.folder / "log").glob("*.log"))
    }


def require_same_files(cluster):
    """See that all have the same log: one is as long as another, or shorter."""
    all_of_them = [files(cluster.servers[port]) for port in cluster.alive()]
    longest = max(all_of_them, key=lambda one: sum(map(len, one.values())))
    for one in all_of_them:
        for name, data in one.items():
            assert longest[name].startswith(data)


def claims(server):
    """Return the epochs that were claimed in a log, and by whom."""
    records = read_records(server.folder, filesystem=FileSystem())
    notes = [read_note(record.origin) for record in records]
    return [(one.epoch, one.node) for one in notes if isinstance(one, ClaimNote)]


def test_followers_have_the_same_log_and_serve_reads(cluster):
    leader = cluster.leader()
    with cluster.client(leader) as client:
        for number in range(300):
            client.set(f"k{number % 50}", b"v" * 1000)
        client.set("gone", "soon", px=1)
        client.eval("redis.call('SET', 'a', '1') redis.call('INCR', 'a')", 0)
    followers = cluster.followers()
    cluster.wait_until_same()

    assert len(followers) == 2
    for port in followers:
        with cluster.client(port) as client:
            assert client.get("a") == b"2"
            assert client.get("gone") is None
            assert client.execute_command("ROLE")[:3] == [
                b"slave",
                b"127.0.0.1",
                leader,
            ]
            told = cluster.info(port)
            assert (told["master_host"], told["master_port"]) == ("127.0.0.1", leader)
            assert told["master_link_status"] == "up"
            assert told["log_store_role"] == "follower"
            with pytest.raises(redis.ReadOnlyError, match=f"127.0.0.1:{leader} leads"):
                client.set("k", "v")
            with pytest.raises(redis.ResponseError, match="not allowed with log-store"):
                client.execute_command("REPLICAOF", "NO", "ONE")
            assert client.execute_command("CLIENT", "AT", "5") == 5
            assert client.get("a") is None
    wait_until(lambda: cluster.info(leader)["connected_slaves"] == 2)
    require_same_files(cluster)
    assert len(files(cluster.servers[leader])) > 2


@pytest.mark.parametrize("kind", ["kill", "stop", "end"])
def test_another_takes_over_and_nothing_is_lost(cluster, kind):
    writer = Writer(cluster, "numbers")
    writer.wait_for_more()
    elder = cluster.leader()

    if kind == "kill":
        cluster.servers[elder].kill()
    elif kind == "end":
        assert cluster.servers[elder].stop() == 0
    else:
        cluster.stop_for_a_while(elder)
    writer.wait_for_more(50)
    if kind == "stop":
        cluster.go_on(elder)
    else:
        cluster.servers[elder].start()
    writer.wait_for_more()
    told = writer.stop()

    leader = cluster.leader()
    assert leader != elder
    wait_until(lambda: len(cluster.followers()) == 2, cluster.describe)
    cluster.wait_until_same()
    with cluster.client(leader) as client:
        kept = [int(one) for one in client.lrange("numbers", 0, -1)]
    # In order and once each; what was not answered may be there too.
    assert kept == sorted(set(kept))
    assert set(told) <= set(kept)
    require_same_files(cluster)
    for port in cluster.alive():
        assert cluster.servers[port].stop() == 0
        verify_log(cluster.servers[port].folder, filesystem=FileSystem())
    epochs = [epoch for epoch, _ in claims(cluster.servers[leader])]
    assert epochs == list(range(2, 2 + len(epochs)))
    assert "internal error" not in cluster.describe()


def test_new_leader_reads_on_in_the_log_of_one_that_filled_a_segment(cluster):
    for _ in range(2):
        leader = cluster.leader()
        with cluster.client(leader) as client:
            for number in range(150):
                client.set(f"{leader}-{number}", b"v" * 1000)
        cluster.wait_until_same()
        cluster.servers[leader].kill()
        wait_until(lambda before=leader: cluster.leader() != before)
        cluster.servers[leader].start()

    cluster.wait_until_same()
    with cluster.client(cluster.leader()) as client:
        assert client.dbsize() == 300
    require_same_files(cluster)


def test_without_a_lease_bucket_that_answers_the_log_alone_decides(store, cluster):
    """Two that both think that they lead: only one has its writes acknowledged."""
    leader = cluster.leader()
    with cluster.client(leader) as client:
        client.set("k", "1")
    cluster.wait_until_same()
    cluster.stop_for_a_while(leader)
    wait_until(
        lambda: any(
            cluster.info(port).get("role") == "master"
            for port in cluster.alive()
            if port != leader
        )
    )
    writer = cluster.servers[leader].connect()
    writer.send(b"SET k 2\r\n")
    cluster.go_on(leader)

    assert writer.read() == b"<closed>"
    wait_until(lambda: len(cluster.followers()) == 2, cluster.describe)
    cluster.wait_until_same()
    with cluster.client(cluster.leader()) as client:
        assert client.get("k") == b"1"
    assert "starts again" in cluster.servers[leader].output()
