"""Compiles the hot modules with mypyc where a C compiler is at hand.

Without one, or with JOBLOG_PURE=1 in the environment, the same modules run as plain
Python: slower by a seventh to two fifths, and no different otherwise. See
docs/decisions/0003-compile-the-hot-modules.md.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.sdist import sdist

HOT = [
    "actors/appender.py",
    "actors/inbox.py",
    "actors/loop.py",
    "actors/output.py",
    "actors/traffic.py",
    "actors/turn.py",
    "actors/wire.py",
    "app/table/arguments.py",
    "app/state/context.py",
    "app/commands/keys/expiry.py",
    "app/commands/keys/generic.py",
    "app/commands/hashes/effects.py",
    "app/commands/hashes/reads.py",
    "app/commands/hashes/writes.py",
    "app/commands/lists/pops.py",
    "app/commands/lists/reads.py",
    "app/commands/lists/writes.py",
    "app/state/script_sources.py",
    "app/commands/scripts/evaluation.py",
    "app/state/server_state.py",
    "app/commands/sets/members.py",
    "app/commands/sorted_sets/picks.py",
    "app/commands/sorted_sets/ranges.py",
    "app/commands/sorted_sets/spans.py",
    "app/commands/sorted_sets/members.py",
    "app/commands/strings/digests.py",
    "app/commands/strings/numbers.py",
    "app/commands/strings/options.py",
    "app/commands/strings/values.py",
    "app/table/table.py",
    "app/engine/blocking.py",
    "app/engine/effects.py",
    "app/engine/engine.py",
    "app/engine/guards.py",
    "app/engine/lua_callbacks.py",
    "app/engine/lua_replies.py",
    "app/engine/lua_values.py",
    "app/engine/script_commands.py",
    "app/engine/script_text.py",
    "app/engine/scripting.py",
    "app/engine/scripts.py",
    "app/engine/tracking.py",
    "app/engine/transactions.py",
    "app/keyspace/database.py",
    "app/keyspace/keyspace.py",
    "app/protocol/encoder.py",
    "app/protocol/parser.py",
    "app/types/deadlines.py",
    "app/types/hashes.py",
    "app/types/numbers.py",
    "app/types/sorted_sets.py",
    "storage/batch.py",
    "storage/log.py",
    "storage/log_facts.py",
]
"""The modules that every command goes through, from the socket to the log."""

# Without these the linker lets every function be replaced by another library's, so that
# none is inlined and each call goes through a table: a twentieth of the time.
COMPILER_OPTIONS = ["-fno-semantic-interposition", "-fvisibility=hidden", "-fno-plt"]

MYPY_OPTIONS = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]


def extensions() -> list[Extension]:
    """Return the modules to compile; none where that cannot be done."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    header = Path(sysconfig.get_path("include"), "Python.h")
    is_cpython = sys.implementation.name == "cpython"
    wants_pure = bool(os.environ.get("JOBLOG_PURE"))
    if wants_pure or not is_cpython or compiler is None or not header.exists():
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - only where it is used

    try:
        compiled: list[Extension] = mypycify(
            [*MYPY_OPTIONS, *HOT], opt_level="3", debug_level="0"
        )
    except SystemExit:
        sys.stderr.write("joblog: mypyc refused; its modules stay plain Python\n")
        return []
    for extension in compiled:
        extension.extra_compile_args += COMPILER_OPTIONS
    return compiled


class SourceDistribution(sdist):
    """An archive from which all can be done that a checkout allows, tests too."""

    FILES = ("CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml")
    FOLDERS = (".ci", "docs", "findings", "tests")

    def make_distribution(self) -> None:
        """Add what no package holds, and write the archive."""
        paths = [Path(name) for name in self.FILES]
        for folder in self.FOLDERS:
            paths += sorted(Path(folder).rglob("*"))
        self.filelist.extend(
            str(path)
            for path in paths
            if path.is_file() and "__pycache__" not in path.parts
        )
        super().make_distribution()


setup(ext_modules=extensions(), cmdclass={"sdist": SourceDistribution})
