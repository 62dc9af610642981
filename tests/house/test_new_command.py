"""A new command is one handler, its test, its parity script and a changelog line.

Here one is added to a copy of the tree, and the suite's own checks run there: nothing
else in the tree has to name it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.generate_docs import PAGES
from tests.house.test_tree import PACKAGES, ROOT, tracked

HANDLER = '''"""TAKEINTO: take a string away from one key and store it at another.

Source: nothing; see tests/parity/test_taking.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context


@command(
    "TAKEINTO",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=(
        KeySpec("RW ACCESS DELETE", is_read=True),
        KeySpec("OW UPDATE", first=2),
    ),
    effects=("SET", "DEL"),
    group="string",
    since="9.9.9",
    summary="Take a string from a key, and store it at another.",
    complexity="O(1)",
)
def takeinto(ctx: Context, source: bytes, destination: bytes) -> int:
    """Return 1, or 0 where there is no string to take."""
    db = ctx.db
    value = db.get(source, bytes)
    if value is None:
        return 0
    db.delete(source)
    db.touch(source, b"del")
    ctx.record(b"DEL", source)
    db.overwrite(destination, value)
    db.touch(destination, b"set")
    ctx.record(b"SET", destination, value)
    return 1
'''
PARITY = '''"""The parity script of TAKEINTO."""


def test_takeinto_answers_as_it_should(parity):
    parity(["TAKEINTO a b"])
'''
KNOWN = '''"""What the server and replay know of TAKEINTO."""

import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.commands.writers import find_writer
from joblog.app.history.touched import find_touched
from joblog.replay.records.script_lines import find_lines
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from joblog.storage.record import Origin, Record
from tests.replay.histories import History
from tests.support.folding import require_known_effects

CALL = "TAKEINTO a b"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("COMMAND GETKEYS TAKEINTO a b", [b"$1\\r\\na", b"$1\\r\\nb"]),
        ("COMMAND GETKEYSANDFLAGS TAKEINTO a b", [b"+delete", b"+OW"]),
        ("COMMAND INFO TAKEINTO", [b"$8\\r\\ntakeinto\\r\\n:3", b"+@string"]),
        ("COMMAND LIST FILTERBY ACLCAT write", [b"takeinto"]),
        ("COMMAND DOCS TAKEINTO", [b"Take a string", b"key_spec_index"]),
    ],
)
def test_command_is_told(clients, line, shown):
    reply = clients("a", line)

    assert not reply.startswith(b"-")
    for text in shown:
        assert text in reply


def test_lookups_count_as_the_key_specs_say(clients):
    clients("a", CALL)

    assert clients.engine.keyspace.misses == 1


def test_effects_are_known_and_lead_to_the_line_of_a_script(tmp_path):
    history = History(tmp_path)
    session = history.connect()
    history.run(session, "SET a v", CALL, "SET a v")
    source = b"local x = 1\\nredis.call('TAKEINTO', KEYS[1], ARGV[1])\\nreturn x"
    history.run(session, [b"EVAL", source, b"1", b"a", b"b"])
    history.close()

    records = list(read_records(tmp_path, filesystem=FileSystem()))

    for record in map(require_known_effects, records):
        if len(record.effects) == 2:
            assert find_touched(record).keys == [(0, b"a"), (0, b"b")]
    assert [argv[0] for argv in records[-1].effects] == [b"DEL", b"SET"]
    for effect in records[-1].effects:
        assert find_lines(source, records[-1], effect) == [2]


def test_keys_are_those_of_the_key_specs_in_replay_too():
    argv = CALL.encode().split()

    assert find_touched(Record(1, 0, 0, 0, [argv], Origin(1))).keys == [
        (0, b"a"),
        (0, b"b"),
    ]
    command = find_writer(argv)
    assert command.name == "takeinto"
    assert [spec.may_matter for spec in command.keys] == [True, False]
'''
ADDED = {
    "app/commands/strings/taking.py": HANDLER,
    "tests/parity/test_taking.py": PARITY,
    "tests/app/commands/test_taking.py": KNOWN,
}
CHECKS = (
    *("tests/house/test_docs.py", "tests/house/test_tree.py"),
    *("tests/app/commands", "tests/app/test_touched.py"),
    "tests/app/engine/test_notifications.py",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return a copy of the tree in which there is one more command."""
    folder = tmp_path_factory.mktemp("tree")
    for path in tracked():
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    package = folder / "build" / "src" / "joblog"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").touch()
    for name in PACKAGES:
        package.joinpath(name).symlink_to(folder / name)
    for name, text in ADDED.items():
        folder.joinpath(name).write_text(text)
    changelog = folder / "CHANGELOG.md"
    text = changelog.read_text().replace("### Added\n", "### Added\n\n- TAKEINTO.\n", 1)
    changelog.write_text(text)
    return folder


def run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a copy of the tree."""
    search = os.pathsep.join([str(tree / "build" / "src"), str(tree)])
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_new_command_passes_the_checks_of_the_suite_and_nothing_else_names_it(tree):
    written = run(tree, "tests.house.generate_docs")
    assert written.returncode == 0, written.stderr

    checked = run(tree, "pytest", "-q", "-p", "no:cacheprovider", *CHECKS)
    assert checked.returncode == 0, checked.stdout[-4000:]

    linted = run(tree, "ruff", "check", "--no-cache", *ADDED)
    assert linted.returncode == 0, linted.stdout

    generated = {(tree / "docs" / name).resolve() for name in PAGES}
    own = {tree / name for name in (*ADDED, "CHANGELOG.md")}
    own.add(tree / Path(__file__).relative_to(ROOT))
    folders = (*PACKAGES, "tests", "docs")
    files = [path for folder in folders for path in (tree / folder).rglob("*")]
    named = {
        path for path in files if path.is_file() and b"TAKEINTO" in path.read_bytes()
    }
    assert named - generated <= own
