"""A real server as the master, and this one as its replica, over a relay."""

from __future__ import annotations

import time
from itertools import pairwise

from tests.support.cutting import CuttingRelay
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

_MASTER = (
    *("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"),
    *("--repl-timeout", "120", "--databases", "16"),
)


class Pair:
    """Both servers.

    Attributes:
        master, replica: the processes. relay: what is between them.
    """

    def __init__(self, start_master, options, master_options) -> None:
        """Start both; the replica follows the master from its start on."""
        self.master = start_master(*_MASTER, *master_options)
        try:
            self.relay = CuttingRelay(self.master.path)
            follows = ("--replicaof", f"127.0.0.1 {self.relay.port}")
            self.replica = start_joblog(*follows, *options)
        except BaseException:
            self.master.__exit__()
            raise
        self._clients = {}

    def close(self) -> None:
        """Stop both."""
        self.replica.__exit__()
        self.relay.__exit__()
        self.master.__exit__()

    def tell(self, *words):
        """Have the master run a command; return the reply."""
        return self._ask(self.master, words)

    def ask(self, *words):
        """Ask the replica."""
        return self._ask(self.replica, words)

    def _ask(self, server, words):
        client = self._clients.get(server)
        if client is None or client.is_closed:
            client = self._clients[server] = server.connect()
        return client.ask(*words)

    def info(self, section="replication"):
        """Return what the replica says of itself."""
        return fields(self.ask("INFO", section))

    def master_info(self, section="replication"):
        """Return what the master says of itself."""
        return fields(self.tell("INFO", section))

    def wait_until_up(self) -> None:
        """Wait until the link is up."""
        wait_until(lambda: self.info().get("master_link_status") == "up", self.describe)

    def wait_until_same(self) -> None:
        """Wait until the replica has all that the master had just now."""
        self.wait_until_up()
        offset = int(self.master_info()["master_repl_offset"])
        wait_until(
            lambda: (
                int(self.info()["slave_repl_offset"]) >= offset
                and self.info()["master_link_status"] == "up"
            ),
            self.describe,
        )

    def require_same_data(self) -> None:
        """Assert that both have the same data, once all is gone that is about to go."""
        self.wait_until_same()
        wait_until(lambda: not self._differences(), self._differences)

    def _differences(self):
        mine, theirs = self.dump(self.replica), self.dump(self.master)
        return [
            (key, *_parting(str(mine.get(key)), str(theirs.get(key))))
            for key in mine | theirs
            if mine.get(key) != theirs.get(key)
        ]

    def dump(self, server):
        """Return all that a server has, but for what expires by itself."""
        found = {}
        for db in range(16):
            self._ask(server, ["SELECT", db])
            for key in array(self._ask(server, ["KEYS", "*"])):
                found[db, key] = self._value(server, key)
        self._ask(server, ["SELECT", 0])
        libraries = self._ask(server, ["FUNCTION", "LIST"])
        if not libraries.startswith((b"-", b"*0")):
            found["functions"] = sorted(array(libraries))
        return found

    def _value(self, server, key):
        kind = self._ask(server, ["TYPE", key])
        asks = {
            b"+string\r\n": (["GET", key],),
            b"+list\r\n": (["LRANGE", key, 0, -1],),
            b"+set\r\n": (["SMEMBERS", key],),
            b"+hash\r\n": (["HGETALL", key],),
            b"+zset\r\n": (["ZRANGE", key, 0, -1, "WITHSCORES"],),
            b"+stream\r\n": (["XRANGE", key, "-", "+"],),
        }
        replies = [self._ask(server, words) for words in asks.get(kind, ())]
        if kind == b"+stream\r\n":
            groups = array(self._ask(server, ["XINFO", "GROUPS", key]))
            names = [name for before, name in pairwise(groups) if before == b"name"]
            for name in names:
                words = ["XPENDING", key, name, "-", "+", 1000]
                held = self._ask(server, words)
                replies.append([one for one in array(held) if one])
        if kind in (b"+set\r\n", b"+hash\r\n"):
            replies = [sorted(pairs(replies[0], 2 if kind == b"+hash\r\n" else 1))]
        return kind, replies, self._ask(server, ["PTTL", key])[:2] == b":-"

    def describe(self) -> str:
        """Return what both say, for a complaint."""
        told = self.info(), self.master_info()
        said = bytes(self.relay.said[-500:])
        return f"{told}\n{said!r}\n{self.replica.output()}"


def _parting(mine: str, theirs: str) -> tuple[str, str]:
    """Return where two texts part."""
    at = 0
    while mine[at : at + 1] == theirs[at : at + 1] != "":
        at += 1
    part = slice(max(at - 50, 0), at + 150)
    return mine[part], theirs[part]


def fields(reply: bytes) -> dict[str, str]:
    """Return the fields of INFO."""
    lines = reply.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def array(reply: bytes) -> list[bytes]:
    """Return the bulk strings of a flat array; lines of other kinds are left out."""
    found, at = [], reply.find(b"\r\n") + 2
    while at < len(reply):
        end = reply.index(b"\r\n", at)
        head, at = reply[at:end], end + 2
        if head[:1] == b"$" and head != b"$-1":
            size = int(head[1:])
            found.append(reply[at : at + size])
            at += size + 2
    return found


def pairs(reply: bytes, size: int) -> list[tuple[bytes, ...]]:
    """Return the elements of an array by twos, say."""
    words = array(reply)
    return [tuple(words[at : at + size]) for at in range(0, len(words), size)]


def pause() -> None:
    """Let the others run for a moment; nothing goes by how long."""
    time.sleep(0.005)
