"""Makes the package `joblog` of four folders, and compiles its hot modules.

The folders lie at the top of the repository, and are imported as `joblog.app` and the
like: build/src/joblog is that package, made of links to them and of what is written
here. All that is built, installed, checked and compiled goes by it. See
docs/decisions/0020-one-import-name.md.

mypyc compiles the hot modules where a C compiler is at hand. Without one, or with
JOBLOG_PURE=1 in the environment, they run as plain Python: slower by a seventh to two
fifths, and no different otherwise. See docs/decisions/0003-compile-the-hot-modules.md.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import sysconfig
from contextlib import chdir, suppress
from pathlib import Path
from tempfile import mkdtemp

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
TREE = BUILD / "src"
"""What goes on the path for imports; pyproject.toml knows it too."""

FOLDERS = ("actors", "app", "replay", "storage")
INIT = '"""A Redis-compatible server; its database is its log."""\n'
FILES = {
    "__main__.py": '"""`python -m joblog` is `joblog`."""\n\n'
    "from joblog.actors.service.program import main\n\nmain()\n",
    "py.typed": "",
}
"""What the package has beside the folders."""

# In this tree the compiled modules lie apart from their sources. A process asks once,
# when it begins, whether they were compiled from the sources that are here, and takes
# all of them or none, whatever is compiled or edited while it runs.
FINDING = '''
import os
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec


class _Compiled:
    """Finds the hot modules as they were compiled."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names = frozenset(os.listdir(folder))

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if f"{name}.so" not in self._names:
            return None
        file = f"{self._folder}/{name}.so"
        spec = ModuleSpec(name, ExtensionFileLoader(name, file), origin=file)
        spec.has_location = True
        return spec


def _is_fresh(root: str, folder: str) -> bool:
    with open(f"{folder}/sources", encoding="utf-8") as lines:
        for line in lines:
            size, changed_ns, digest, name = line.split()
            path = f"{root}/{name}"
            seen = os.stat(path)
            if (seen.st_size, seen.st_mtime_ns) == (int(size), int(changed_ns)):
                continue
            from hashlib import sha256

            with open(path, "rb") as file:
                if sha256(file.read()).hexdigest() != digest:
                    return False
    return True


def _find_compiled() -> None:
    root = os.path.realpath(f"{os.path.dirname(__file__)}/../../..")
    folder = os.path.realpath(f"{root}/build/compiled/{sys.implementation.cache_tag}")
    try:
        if not os.environ.get("JOBLOG_PURE") and _is_fresh(root, folder):
            sys.meta_path.insert(0, _Compiled(folder))
    except OSError:
        pass


_find_compiled()
'''

HOT = [
    "actors/appender.py",
    "actors/inbox.py",
    "actors/loop.py",
    "actors/mailboxes.py",
    "actors/output.py",
    "actors/replica/stream.py",
    "actors/tls/transport.py",
    "actors/traffic.py",
    "actors/turn.py",
    "actors/wire.py",
    "app/commands/hashes/effects.py",
    "app/commands/hashes/reads.py",
    "app/commands/hashes/writes.py",
    "app/commands/keys/expiry.py",
    "app/commands/keys/generic.py",
    "app/commands/lists/blocking.py",
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
    "app/engine/candidates.py",
    "app/engine/engine.py",
    "app/engine/guards.py",
    "app/engine/lua_callbacks.py",
    "app/engine/lua_replies.py",
    "app/engine/lua_values.py",
    "app/engine/memory_limit.py",
    "app/engine/observers.py",
    "app/engine/outbox.py",
    "app/engine/replicated.py",
    "app/engine/rows.py",
    "app/engine/script_commands.py",
    "app/engine/script_text.py",
    "app/engine/script_times.py",
    "app/engine/scripting.py",
    "app/engine/scripts.py",
    "app/engine/slow_commands.py",
    "app/engine/tracking.py",
    "app/engine/transactions.py",
    "app/engine/uses.py",
    "app/history/recovery.py",
    "app/keyspace/database.py",
    "app/keyspace/keyspace.py",
    "app/protocol/encoder.py",
    "app/protocol/parser.py",
    "app/protocol/quick.py",
    "app/protocol/writing.py",
    "app/state/alarm.py",
    "app/state/context.py",
    "app/state/script_runner.py",
    "app/state/script_sources.py",
    "app/state/server_state.py",
    "app/state/session.py",
    "app/state/traffic.py",
    "app/state/units.py",
    "app/table/arguments.py",
    "app/table/key_specs.py",
    "app/table/table.py",
    "app/types/deadlines.py",
    "app/types/hashes.py",
    "app/types/list_blocks.py",
    "app/types/listpack.py",
    "app/types/lists.py",
    "app/types/long_doubles.py",
    "app/types/numbers.py",
    "app/types/rdb_rows.py",
    "app/types/rdb_written_rows.py",
    "app/types/score_order.py",
    "app/types/sets.py",
    "app/types/sorted_ranges.py",
    "app/types/sorted_sets.py",
    "app/types/ziplist.py",
    "app/users/gate.py",
    "app/users/requests.py",
    "app/users/selectors.py",
    "app/users/user.py",
    "storage/batch.py",
    "storage/frame.py",
    "storage/log.py",
    "storage/open_segment.py",
    "storage/payloads.py",
    "storage/record.py",
    "storage/running_digest.py",
    "storage/sealing.py",
    "storage/taking.py",
]
"""The modules that every command goes through, from the socket to the log."""

# Without these the linker lets every function be replaced by another library's, so that
# none is inlined and each call goes through a table: a twentieth of the time.
COMPILER_OPTIONS = ["-fno-semantic-interposition", "-fvisibility=hidden", "-fno-plt"]

MYPY_OPTIONS = [
    *("--config-file=", f"--cache-dir={os.devnull}"),
    *("--ignore-missing-imports", "--follow-imports=silent"),
]

COMPILING = {"bdist_wheel", "build", "build_ext", "editable_wheel", "install"}
"""Commands that compile; the others need not know what."""

LIBRARIES_KEPT = 500
"""How many compiled files the cache holds: some ten sets."""


def lay_out() -> None:
    """Make the package, or what of it is missing or not as it should be."""
    package = TREE / "joblog"
    package.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        link, target = package / folder, Path("..", "..", "..", folder)
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    for name, text in (FILES | {"__init__.py": INIT + FINDING}).items():
        path = package / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    # They hid edits of the sources that they lay beside, before they got a folder.
    for folder in (*FOLDERS, "build/src/joblog"):
        for path in Path(ROOT, folder).rglob("*.so"):
            path.unlink()


def can_compile() -> bool:
    """Say whether there is all that it takes, and nobody who does not want it."""
    return (
        not os.environ.get("JOBLOG_PURE")
        and sys.implementation.name == "cpython"
        and shutil.which(os.environ.get("CC", "cc")) is not None
        and Path(sysconfig.get_path("include"), "Python.h").exists()
    )


def library_of(path: str) -> str:
    """Return the name of the library that a hot module is compiled into.

    Calls between libraries cost a little more; one that has changed is compiled alone.
    """
    first, second, *_ = path.split("/")
    room = second if first == "app" else first
    return "joblog.hot_" + {
        "keyspace": "values",
        "types": "values",
        "protocol": "values",
        "table": "state",
        "users": "state",
    }.get(room, room)


def extensions() -> list[Extension]:
    """Write C for the hot modules, and return what is to be compiled."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only where it is used

    libraries: dict[str, list[str]] = {}
    for path in HOT:
        libraries.setdefault(library_of(path), []).append(f"joblog/{path}")
    try:
        # Names of modules and the files in tracebacks go by paths from here.
        with chdir(TREE):
            made: list[Extension] = mypycify(
                [*MYPY_OPTIONS, *(f"joblog/{path}" for path in HOT)],
                opt_level="3",
                debug_level="0",
                separate=[(paths, name) for name, paths in libraries.items()],
                target_dir=str(BUILD),
            )
    except SystemExit:
        sys.stderr.write("joblog: mypyc refused; its modules stay plain Python\n")
        return []
    for extension in made:
        extension.sources = [os.path.relpath(path, ROOT) for path in extension.sources]
        extension.depends = [os.path.relpath(path, ROOT) for path in extension.depends]
        # Not in place: all extensions share one list.
        extension.extra_compile_args = extension.extra_compile_args + COMPILER_OPTIONS
    # The longest first, so that the last is a short one.
    return sorted(
        made, key=lambda made: -sum(Path(path).stat().st_size for path in made.sources)
    )


class Package(build_py):
    """What is installed: nothing of it looks for compiled modules elsewhere."""

    def run(self) -> None:
        """Copy the package, with an `__init__.py` that is a docstring."""
        super().run()
        if not self.editable_mode:
            Path(self.build_lib, "joblog", "__init__.py").write_text(INIT)


class Compilation(build_ext):
    """Compiles the hot modules side by side, and no C code twice."""

    def finalize_options(self) -> None:
        """Take all processors; what was compiled before is the cache's to know."""
        super().finalize_options()
        self.parallel = os.cpu_count()
        self.force = True

    def run(self) -> None:
        """Compile, or see to it that nothing compiled is found."""
        super().run()
        if self.inplace and not self.extensions:
            self.copy_extensions_to_source()
        tidy_cache()

    def build_extension(self, ext: Extension) -> None:
        """Compile a library, or take it as it was compiled from the same C code."""
        path = Path(self.get_ext_fullpath(ext.name))
        kept = cache_folder() / f"{self._digest(ext)}.so"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept, path)
            kept.touch()
        except OSError:
            super().build_extension(ext)
            with suppress(OSError):
                kept.parent.mkdir(parents=True, exist_ok=True)
                fresh = kept.with_suffix(f".{os.getpid()}")
                shutil.copyfile(path, fresh)
                fresh.replace(kept)

    def _digest(self, ext: Extension) -> str:
        """Return a hash of all that a library is made of."""
        from mypy.version import __version__  # noqa: PLC0415 - only where it is used

        commands = (self.compiler.compiler_so, self.compiler.linker_so)
        compiler = shutil.which(commands[0][0])
        told = Path(compiler).stat() if compiler else None
        made_by = (compiler, told and (told.st_size, told.st_mtime_ns), __version__)
        options = (commands, ext.name, ext.extra_compile_args, sys.version)
        digest = hashlib.sha256(repr((made_by, options)).encode())
        for path in sorted({*ext.sources, *ext.depends}):
            digest.update(b"\0" + Path(path).read_bytes())
        return digest.hexdigest()

    def copy_extensions_to_source(self) -> None:
        """Put the modules where this tree's `__init__.py` finds them, all at once."""
        link = BUILD / "compiled" / str(sys.implementation.cache_tag)
        before = link.resolve()
        if not self.extensions:
            link.unlink(missing_ok=True)
            return
        link.parent.mkdir(exist_ok=True)
        folder = Path(mkdtemp(prefix="set-", dir=link.parent))
        folder.chmod(0o755)
        for extension in self.extensions:
            built = Path(self.build_lib, self.get_ext_filename(extension.name))
            shutil.copyfile(built, folder / f"{extension.name}.so")
        (folder / "sources").write_text(SOURCES)
        fresh = folder / "link"
        fresh.symlink_to(folder.name)
        fresh.replace(link)
        # Those who run may still import from the set before.
        for old in link.parent.glob("set-*"):
            if old not in {folder, before}:
                shutil.rmtree(old, ignore_errors=True)


def describe_sources() -> str:
    """Return a line for each hot module: how it is, as `__init__.py` reads it."""
    lines = []
    for name in HOT:
        seen = (ROOT / name).stat()
        digest = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
        lines.append(f"{seen.st_size} {seen.st_mtime_ns} {digest} {name}\n")
    return "".join(lines)


def cache_folder() -> Path:
    """Return where compiled libraries are kept for the next time, of any checkout."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "joblog", "compiled")


def tidy_cache() -> None:
    """Remove what was not used for longest."""
    with suppress(OSError):
        kept = sorted(cache_folder().iterdir(), key=lambda path: -path.stat().st_mtime)
        for path in kept[LIBRARIES_KEPT:]:
            path.unlink()


class SourceDistribution(sdist):
    """An archive from which all can be done that a checkout allows, tests too."""

    FILES = ("LICENSE", "Makefile", "mkdocs.yml", "pyproject.toml")
    FOLDERS = (*FOLDERS, ".ci", "docs", "findings", "tests")

    def make_distribution(self) -> None:
        """Name the files where they lie, none of what is made of them; write all."""
        paths = [Path(name) for name in (*self.filelist.files, *self.FILES)]
        paths += sorted(Path().glob("*.md"))
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
COMPILED: list[Extension] = []
SOURCES = ""
if can_compile() and not COMPILING.isdisjoint(sys.argv):
    # Of those who compile in this tree one is first, and the others wait.
    LOCK = (BUILD / "compiling.lock").open("w")
    fcntl.flock(LOCK, fcntl.LOCK_EX)
    while describe_sources() != SOURCES:
        SOURCES = describe_sources()
        COMPILED = extensions()
setup(
    ext_modules=COMPILED,
    cmdclass={
        "build_ext": Compilation,
        "build_py": Package,
        "sdist": SourceDistribution,
    },
    options={"egg_info": {"egg_base": "build"}},
)
