#!/usr/bin/env bash
# kombu lets Redis delete a queue that expires, with its messages, while a worker works through it.
#
# What:    kombu 5.7 brought `Queue(..., expires=SECONDS)` to Redis. As it is documented, and as it is
#          on RabbitMQ, that removes a queue that is unused: one without consumers. On Redis it is a
#          deadline of the list, which each publish moves on, and the `BRPOP` of a worker does not. So
#          what is still in the queue so many seconds after the last publish is gone, though a worker
#          has taken one task after the other all that time. Nobody is told: the worker goes on as if
#          the queue had been empty. What it had fetched ahead still runs.
# Where:   Celery 5.7.0 with kombu 5.7.0 and redis-py 8.1.0, redis-server 7.0 or later.
# Source:  kombu/transport/redis.py: Channel._put and Channel._get, which a worker's event loop does
#          not call, send PEXPIRE; Channel._brpop_start and _brpop_read do not. The promise is in
#          kombu/entity.py, Queue, `expires`. It came with pull request 2251.
# Here:    `replay job` has such a task as deleted, by the server, since its key expired; `replay
#          revert` brings it back (docs/libraries/celery.md).
#
# Needs redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  'celery[redis]==5.7.0' 'kombu[redis]==5.7.0' redis==8.1.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
cat >tasks.py <<'PYTHON'
import os
import time

from celery import Celery
from kombu import Queue

app = Celery("tasks", broker=f"redis+socket://{os.getcwd()}/s")
app.conf.task_queues = [Queue("mail", expires=5)]
app.conf.task_default_queue = "mail"


@app.task
def send(number):
    time.sleep(0.5)
PYTHON
"$work/venv/bin/python" - <<'PYTHON'
import atexit
import os
import pathlib
import subprocess
import sys
import time

import redis

import tasks

TASKS = 24
server = redis.Redis(unix_socket_path="s")
output = pathlib.Path("output")
command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "solo", "-c", "1", "-l", "INFO"]
with output.open("w") as stream:
    environment = {**os.environ, "PYTHONPATH": "."}
    worker = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)


def wait_for(is_so):
    deadline = time.monotonic() + 60
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)


atexit.register(worker.kill)
wait_for(lambda: " ready." in output.read_text())
begin = time.monotonic()
for number in range(TASKS):
    tasks.send.delay(number)
seen = []
while time.monotonic() < begin + 7:
    seen.append((round(time.monotonic() - begin, 1), server.llen("mail"), server.pttl("mail")))
    time.sleep(1)
wait_for(lambda: not server.exists("mail", "unacked"))
time.sleep(2)
worker.terminate()
worker.wait()
text = output.read_text()
ran = text.count("succeeded in")
warned = sum(word in text for word in ("WARNING/MainProcess] Task", "ERROR", "CRITICAL"))
print("seconds, tasks in the queue, its deadline in ms:")
print(" ", *seen)
print(f"published {TASKS}, ran {ran}, warnings {warned}")
steps = [before - after for (_, before, _), (_, after, _) in zip(seen, seen[1:]) if before]
sys.exit(not (ran < TASKS - 5 and not warned and max(steps) > 5))
PYTHON
# Output seen:
#   seconds, tasks in the queue, its deadline in ms:
#     (0.2, 23, 4994) (1.2, 21, 3984) (2.2, 19, 2972) (3.2, 17, 1968) (4.2, 15, 964) (5.2, 0, -2) (6.2, 0, -2)
#   published 24, ran 10, warnings 0
