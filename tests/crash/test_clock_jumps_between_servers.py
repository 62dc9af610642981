"""Keys that move between servers while the system clock is set: MIGRATE and imports.

What redis-server does in our place, under the same jump, is what is expected.
"""

import shutil
import subprocess
import sys

import pytest

from tests.crash.system_clock import system_clock
from tests.crash.test_clock_jumps import JUMPS, agree
from tests.support.processes import free_port
from tests.support.servers import ROOT, start_joblog, start_redis

__all__ = ["system_clock"]

pytestmark = pytest.mark.slow

KEYS = ("ever", "hours", "soon", "list")
FIRST = [
    ("SET", "ever", "v"),
    ("SET", "hours", "v", "PX", 7_200_000),
    ("SET", "soon", "v", "PX", 100_000),
    ("RPUSH", "list", "a", "b"),
    ("PEXPIRE", "list", 100_000),
]
QUESTIONS = [
    ("DBSIZE",),
    *(("EXISTS", key) for key in KEYS),
    *(("PTTL", key) for key in KEYS),
    *(("PEXPIRETIME", key) for key in KEYS),
]


@pytest.fixture
def sources(system_clock):
    """Return this server and redis-server, with the same keys."""
    options = ("--appendfsync", "always")
    with start_joblog(*options) as ours, start_redis(*options) as theirs:
        for server in (ours, theirs):
            client = server.connect()
            for words in FIRST:
                assert not client.ask(*words).startswith(b"-")
        yield ours, theirs


def ask_all(server):
    client = server.connect()
    return b"".join(client.ask(*words) for words in QUESTIONS)


def migrate_all(source):
    """Move the keys to a redis-server of their own; return what is said of them."""
    port = free_port()
    with start_redis("--bind", "127.0.0.1", "--port", str(port)) as target:
        client = source.connect()
        moved = [
            client.ask("MIGRATE", "127.0.0.1", port, key, "0", "5000") for key in KEYS
        ]
        return b"".join([*moved, ask_all(target), ask_all(source)])


@pytest.mark.parametrize("jump", JUMPS)
def test_keys_are_migrated_with_the_time_that_the_clock_leaves_them(
    sources, system_clock, fold_equals_live, jump
):
    system_clock.set_to(jump())

    ours, theirs = map(migrate_all, sources)

    assert agree(ours, theirs), (ours, theirs)
    fold_equals_live(sources[0])


@pytest.mark.parametrize("jump", JUMPS)
def test_what_was_saved_before_a_jump_is_imported_as_redis_loads_it(
    sources, system_clock, fold_equals_live, jump
):
    ours, theirs = sources
    theirs.connect().ask("SAVE")
    theirs.kill()
    ours.stop()
    shutil.rmtree(ours.folder)

    system_clock.set_to(jump())
    subprocess.run(
        [
            *(sys.executable, "-m", "joblog.replay", "import", ours.folder),
            theirs.folder / "dump.rdb",
        ],
        cwd=ROOT,
        check=True,
    )
    for server in (ours, theirs):
        server.start()

    answers = [ask_all(server) for server in (ours, theirs)]
    assert agree(*answers), answers
    fold_equals_live(ours)
    system_clock.set_to(0)
    answers = [ask_all(server) for server in (ours, theirs)]
    assert agree(*answers), answers
    fold_equals_live(ours)
