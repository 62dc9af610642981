"""Makes the package `joblog` of four folders, and compiles its hot modules.

The folders lie at the top of the repository, and are imported as `joblog.app` and the
like: build/src/joblog is that package, made of links to them and of what is written
here. All that is built, installed, checked and compiled goes by it. See
docs/decisions/0020-one-import-name.md.

mypyc compiles the hot modules where a C compiler is at hand. Without one, or with
JOBLOG_PURE=1 in the environment, they run as plain Python: slower by a seventh to two
fifths, and no different otherwise. See docs/decisions/0003-compile-the-hot-modules.md.
"""

import os
import shutil
import sys
import sysconfig
from contextlib import chdir
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
TREE = ROOT / "build" / "src"
"""What goes on the path for imports; pyproject.toml knows it too."""

FOLDERS = ("actors", "app", "replay", "storage")
FILES = {
    "__init__.py": '"""A Redis-compatible server; its database is its log."""\n',
    "__main__.py": '"""`python -m joblog` is `joblog`."""\n\n'
    "from joblog.actors.service.program import main\n\nmain()\n",
    "py.typed": "",
}
"""What the package has beside the folders."""

HOT = [
    "actors/appender.py",
    "actors/inbox.py",
    "actors/loop.py",
    "actors/output.py",
    "actors/traffic.py",
    "actors/turn.py",
    "actors/wire.py",
    "app/commands/hashes/effects.py",
    "app/commands/hashes/reads.py",
    "app/commands/hashes/writes.py",
    "app/commands/keys/expiry.py",
    "app/commands/keys/generic.py",
    "app/commands/lists/pops.py",
    "app/commands/lists/reads.py",
    "app/commands/lists/writes.py",
    "app/commands/scripts/evaluation.py",
    "app/commands/sets/members.py",
    "app/commands/sorted_sets/members.py",
    "app/commands/sorted_sets/picks.py",
    "app/commands/sorted_sets/ranges.py",
    "app/commands/sorted_sets/spans.py",
    "app/commands/strings/digests.py",
    "app/commands/strings/numbers.py",
    "app/commands/strings/options.py",
    "app/commands/strings/values.py",
    "app/engine/access.py",
    "app/engine/blocking.py",
    "app/engine/engine.py",
    "app/engine/guards.py",
    "app/engine/lua_callbacks.py",
    "app/engine/lua_replies.py",
    "app/engine/lua_values.py",
    "app/engine/outbox.py",
    "app/engine/script_commands.py",
    "app/engine/script_text.py",
    "app/engine/scripting.py",
    "app/engine/scripts.py",
    "app/engine/slow_commands.py",
    "app/engine/tracking.py",
    "app/engine/transactions.py",
    "app/keyspace/database.py",
    "app/keyspace/keyspace.py",
    "app/protocol/encoder.py",
    "app/protocol/parser.py",
    "app/state/alarm.py",
    "app/state/context.py",
    "app/state/script_runner.py",
    "app/state/script_sources.py",
    "app/state/server_state.py",
    "app/state/session.py",
    "app/state/units.py",
    "app/table/arguments.py",
    "app/table/key_specs.py",
    "app/table/table.py",
    "app/types/deadlines.py",
    "app/types/hashes.py",
    "app/types/long_doubles.py",
    "app/types/numbers.py",
    "app/types/sorted_ranges.py",
    "app/types/sorted_sets.py",
    "storage/batch.py",
    "storage/log.py",
    "storage/open_segment.py",
    "storage/sealing.py",
]
"""The modules that every command goes through, from the socket to the log."""

# Without these the linker lets every function be replaced by another library's, so that
# none is inlined and each call goes through a table: a twentieth of the time.
COMPILER_OPTIONS = ["-fno-semantic-interposition", "-fvisibility=hidden", "-fno-plt"]

MYPY_OPTIONS = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]


def lay_out() -> None:
    """Make the package, or what of it is missing or not as it should be."""
    package = TREE / "joblog"
    package.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        link, target = package / folder, Path("..", "..", "..", folder)
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    for name, text in FILES.items():
        path = package / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


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
        # Names of modules and the files in tracebacks go by paths from here.
        with chdir(TREE):
            compiled: list[Extension] = mypycify(
                [*MYPY_OPTIONS, *(f"joblog/{path}" for path in HOT)],
                opt_level="3",
                debug_level="0",
                group_name="joblog.hot",
                target_dir=str(ROOT / "build"),
            )
    except SystemExit:
        sys.stderr.write("joblog: mypyc refused; its modules stay plain Python\n")
        return []
    for extension in compiled:
        extension.sources = [os.path.relpath(path, ROOT) for path in extension.sources]
        extension.depends = [os.path.relpath(path, ROOT) for path in extension.depends]
        # Not in place: all extensions share one list.
        extension.extra_compile_args = extension.extra_compile_args + COMPILER_OPTIONS
    return compiled


class SourceDistribution(sdist):
    """An archive from which all can be done that a checkout allows, tests too."""

    FILES = ("CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml")
    FOLDERS = (*FOLDERS, ".ci", "docs", "findings", "tests")

    def make_distribution(self) -> None:
        """Name the files where they lie, none of what is made of them; write all."""
        paths = [Path(name) for name in (*self.filelist.files, *self.FILES)]
        for folder in self.FOLDERS:
            paths += sorted(Path(folder).rglob("*"))
        self.filelist.files = [
            str(path)
            for path in paths
            if path.is_file()
            and path.suffix not in {".pyc", ".so"}
            and path.parts[0] != "build"
        ]
        super().make_distribution()


lay_out()
setup(
    ext_modules=extensions(),
    cmdclass={"sdist": SourceDistribution},
    options={"egg_info": {"egg_base": "build"}},
)
