"""Bits, bit fields, HyperLogLogs, positions, dumps and sorts fold to what is live.

Restored values go on to be changed, so a value that was decoded wrongly would show.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.history.recovery import Fold
from joblog.app.keyspace.digest import value_digest
from joblog.storage.record import Record, decode_origin
from tests.support.fakes import FakeClock

KEYS = ("a", "b", "c")
NUMBERS = ("0", "1", "5", "17", "-1", "300")
DUMPED = "DUMPED"


def lines(form, **choices):
    """Return a strategy for commands of a form: `{key}` stands for a choice."""
    drawn = {name: st.sampled_from(values) for name, values in choices.items()}
    return st.fixed_dictionaries(drawn).map(lambda found: form.format(**found))


STEPS = st.lists(
    st.one_of(
        lines("SETBIT {k} {n} {b}", k=KEYS, n=NUMBERS, b=("0", "1")),
        lines("BITOP {o} {k} {j} {i}", o=("AND", "XOR"), k=KEYS, j=KEYS, i=KEYS),
        lines("BITFIELD {k} SET u8 #{n} {m}", k=KEYS, n=NUMBERS, m=NUMBERS),
        lines(
            "BITFIELD {k} OVERFLOW {o} INCRBY i5 {n} {m}",
            k=KEYS,
            n=NUMBERS,
            m=NUMBERS,
            o=("WRAP", "SAT", "FAIL"),
        ),
        lines("PFADD {k} {n} {m}", k=KEYS, n=NUMBERS, m=NUMBERS),
        lines("PFCOUNT {k}", k=KEYS),
        lines("PFMERGE {k} {j}", k=KEYS, j=KEYS),
        lines("PFDEBUG TODENSE {k}", k=KEYS),
        lines("GEOADD {k} {n} {m} x", k=KEYS, n=NUMBERS, m=NUMBERS),
        lines("GEOADD {k} {n} 1 {m}", k=KEYS, n=NUMBERS, m=NUMBERS),
        lines(
            "GEOSEARCHSTORE {k} {j} FROMLONLAT 1 1 BYRADIUS 900 km {o}",
            k=KEYS,
            j=KEYS,
            o=("ASC", "STOREDIST"),
        ),
        lines("GEORADIUS {k} 1 1 900 km STORE {j}", k=KEYS, j=KEYS),
        lines("RPUSH {k} {n} {m}", k=KEYS, n=NUMBERS, m=NUMBERS),
        lines("SADD {k} {n} {m}", k=KEYS, n=NUMBERS, m=NUMBERS),
        lines("XADD {k} * f {n}", k=KEYS, n=NUMBERS),
        lines("SORT {k} {o} STORE {j}", k=KEYS, j=KEYS, o=("DESC", "ALPHA", "BY *")),
        lines("DUMP {k}", k=KEYS),
        lines(
            f"RESTORE {{k}} {{t}} {DUMPED} {{o}}",
            k=KEYS,
            t=("0", "0", "15"),
            o=("REPLACE", "REPLACE ABSTTL", ""),
        ),
        lines("DEL {k}", k=KEYS),
        lines("PEXPIRE {k} {n}", k=KEYS, n=("5", "20")),
    ),
    max_size=50,
)


def words_of(line, dumped):
    return [dumped if word == DUMPED else word.encode() for word in line.split()]


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_fold_of_strings_as_structures_is_the_live_keyspace(steps):
    clock = FakeClock()
    engine = Engine(Config(), now_ms=clock)
    session = engine.clients.open(1)
    dumped = b""

    for line in steps:
        clock.advance(3)
        engine.context.read_clock()
        reply = engine.execute(session, words_of(line, dumped))
        if line.startswith("DUMP") and type(reply) is bytes:
            dumped = reply
    engine.upkeep.look_after(100)  # so that nothing expires while it is compared

    fold = Fold()
    fold.apply(
        Record(seq, 0, at_ms, db, effects, decode_origin(origin))
        for seq, (at_ms, db, effects, origin) in enumerate(engine.outbox.entries, 1)
    )
    live, folded = engine.keyspace.databases[0], fold.keyspace.databases[0]
    assert folded.values.keys() == live.values.keys()
    assert folded.deadlines == live.deadlines
    for key in live.values:
        assert value_digest(folded, key) == value_digest(live, key)
