import subprocess
import sys

import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.commands.writers import find_writer, require_writer
from joblog.app.errors import CommandError


def test_a_writer_is_found_in_any_case_of_letters_and_by_its_subcommand():
    assert find_writer([b"lpush", b"q", b"a"]).name == "lpush"
    assert find_writer([b"XGROUP", b"create", b"s", b"g", b"0"]).name == "xgroup|create"
    assert find_writer([b"NOSUCH"]) is None


def test_a_writer_that_is_none_or_has_too_few_words_is_refused():
    with pytest.raises(CommandError):
        require_writer([b"NOSUCH", b"a"])
    with pytest.raises(CommandError):
        require_writer([b"LPUSH", b"q"])


@pytest.mark.parametrize("argv", ["HSET h f v", "XGROUP CREATE s g 0", "CONFIG GET x"])
def test_a_writer_is_found_where_nothing_was_imported_yet(argv):
    program = (
        "from joblog.app.commands.writers import find_writer\n"
        f"assert find_writer({argv.encode()!r}.split()) is not None\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
