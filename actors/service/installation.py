"""How this joblog is installed, and what would make it faster: for the start."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from joblog.app.state.process import is_compiled
from joblog.app.version import VERSION

_ROOT = Path(__file__).resolve().parent.parent.parent
_NEEDS = "a C compiler and Python's headers (Debian: gcc, python3-dev)"


def describe_installation() -> str:
    """Return the version, and whether the hot modules are compiled; if not, what to do.

    Nothing is compiled where there was no C compiler when joblog was installed, which
    says nothing of it then: so the server does.
    """
    if is_compiled():
        return f"joblog {VERSION}, compiled: yes"
    return (
        f"joblog {VERSION}, compiled: no, so this server is a fifth to a third slower "
        f"than it could be; {_advice(_ROOT)}"
    )


def _advice(root: Path) -> str:
    """Return how to get a compiled joblog in place of the one in a folder."""
    if sys.implementation.name != "cpython":
        return "only CPython can run compiled modules; start it with that"
    if (root / "setup.py").exists() and (root / "Makefile").exists():
        if _can_compile():
            return f"run `make setup` in {root}, if that is not under way"
        return f"install {_NEEDS}, then run `make clean setup` in {root}"
    return (
        f"install {_NEEDS}, then build it from its source: "
        f"`{sys.executable} -m pip install --force-reinstall --no-deps "
        f"joblog-{VERSION}.tar.gz`"
    )


def _can_compile() -> bool:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    header = Path(sysconfig.get_path("include"), "Python.h")
    return compiler is not None and header.exists()
