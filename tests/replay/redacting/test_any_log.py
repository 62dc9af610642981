"""Random keys of random logs: what is redacted is gone, all else reads as before."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joblog.app.history.recovery import Fold
from joblog.app.types.snapshot_values import packer_of
from joblog.storage.errors import StorageError
from joblog.storage.reader import read_records
from tests.replay.histories import History
from tests.replay.redacting.redactions import (
    FILESYSTEM,
    digests,
    files_with,
    redact,
    verify,
)

KEYS = ("", "a", "bb", "list", "a-rather-long-key")
TEMPLATES = (
    "SET {a} {v}", "APPEND {a} {v}", "SET {a} {v} PX 100000", "INCR n",
    "MSET {a} {v} {b} {w}", "DEL {a} {b}", "DEL {a}", "UNLINK {b}",
    "RPUSH {a} {v} {w}", "LPUSH {b} {v}", "LMOVE {a} {b} LEFT RIGHT", "LPOP {a}",
    "SADD {a} {v}", "SMOVE {a} {b} {v}", "SUNIONSTORE {a} {b}", "SPOP {a}",
    "HSET {a} f {v} g {w}", "HDEL {a} f", "ZADD {a} 1 {v}", "ZPOPMIN {a}",
    "RENAME {a} {b}", "COPY {a} {b} REPLACE", "XADD {a} * f {v}", "PERSIST {a}",
    "MULTI", "EXEC", "SELECT 1", "SELECT 0", "SWAPDB 0 1", "FLUSHDB",
)  # fmt: skip


@st.composite
def commands(draw):
    """Draw the words of some commands; each value is another one."""
    found = []
    for number in range(draw(st.integers(1, 40))):
        a, b = draw(st.sampled_from(KEYS)), draw(st.sampled_from(KEYS))
        names = {"a": a, "b": b, "v": f"value-{number:05d}", "w": f"worth-{number:05d}"}
        template = draw(st.sampled_from(TEMPLATES))
        found.append([word.format(**names).encode() for word in template.split(" ")])
    return found


def make_log(folder, lines):
    """Run commands, and end with what leaves nothing of any key; some are refused."""
    history = History(folder, segment_bytes_max=600)
    client = history.connect(b"c")
    for argv in [*lines, [b"DISCARD"], [b"FLUSHALL"]]:
        history.engine.context.read_clock()
        history.engine.run(client, [argv])
        history.clock.at_ms += 1
        history.write()
    history.close()


def states(folder, key, last_seq):
    """Return the state after each record, one key left out."""
    fold, found = Fold(), []
    for record in read_records(folder, filesystem=FILESYSTEM, until_seq=last_seq):
        fold.apply([record])
        found.append(
            {
                (database.index, name): (pack(value), database.deadlines.get(name))
                for database in fold.keyspace.databases
                for name, value in database.values.items()
                for _, pack in [packer_of(value)]
                if name != key
            }
        )
    return found


def secrets_of(folder, key):
    """Return the values in records that are about one key alone."""
    found = set()
    for record in read_records(folder, filesystem=FILESYSTEM):
        for argv in record.effects:
            words = argv[:3] if argv[0] == b"MSET" else argv
            if words[1:2] == [key]:
                found |= {
                    word for word in words if word.startswith((b"value-", b"worth-"))
                }
    return found


@settings(
    max_examples=30, deadline=None, suppress_health_check=list(HealthCheck)
)  # fmt: skip
@given(lines=commands(), key=st.sampled_from(KEYS))
def test_a_redacted_log_is_the_log_without_the_key(lines, key):
    root = Path(tempfile.mkdtemp(prefix="erase_"))
    try:
        check(root / "data", lines, key.encode())
    finally:
        shutil.rmtree(root)


def check(folder, lines, key):
    make_log(folder, lines)
    last_seq = verify(folder).last_seq
    before, secrets = digests(folder, last_seq), secrets_of(folder, key)
    others = states(folder, key, last_seq)
    refusal = "made other keys"
    try:
        outcome = redact(folder, keys=[key])
    except StorageError as error:
        refusal = str(error)
        assert not (folder / "redaction.pending").exists()
        secrets.clear()
    else:
        assert bool(outcome.seq) >= bool(secrets)
    assert digests(folder, last_seq) == before
    assert "made other keys" in refusal
    assert states(folder, key, last_seq) == others
    assert verify(folder).undone == []
    assert files_with(folder, *secrets) == []
