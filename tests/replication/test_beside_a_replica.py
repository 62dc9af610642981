"""A replica of ours and one of Redis, of one master: what clients of both are told.

A step is `M command` for the master, behind which both replicas have all, or
`NAME command` for a client of each replica. What those are answered is the same, and so
is what they are sent without asking (`NAME <`).
"""

from contextlib import ExitStack

import pytest

from tests.parity.wire import Connection
from tests.replication.pairs import fields
from tests.support.cutting import CuttingRelay
from tests.support.servers import start_joblog, start_redis
from tests.support.waiting import wait_until

EXPIRED = [
    *("M SET k v", "M RPUSH l a b", "M HSET h f v", "M SADD s a", "M SET stays 1"),
    *("M PEXPIRE k 1", "M PEXPIRE l 1", "M PEXPIRE h 1", "M PEXPIRE s 1"),
    *("M DEBUG SLEEP 0.01", "a GET k", "a EXISTS k l h s", "a TTL k", "a PTTL l"),
    *("a TYPE h", "a STRLEN k", "a LRANGE l 0 -1", "a HGETALL h", "a SCARD s"),
    *("a DBSIZE", "a KEYS *", "a RANDOMKEY", "a DUMP k", "a OBJECT ENCODING k"),
    *("a MULTI", "a GET k", "a LLEN l", "a EXEC", "a EXPIRETIME k", "a TOUCH k stays"),
    *("a SORT l ALPHA", "a GETRANGE k 0 -1", "a MGET k stays", "a SINTER s s"),
    *("a EVAL_RO return{redis.call('GET','k'),redis.call('EXISTS','l')} 0",),
    *("M EXISTS k l h s", "a DBSIZE", "a GET k"),
]
WRITES = [
    *(
        "M SET k v",
        "a SET k w",
        "a DEL k",
        "a EXPIRE k 5",
        "a GETEX k PX 5",
        "a GETDEL k",
    ),
    *("a SORT l STORE m", "a PFCOUNT p", "a PFADD p a", "a FLUSHALL", "a SWAPDB 0 1"),
    *(
        "a XADD x * a b",
        "a XREADGROUP GROUP g c STREAMS x >",
        "a COPY k z",
        "a MOVE k 1",
    ),
    *(
        "a GEORADIUS g 1 1 1 m STORE z",
        "a GEORADIUS_RO g 1 1 1 m",
        "a BITFIELD k GET u8 0",
    ),
    *(
        "a BITFIELD k SET u8 0 1",
        "a RESTORE z 0 x",
        "a MIGRATE h 1 k 0 1",
        "a OBJECT HELP x",
    ),
    *("a MULTI", "a GET k", "a SET k w", "a EXEC", "a DISCARD", "a PUBLISH c m"),
    *("a EVAL return(1) 0", "a EVAL return(redis.call('SET','k','w')) 1 k"),
    *("a EVAL return(redis.pcall('SET','k','w')) 1 k", "a EVAL_RO return(1) 0"),
    *("a EVAL return(redis.call('GET','k')) 1 k", "a SCRIPT LOAD return(1)"),
    *("a EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "a SCRIPT FLUSH"),
    *("a FUNCTION FLUSH", "a FUNCTION LIST", "a FUNCTION DELETE x", "a FCALL x 0"),
    *("a CONFIG SET replica-read-only no", "a SET own 1", "a GET own", "a DEL own"),
    *("a CONFIG SET replica-read-only yes", "a SET own 1", "a GET k", "a READONLY"),
]
WAITING = [
    *(
        "a BLPOP l 1",
        "a BRPOPLPUSH l m 1",
        "a BLMOVE l m LEFT LEFT 1",
        "a BZPOPMIN z 1",
    ),
    *("a BLMPOP 1 1 l LEFT", "a XREAD BLOCK 1 STREAMS x 0", "a WAIT 0 1"),
    *("b! XREAD BLOCK 0 STREAMS x 0", "M XADD x 1-1 f v", "b <", "a XREAD STREAMS x 0"),
]
WATCHED = [
    *("M SET k 1", "a WATCH k", "M SET k 2", "a MULTI", "a GET k", "a EXEC"),
    *("a WATCH k", "M SET other 2", "a MULTI", "a GET k", "a EXEC"),
    *("a WATCH missing", "M DEL missing", "a MULTI", "a PING", "a EXEC"),
    *("a WATCH k", "M FLUSHALL", "a MULTI", "a PING", "a EXEC"),
]
TOLD = [
    *(
        "M SET k 1",
        "M SET q 1",
        "a HELLO 3 SETNAME a",
        "a CLIENT TRACKING ON",
        "a GET k",
    ),
    *("M SET k 2", "a <", "a GET k", "M EVAL redis.call('DEL','k') 0", "a <"),
    *(
        "b SUBSCRIBE c",
        "c PSUBSCRIBE d*",
        "M PUBLISH c m",
        "b <",
        "M PUBLISH dd n",
        "c <",
    ),
    *("a CONFIG SET notify-keyspace-events KEA", "d PSUBSCRIBE __key*__:*"),
    *("M SET n 1", "d <", "d <", "M EXPIRE n 100", "d <", "d <", "M LPUSH l a", "d <"),
    *(
        "d <",
        "M RENAME n m",
        "d <",
        "d <",
        "d <",
        "d <",
        "M PEXPIREAT m 1",
        "d <",
        "d <",
    ),
]


class Replicas:
    """The master, both replicas, and clients of each by name."""

    def __init__(self, stack) -> None:
        quick = (
            "--repl-diskless-sync-delay",
            "0",
            "--repl-ping-replica-period",
            "3600",
        )
        self.master = stack.enter_context(start_redis(*quick))
        relay = stack.enter_context(CuttingRelay(self.master.path))
        follows = ("--replicaof", f"127.0.0.1 {relay.port}")
        self.both = [
            stack.enter_context(start(*follows))
            for start in (start_joblog, start_redis)
        ]
        self.told = self.master.connect()
        self._asked = [replica.connect() for replica in self.both]
        self._clients = {}
        self.wait_until_same()

    def wait_until_same(self) -> None:
        """Wait until both have all that the master has."""
        link = fields(self.told.ask("INFO", "replication"))
        offset = int(link["master_repl_offset"])
        for asked, replica in zip(self._asked, self.both, strict=True):

            def has_all(asked=asked):
                link = fields(asked.ask("INFO", "replication"))
                is_up = link["master_link_status"] == "up"
                return is_up and int(link["slave_repl_offset"]) >= offset

            wait_until(has_all, replica.output)

    def ask(self, number: int, name: str, words: list[str]) -> bytes:
        """Return what a client of a replica is answered."""
        replica = self.both[number]
        client = self._clients.get((number, name))
        if client is None:
            client = self._clients[number, name] = Connection(replica.path)
        if words == ["<"]:
            return client.read()
        if name.endswith("!"):
            self._clients[number, name[:-1]] = client
            client.send((" ".join(words) + "\r\n").encode())
            blocked = b"blocked_clients:1"
            asked = self._asked[number]
            wait_until(lambda: blocked in asked.ask("INFO", "clients"), replica.output)
            return b""
        return client.ask(*words)

    def close(self) -> None:
        """Close all clients."""
        for client in set(self._clients.values()):
            client.close()


@pytest.mark.parametrize(
    "steps",
    [EXPIRED, WRITES, WAITING, WATCHED, TOLD],
    ids=["expired", "writes", "waiting", "watched", "told"],
)
def test_clients_of_both_are_told_the_same(steps, fold_equals_live):
    said = [], []
    with ExitStack() as stack:
        replicas = Replicas(stack)
        stack.callback(replicas.close)
        for active in ("DEBUG SET-ACTIVE-EXPIRE 0", *steps):
            name, *words = active.split()
            if name in ("M", "DEBUG"):
                replicas.told.ask(*(words if name == "M" else active.split()))
                replicas.wait_until_same()
                continue
            for number in range(2):
                reply = replicas.ask(number, name, words)
                said[number].append((active, shown(words, reply)))
        fold_equals_live(replicas.both[0])

    assert said[0] == said[1]


def shown(words, reply):
    """Return a reply, without what each server says of itself."""
    return reply.split(b"\r\n")[0] if words[0] in ("HELLO", "KEYS") else reply
