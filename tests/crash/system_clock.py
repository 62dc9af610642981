"""The system clock of child processes, set from a test.

libfaketime does not work with every server (it allocates while an allocator starts), so
a small library of our own is preloaded: clock_shim.c beside this file.
"""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.support.servers import require_program

_SOURCE = Path(__file__).with_name("clock_shim.c")
_COMPILERS = ("cc", "gcc", "clang")


class SystemClock:
    """What programs that are started in a test see as the wall clock.

    It may be set while they run. Clocks that nobody can set go on as they are.
    """

    def __init__(self, folder, monkeypatch):
        compiler = next(filter(shutil.which, _COMPILERS), None)
        library = folder / "clock_shim.so"
        subprocess.run(
            [
                require_program(compiler or "cc"),
                *("-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"),
            ],
            check=True,
        )
        self._file = (folder / "offset").open("w+b", buffering=0)
        self.set_to(0)
        monkeypatch.setenv("LD_PRELOAD", str(library))
        monkeypatch.setenv("CLOCK_SHIM_FILE", self._file.name)

    def set_to(self, seconds):
        """Let the clock go so many seconds before or behind the real one."""
        self._file.seek(0)
        self._file.write(struct.pack("=q", seconds * 1_000_000))

    def close(self):
        self._file.close()


@pytest.fixture
def system_clock(tmp_path, monkeypatch):
    clock = SystemClock(tmp_path, monkeypatch)
    yield clock
    clock.close()
