#!/usr/bin/env bash
# Huey's schedule goes by the consumer's own zone, also where everything is set to UTC.
#
# What:    a task with an ETA lies in the sorted set `huey.schedule.NAME`. Huey turns the ETA into UTC
#          (`utc=True`, the default), and then into a score as if it were local time. So a score is off
#          by the zone of the machine: a tool that takes it for a Unix time sees tasks as overdue, or as
#          due hours later. Consumers compare two such scores, so tasks run when they are due, but for
#          the hour that the zone leaves out in spring: from 02:00 to 03:00 UTC, tasks that are due
#          an hour later have scores that have passed. The scheduler moves them to the queue, and a
#          worker moves them back, once a second until they are due.
# Where:   Huey 3.5.4 with redis-py 8.1.0, redis-server 7.0 or later.
# Source:  huey/storage.py, RedisStorage.convert_ts: time.mktime of what is in UTC, called by
#          add_to_schedule and read_schedule. huey/api.py, Huey.execute puts back what is not due.
# Here:    `replay` reads when a Huey task is due from its message, not from its score (docs/libraries/huey.md).
#
# Needs redis-server. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check huey==3.5.4 redis==8.1.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
TZ=Europe/Berlin "$work/venv/bin/python" - <<'PYTHON'
import sys
import time
from datetime import datetime, timedelta, timezone

import redis
from huey import RedisHuey

pool = redis.ConnectionPool(connection_class=redis.UnixDomainSocketConnection, path="s")
for _ in range(100):
    try:
        redis.Redis(connection_pool=pool).ping()
        break
    except redis.ConnectionError:
        time.sleep(0.1)
huey = RedisHuey("mail", connection_pool=pool, blocking=False)


@huey.task()
def send():
    return "sent"


def due_at(at):
    """Enqueue a task, have a worker take it, and return its score."""
    send.schedule(eta=at.replace(tzinfo=timezone.utc))
    huey.execute(huey.dequeue(), at - timedelta(hours=1))
    ((_, score),) = huey.storage.conn.zrange(huey.storage.schedule_key, 0, -1, withscores=True)
    return score


def turn(now):
    """Do what a scheduler and a worker do in one second; return what became of tasks."""
    moved = huey.read_schedule(now)
    for task in moved:
        huey.enqueue(task)
    results = [huey.execute(huey.dequeue(), now) for _ in moved]
    return len(moved), results, huey.scheduled_count()


offsets = []
for month in (1, 7):
    at = datetime(2027, month, 1, 12)
    offsets.append(due_at(at) - at.replace(tzinfo=timezone.utc).timestamp())
    early, in_time = turn(at - timedelta(seconds=1)), turn(at)
    print(f"due at {at}Z: score off by {offsets[-1]:+.0f} s; a second before {early}, then {in_time}")

at = datetime(2027, 3, 28, 3, 30)
due_at(at)
turns = [turn(at - timedelta(hours=1) + timedelta(seconds=second)) for second in range(3)]
at_last = turn(at)
print(f"due at {at}Z: in three seconds an hour before\n  {turns}, then {at_last}")
is_so = offsets == [-3600, -7200] and turns == [(1, [None], 1)] * 3 and at_last == (1, ["sent"], 0)
sys.exit(not is_so)
PYTHON
# Output seen:
#   due at 2027-01-01 12:00:00Z: score off by -3600 s; a second before (0, [], 1), then (1, ['sent'], 0)
#   due at 2027-07-01 12:00:00Z: score off by -7200 s; a second before (0, [], 1), then (1, ['sent'], 0)
#   due at 2027-03-28 03:30:00Z: in three seconds an hour before
#     [(1, [None], 1), (1, [None], 1), (1, [None], 1)], then (1, ['sent'], 0)
