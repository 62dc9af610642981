"""Whatever clients do with keys, databases and transactions, the log folds to the same.

Time goes on in between, so that keys expire before, and between, all the rest.
"""

from hypothesis import given
from hypothesis import strategies as st

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.history.recovery import Fold
from joblog.storage.record import Record, decode_origin
from tests.support.fakes import FakeClock

KEYS = ("a", "b", "c")
DATABASES = ("0", "1", "2")


def lines(form, **choices):
    """Return a strategy for commands of a form: `{key}` stands for a choice."""
    drawn = {name: st.sampled_from(values) for name, values in choices.items()}
    return st.fixed_dictionaries(drawn).map(lambda found: form.format(**found))


COMMANDS = st.one_of(
    lines("SET {k} 1", k=KEYS),
    lines("SET {k} 1 PX {ms}", k=KEYS, ms=("5", "20")),
    lines("RPUSH {k} x", k=KEYS),
    lines("INCR {k}", k=KEYS),
    lines("DEL {k} {j}", k=KEYS, j=KEYS),
    lines("RENAME {k} {j}", k=KEYS, j=KEYS),
    lines("RENAMENX {k} {j}", k=KEYS, j=KEYS),
    lines("COPY {k} {j} DB {d}", k=KEYS, j=KEYS, d=DATABASES),
    lines("COPY {k} {j} REPLACE", k=KEYS, j=KEYS),
    lines("MOVE {k} {d}", k=KEYS, d=DATABASES),
    lines("PEXPIRE {k} {ms}", k=KEYS, ms=("5", "20", "0")),
    lines("PEXPIRE {k} {ms} {o}", k=KEYS, ms=("5", "20"), o=("GT", "LT", "NX", "XX")),
    lines("PERSIST {k}", k=KEYS),
    lines("EXISTS {k}", k=KEYS),
    lines("SELECT {d}", d=DATABASES),
    lines("SWAPDB {d} {e}", d=DATABASES, e=DATABASES),
    st.sampled_from(["FLUSHDB", "FLUSHALL", "RANDOMKEY"]),
)
TRANSACTIONS = st.one_of(
    lines("WATCH {k} {j}", k=KEYS, j=KEYS),
    st.sampled_from(["MULTI", "MULTI", "EXEC", "EXEC", "DISCARD", "UNWATCH"]),
    st.sampled_from(["RESET", "NONSENSE"]),
)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.one_of(COMMANDS, COMMANDS, TRANSACTIONS),
        st.sampled_from([0, 0, 0, 3, 10]),
    ),
    max_size=60,
)


def contents(keyspace):
    """Return all values and deadlines, by database and key."""
    return {
        (database.index, key): (
            value if type(value) is bytes else list(value),
            database.deadline_ms(key),
        )
        for database in keyspace.databases
        for key, value in database.values.items()
    }


@given(STEPS)
def test_fold_of_keys_and_transactions_is_the_live_keyspace(steps):
    clock = FakeClock()
    engine = Engine(Config(), now_ms=clock)
    sessions = [engine.clients.open(1), engine.clients.open(2)]

    for client, line, pause_ms in steps:
        clock.advance(pause_ms)
        engine.context.read_clock()
        engine.run(sessions[client], [line.encode().split()])

    fold = Fold()
    fold.apply(
        Record(seq, 0, at_ms, db, effects, decode_origin(origin))
        for seq, (at_ms, db, effects, origin) in enumerate(engine.outbox.entries, 1)
    )
    assert contents(fold.keyspace) == contents(engine.keyspace)
    for session in sessions:
        engine.clients.close(session)
    assert engine.observers.watchers == {}
    assert not any(database.is_observed for database in engine.keyspace.databases)
