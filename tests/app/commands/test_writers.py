import subprocess
import sys

import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.commands.writers import HOMES, find_writer, require_writer
from joblog.app.errors import CommandError
from joblog.app.table.table import Flag, every_command

NEVER_EFFECTS = {"LOG.TAG", "MIGRATE", "PFDEBUG", "RESTORE-ASKING"}


def test_homes_say_which_module_registers_each_command_that_writes():
    homes: dict[str, set[str]] = {}
    for command in every_command():
        name = command.name.upper().split("|")[0]
        module = command.handler.__module__.partition(".commands.")[2]
        is_wanted = command.flags & Flag.WRITE and not command.flags & Flag.BLOCKING
        if is_wanted and name not in NEVER_EFFECTS:
            homes.setdefault(module, set()).add(name)
    homes["streams.reads"] = {"XREADGROUP"}

    assert {home: set(names.split()) for home, names in HOMES.items()} == homes


def test_a_writer_is_found_in_any_case_of_letters_and_by_its_subcommand():
    assert find_writer([b"lpush", b"q", b"a"]).name == "lpush"
    assert find_writer([b"XGROUP", b"create", b"s", b"g", b"0"]).name == "xgroup|create"
    assert find_writer([b"NOSUCH"]) is None


def test_a_writer_that_is_none_or_has_too_few_words_is_refused():
    with pytest.raises(CommandError):
        require_writer([b"NOSUCH", b"a"])
    with pytest.raises(CommandError):
        require_writer([b"LPUSH", b"q"])


@pytest.mark.parametrize("argv", ["HSET h f v", "XGROUP CREATE s g 0", "SELECT 1"])
def test_a_writer_is_found_where_nothing_was_imported_yet(argv):
    program = (
        "from joblog.app.commands.writers import find_writer\n"
        f"assert find_writer({argv.encode()!r}.split()) is not None\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
