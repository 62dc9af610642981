"""What is compiled is found whole or not at all, and never hides an edit."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.deploy.conftest import run
from tests.house.test_tree import tracked
from tests.support.servers import ROOT, require_program

pytestmark = pytest.mark.slow

HOT = ["app/types/deadlines.py", "storage/batch.py"]
"""Two of different libraries, that take little to compile."""

WHERE = """
import joblog.app.types.deadlines, joblog.storage.batch
for module in (joblog.app.types.deadlines, joblog.storage.batch):
    print(module.__file__.rsplit(".", 1)[1])
"""


class Tree:
    """A copy of the sources in which few modules are hot, and its own cache."""

    def __init__(self, folder):
        self.folder = folder / "tree"
        for path in tracked():
            name = path.relative_to(ROOT)
            if name.parts[0] not in {"tests", "docs", "findings"}:
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, self.folder / name)
        (self.folder / "docs").symlink_to(ROOT / "docs")
        setup = self.folder / "setup.py"
        hot = "HOT = [\n{}]\n".format("".join(f'    "{path}",\n' for path in HOT))
        setup.write_text(re.sub(r"(?ms)^HOT = \[.*?^\]\n", hot, setup.read_text()))
        self._calls = folder / "calls"
        compiler = folder / "cc"
        found = require_program("cc")
        compiler.write_text(
            f'#!/bin/sh\necho "$@" >>{self._calls}\nexec {found} "$@"\n'
        )
        compiler.chmod(0o755)
        self.environment = os.environ | {
            "CC": str(compiler),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONPATH": str(self.folder / "build" / "src"),
        }
        self.environment.pop("JOBLOG_PURE", None)

    def compile(self, **more):
        """Compile in place, and return the libraries that the compiler made."""
        self._calls.write_text("")
        run(
            *(sys.executable, "-W", "ignore", "setup.py", "--quiet"),
            *("build_ext", "--inplace"),
            cwd=self.folder,
            env=self.environment | more,
        )
        return set(
            re.findall(r"joblog/hot_(\w+)__mypyc\S*\.so", self._calls.read_text())
        )

    def kinds(self, **more):
        """Return how a new process finds the hot modules: `so` or `py`."""
        environment = self.environment | more
        return run(sys.executable, "-c", WHERE, env=environment, cwd="/").split()


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    made = Tree(tmp_path_factory.mktemp("compiling"))
    assert made.compile() == {"values", "storage"}
    return made


def test_nothing_compiled_lies_beside_a_source(tree):
    beside = [
        path
        for name in ("actors", "app", "replay", "storage")
        for path in (tree.folder / name).rglob("*.so")
    ]

    assert tree.kinds() == ["so", "so"]
    assert beside == []


def test_edited_module_is_never_hidden(tree):
    path = tree.folder / HOT[1]
    text = path.read_text()

    path.write_text(text + "# edited\n")
    assert tree.kinds() == ["py", "py"]

    path.write_text(text)
    assert tree.kinds() == ["so", "so"]


def test_wish_for_plain_python_is_granted(tree):
    assert tree.kinds(JOBLOG_PURE="1") == ["py", "py"]


def test_second_setup_compiles_nothing(tree):
    assert tree.compile() == set()
    assert tree.kinds() == ["so", "so"]


def test_edit_has_its_own_library_compiled(tree):
    path = tree.folder / HOT[1]
    text = path.read_text()
    path.write_text(text + "\n\ndef nothing() -> int:\n    return 0\n")

    assert tree.compile() == {"storage"}
    assert tree.kinds() == ["so", "so"]

    path.write_text(text)
    assert tree.compile() == set()


def test_process_takes_all_or_none_whatever_is_compiled_meanwhile(tree):
    tree.compile(JOBLOG_PURE="1")
    assert tree.kinds() == ["py", "py"]
    waiting = f"import joblog; print(); input(); {WHERE}"
    with subprocess.Popen(
        [sys.executable, "-c", waiting],
        env=tree.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.readline()
        tree.compile()
        said, _ = process.communicate("\n")

    assert said.split() == ["py", "py"]
    assert tree.kinds() == ["so", "so"]
