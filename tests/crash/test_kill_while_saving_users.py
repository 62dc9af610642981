"""ACL SAVE and CONFIG REWRITE under strace: each call fails, or is the server's last.

Whatever happens, the file is the old one or the new one, whole: so the next start has
the users of one of the two. Both commands replace their file in the same way.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.servers import START_SECONDS, ServerProcess, require_program

pytestmark = pytest.mark.slow

OLD = "user alice on #{0} ~jobs:* resetchannels -@all +get\nuser default on nopass"
KILLS = ("write:1", "fsync:1", "rename:1", "fsync:2")
LAST = "fsync:2"  # of the folder, behind the rename
SAVES = {"users.acl": ("ACL", "SAVE"), "joblog.conf": ("CONFIG", "REWRITE")}


@pytest.fixture(params=SAVES)
def saving(request, tmp_path):
    """Return a server, the file of its users, and the command that writes it."""
    path = tmp_path / request.param
    users = OLD.format("ab" * 32) + " ~* &* +@all\n"
    path.write_text(users)
    program = [sys.executable, "-m", "joblog"]
    options = ["--loglevel", "warning", "--appendfsync", "no", "--log-access", "no"]
    if request.param == "users.acl":
        options += ["--aclfile", str(path)]
    else:
        program.append(str(path))
    with ServerProcess("joblog", program, *options) as server:
        yield server, path, SAVES[request.param]


def traced(server, *options):
    """Attach strace to the server's loop alone, and wait until it is there."""
    pid = server.process.pid
    command = [require_program("strace"), "-qq", "-y", *options, "-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + START_SECONDS
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline
    return tracer


def inject(point, what):
    """Return strace's options for a fault at the n-th call of a kind."""
    call, number = point.split(":")
    return [
        *("-o", os.devnull, "-e", f"trace={call}"),
        *("-e", f"inject={call}:{what}:when={number}"),
    ]


def users_of(server):
    """Return the users that a server has."""
    listed = server.connect().ask("ACL", "LIST").split(b"\r\n")[2::2]
    return {line.split()[1]: line for line in listed}


def test_killed_at_any_call_it_leaves_the_old_users_or_the_new(saving):
    server, path, command = saving
    for number, point in enumerate(KILLS):
        admin, before = server.connect(), path.read_bytes()
        name = b"new%d" % number
        assert admin.ask("ACL", "SETUSER", name, "on", ">sesame", "~k") == b"+OK\r\n"
        wanted = users_of(server)
        tracer = traced(server, *inject(point, "signal=KILL"))

        assert admin.ask(*command) == b"<closed>", point

        server.process.wait()
        tracer.wait()
        is_new = point == LAST
        assert (path.read_bytes() != before) == is_new, point
        server.start()
        found = users_of(server)
        assert (name in found) == is_new, point
        assert found == {who: wanted[who] for who in found}, point
        assert {b"alice", b"default"} <= set(found), point


def test_call_that_fails_is_told_and_leaves_no_file_behind(saving):
    server, path, command = saving
    admin = server.connect()
    assert admin.ask("ACL", "SETUSER", "bob", "on", ">sesame", "~k") == b"+OK\r\n"
    beside = sorted(path.parent.iterdir())
    for point, error in (
        *(("openat:1", "EMFILE"), ("write:1", "ENOSPC"), ("fsync:1", "EIO")),
        *(("rename:1", "EACCES"), (LAST, "EIO")),
    ):
        before = path.read_bytes()
        tracer = traced(server, *inject(point, f"error={error}"))

        reply = admin.ask(*command)

        tracer.terminate()
        tracer.wait()
        assert reply.startswith(b"-ERR "), (point, reply)
        assert (path.read_bytes() != before) == (point == LAST), point
        assert sorted(path.parent.iterdir()) == beside, point
    assert admin.ask(*command) == b"+OK\r\n"
    assert b"user bob on" in path.read_bytes()


def test_file_is_synced_before_it_takes_the_old_ones_place(saving, tmp_path):
    server, path, command = saving
    trace = tmp_path / "calls"
    tracer = traced(server, "-o", str(trace), "-e", "trace=write,fsync,rename")

    assert server.connect().ask(*command) == b"+OK\r\n"

    tracer.terminate()
    tracer.wait()
    place = re.escape(str(path.parent))
    calls = re.findall(rf"^(\w+)\(.*{place}", trace.read_text(), re.MULTILINE)
    assert calls == ["write", "fsync", "rename", "fsync"]
