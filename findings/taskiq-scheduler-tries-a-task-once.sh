#!/usr/bin/env bash
# A task that taskiq's scheduler could not send is not sent until the scheduler is started anew.
#
# What:    a task is scheduled for a time, and the server refuses writes just then (it is full, its disk
#          is, or it is a replica for the moment of a failover). The scheduler fails to send it, says
#          nothing then, and has noted already that it ran. The schedule stays in Redis, and the
#          scheduler reads it again and again, but sends it no more, long after the server takes
#          writes. The next scheduler process sends it at once. (Where it could not read the schedules
#          either, as when the server was gone for longer than the update interval, it forgets what
#          it had noted, and does send it.)
# Where:   taskiq 0.13.0 with taskiq-redis 1.2.4 (ListRedisScheduleSource) and redis-py 8.1.0,
#          redis-server 7.0 or later.
# Source:  taskiq/cli/scheduler/run.py: SchedulerLoop._is_schedule_ready_to_send sets
#          time_tasks_last_run before the task is sent; is_time_task_now is false from then on; and
#          _update_schedules_task_future_callback forgets it only where the schedule is gone.
#          SchedulerLoop.run never looks at what became of send().
# Here:    nothing is lost: the schedule stays, and a scheduler that is started anew sends it
#          (docs/libraries/taskiq.md).
#
# Needs redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  taskiq==0.13.0 taskiq-redis==1.2.4 redis==8.1.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
cat >tasks.py <<'PYTHON'
import os

from taskiq import TaskiqScheduler
from taskiq_redis import ListQueueBroker, ListRedisScheduleSource

URL = f"unix://{os.getcwd()}/s"
broker = ListQueueBroker(URL)
source = ListRedisScheduleSource(URL)
scheduler = TaskiqScheduler(broker, [source])


@broker.task
async def pay():
    pass
PYTHON
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import pathlib
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

import redis

import tasks

COMMAND = [sys.executable, "-m", "taskiq", "scheduler", "tasks:scheduler", "--update-interval", "1"]
server = redis.Redis(unix_socket_path="s")


def start(name):
    output = pathlib.Path(name)
    with output.open("w") as stream:
        environment = {**os.environ, "PYTHONPATH": "."}
        process = subprocess.Popen(COMMAND, stdout=stream, stderr=stream, env=environment)
    return process, output


def wait_for(is_so):
    deadline = time.monotonic() + 30
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)


def sent():
    return server.llen(tasks.broker.queue_name)


first, output = start("first")
wait_for(lambda: "Startup completed" in output.read_text())
due = datetime.now(timezone.utc) + timedelta(seconds=4)
asyncio.run(tasks.pay.schedule_by_time(tasks.source, due))
server.config_set("maxmemory", 1)
wait_for(lambda: "Sending task" in output.read_text())
time.sleep(1)
server.config_set("maxmemory", 0)
time.sleep(10)
tries = output.read_text().count("Sending task")
before, kept = sent(), len(server.keys("schedule:data:*"))
told = "OOM" in output.read_text()
print(f"ten seconds later: tried {tries} times, sent {before}, kept {kept}; told: {told}")
first.terminate()
first.wait()

second, _ = start("second")
wait_for(sent)
after = sent()
print(f"another scheduler: sent {after}")
second.terminate()
second.wait()
sys.exit((tries, before, kept, told, after) != (1, 0, 1, False, 1))
PYTHON
# Output seen:
#   ten seconds later: tried 1 times, sent 0, kept 1; told: False
#   another scheduler: sent 1
