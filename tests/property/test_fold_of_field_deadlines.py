"""Whatever happens to hashes whose fields expire, the log folds to the same."""

from hypothesis import given
from hypothesis import strategies as st

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.history.recovery import Fold
from joblog.app.types.hashes import Hash
from joblog.storage.record import Record, decode_origin
from tests.property.test_fold_of_transactions import lines
from tests.support.fakes import FakeClock

KEYS = ("h", "i")
FIELDS = ("a", "b", "c")
SHORT = ("0", "5", "20")

COMMANDS = st.one_of(
    lines("HSET {k} {f} 1 {g} 2", k=KEYS, f=FIELDS, g=FIELDS),
    lines("HINCRBY {k} {f} 1", k=KEYS, f=FIELDS),
    lines("HINCRBYFLOAT {k} {f} 1.5", k=KEYS, f=FIELDS),
    lines("HSETNX {k} {f} 7", k=KEYS, f=FIELDS),
    lines("HDEL {k} {f}", k=KEYS, f=FIELDS),
    lines("HLEN {k}", k=KEYS),
    lines("HGETDEL {k} FIELDS 1 {f}", k=KEYS, f=FIELDS),
    lines("HPEXPIRE {k} {ms} FIELDS 2 {f} {g}", k=KEYS, ms=SHORT, f=FIELDS, g=FIELDS),
    lines("HPEXPIRE {k} {ms} NX FIELDS 1 {f}", k=KEYS, ms=SHORT, f=FIELDS),
    lines("HPEXPIRE {k} {ms} GT FIELDS 1 {f}", k=KEYS, ms=SHORT, f=FIELDS),
    lines("HPERSIST {k} FIELDS 1 {f}", k=KEYS, f=FIELDS),
    lines("HSETEX {k} PX {ms} FIELDS 1 {f} 3", k=KEYS, ms=SHORT, f=FIELDS),
    lines("HSETEX {k} {o} FIELDS 1 {f} 4", k=KEYS, o=("KEEPTTL", "FNX"), f=FIELDS),
    lines("HGETEX {k} PX {ms} FIELDS 1 {f}", k=KEYS, ms=SHORT, f=FIELDS),
    lines("HGETEX {k} PERSIST FIELDS 1 {f}", k=KEYS, f=FIELDS),
    lines("PEXPIRE {k} {ms}", k=KEYS, ms=SHORT),
    lines("SET {k} 1 KEEPTTL", k=KEYS),
    st.sampled_from(["RENAME h i", "COPY h i REPLACE", "MOVE h 1", "SWAPDB 0 1"]),
    st.sampled_from(["MULTI", "EXEC", "FLUSHDB", "SELECT 0", "SELECT 1", "CRON"]),
)
STEPS = st.lists(st.tuples(COMMANDS, st.sampled_from([0, 0, 3, 10])), max_size=60)


def contents(keyspace):
    """Return all values and deadlines, by database and key."""
    return {
        (database.index, key): (
            (dict(value), value.deadlines) if type(value) is Hash else value,
            database.deadline_ms(key),
        )
        for database in keyspace.databases
        for key, value in database.values.items()
    }


@given(STEPS)
def test_fold_of_field_deadlines_is_the_live_keyspace(steps):
    clock = FakeClock()
    engine = Engine(Config(), now_ms=clock)
    session = engine.clients.open(1)

    for line, pause_ms in steps:
        clock.advance(pause_ms)
        engine.context.read_clock()
        if line == "CRON":
            engine.upkeep.look_after(10)
        else:
            engine.run(session, [line.encode().split()])
        assert_every_deadline_is_seen_to(engine.keyspace)

    fold = Fold()
    fold.apply(
        Record(seq, 0, at_ms, db, effects, decode_origin(origin))
        for seq, (at_ms, db, effects, origin) in enumerate(engine.outbox.entries, 1)
    )
    assert contents(fold.keyspace) == contents(engine.keyspace)
    assert_every_deadline_is_seen_to(fold.keyspace)
    engine.clients.close(session)


def assert_every_deadline_is_seen_to(keyspace):
    """Assert that each database knows of the next field of each hash in time."""
    for database in keyspace.databases:
        assert database.field_deadlines.keys() <= database.values.keys()
        for key, value in database.values.items():
            next_ms = value.next_deadline_ms() if type(value) is Hash else None
            if next_ms is not None:
                assert database.field_deadlines[key] <= next_ms
