"""A server whose values lie packed now and then answers as one that packs none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.history.recovery import Fold
from joblog.app.history.snapshots import encode_blocks
from joblog.app.keyspace import database
from joblog.app.keyspace.digest import dataset_digest
from joblog.app.keyspace.packing import pack_beyond
from joblog.storage.record import Record, decode_origin
from tests.property.test_fold_of_field_deadlines import COMMANDS, FIELDS, KEYS, SHORT
from tests.property.test_fold_of_transactions import lines
from tests.support.fakes import FakeClock

LISTS, ZSETS, SETS = ("l", "m"), ("z", "y"), ("s", "t")
SCORES = ("0", "-0", "1.5", "-inf", "1700000000000", "1e300")
MORE = st.one_of(
    COMMANDS,
    lines("HSET {k} {f} 1 {g} 2 {f} 3", k=KEYS, f=FIELDS, g=FIELDS),
    lines("HMSET {k} {f} 1 {g} 2", k=KEYS, f=FIELDS, g=FIELDS),
    lines("HGET {k} {f}", k=KEYS, f=FIELDS),
    lines("HSCAN {k} {n} COUNT 1", k=KEYS, n=("0", "1", "2")),
    lines("RESTORE {k} 0 bad", k=KEYS),
    lines("LPUSH {k} x", k=KEYS),
    lines("{c} {k}", c=("HGETALL", "HKEYS", "TYPE", "DEL", "DUMP", "GET"), k=KEYS),
    lines("OBJECT ENCODING {k}", k=KEYS),
    lines("EXPIRE {k} {ms}", k=KEYS, ms=SHORT),
    lines("{c} {k} {f} {g} {f}", c=("LPUSH", "RPUSH"), k=LISTS, f=FIELDS, g=FIELDS),
    lines("{c} {k}", c=("LPOP", "RPOP", "LLEN", "TYPE", "DUMP", "DEL"), k=LISTS),
    lines("LRANGE {k} {n} -1", k=LISTS, n=("0", "1", "-2")),
    lines("LREM {k} 1 {f}", k=LISTS, f=FIELDS),
    lines("RENAME {k} {j}", k=LISTS, j=LISTS),
    lines(
        "{c} {k} {n} {f} {m} {g}",
        c=("ZADD",),
        k=ZSETS,
        n=SCORES,
        f=FIELDS,
        m=SCORES,
        g=FIELDS,
    ),
    lines(
        "{c} {k}", c=("ZPOPMIN", "ZCARD", "TYPE", "DUMP", "OBJECT ENCODING"), k=ZSETS
    ),
    lines("ZRANGE {k} 0 -1 WITHSCORES", k=ZSETS),
    lines("ZSCAN {k} {n} COUNT 1", k=ZSETS, n=("0", "1", "2")),
    lines("COPY {k} {j} REPLACE", k=ZSETS, j=ZSETS),
    lines(
        "{c} {k} {f} {g}", c=("SADD", "SREM", "SMISMEMBER"), k=SETS, f=FIELDS, g=FIELDS
    ),
    lines(
        "{c} {k}", c=("SMEMBERS", "SCARD", "TYPE", "DUMP", "OBJECT ENCODING"), k=SETS
    ),
    lines("SADD {k} {n} {m}", k=SETS, n=("1", "-7"), m=("30", "2")),
    lines("{c} {k} {j}", c=("SUNION", "SDIFFSTORE u", "SINTER"), k=SETS, j=SETS),
    lines("SPOP {k} {n}", k=SETS, n=("0", "9")),
    lines("SSCAN {k} {n} COUNT 1", k=SETS, n=("0", "1", "2")),
    lines("SMOVE {k} {j} {f}", k=SETS, j=SETS, f=FIELDS),
    st.sampled_from(["SCAN 0 TYPE list", "SCAN 0 TYPE zset", "SWAPDB 0 1"]),
    st.sampled_from(["SCAN 0 TYPE set", "SORT s ALPHA"]),
    st.sampled_from(["SCAN 0 TYPE hash", "KEYS *", "DEBUG DIGEST", "WATCH h"]),
    st.just("EVAL {script} 0".format(script="return{redis.call('HGETALL','h')}")),
)
STEPS = st.lists(
    st.tuples(MORE, st.sampled_from([0, 0, 3, 10]), st.booleans()), max_size=60
)


class Side:
    """An engine, and what it answered."""

    def __init__(self, clock, *, packs):
        self.engine = Engine(Config(), now_ms=clock)
        self._session = self.engine.clients.open(1)
        if packs:
            self.engine.keyspace.pack_hashes()

    def answer(self, line):
        self.engine.context.read_clock()
        if line == "CRON":
            self.engine.upkeep.look_after(10)
            return None
        return bytes(self.engine.run(self._session, [line.encode().split()]))

    def folded(self, *, packs):
        entries = self.engine.outbox.entries
        fold = Fold(packs_hashes=packs)
        fold.apply(
            Record(seq, 0, at_ms, db, effects, decode_origin(origin, effects))
            for seq, (at_ms, db, effects, origin) in enumerate(entries, 1)
        )
        return fold.keyspace


@given(STEPS, st.sampled_from([-1, 0, 2, 256]))
def test_packed_values_are_not_noticed(steps, crowd):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_CROWD", crowd)
        run_on_both(steps)


def run_on_both(steps):
    clock = FakeClock()
    plain, packing = Side(clock, packs=False), Side(clock, packs=True)

    for line, pause_ms, is_packing in steps:
        clock.advance(pause_ms)
        assert packing.answer(line) == plain.answer(line)
        if is_packing:
            pack_beyond(packing.engine.keyspace, 0)

    states = [
        plain.engine.keyspace,
        packing.engine.keyspace,
        packing.folded(packs=False),
        packing.folded(packs=True),
    ]
    digests = {dataset_digest(keyspace) for keyspace in states}
    assert len(digests) == 1
    blocks = [b"".join(block for block, _ in encode_blocks(each)) for each in states]
    assert blocks == blocks[:1] * len(blocks)
    for keyspace in states:
        keyspace.check()
