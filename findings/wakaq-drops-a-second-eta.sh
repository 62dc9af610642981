#!/usr/bin/env bash
# WakaQ keeps one date for a task and its arguments: who sets a second one sets nothing.
#
# What:    `task.delay(..., eta=)` puts the task into the sorted set `wakaq:eta:QUEUE` with its name and its
#          arguments as the member, which has no id, and the date as the score, by ZADD with NX. So of
#          two tasks that differ in their date alone the second is not stored, also where it is due
#          first: a reminder for tomorrow and one for the next minute are one, tomorrow. `delay` returns
#          None for both. WakaQ's README lists deduplication among what it does not do.
# Where:   WakaQ 4.0.4 with redis-py 8.1.0, redis-server 7.0 or later.
# Source:  wakaq/__init__.py, WakaQ._enqueue_with_eta.
# Here:    the same, with the same reply 0 to the second ZADD (docs/libraries/others.md). A ZADD that changes nothing
#          is no record, so `replay history wakaq:eta:QUEUE` shows the first date alone.
#
# Needs redis-server. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check wakaq==4.0.4 redis==8.1.0
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
PORT=$port "$work/venv/bin/python" -W ignore - <<'PYTHON'
import os
import sys
import time
from datetime import timedelta

import redis
from wakaq import WakaQ

app = WakaQ(queues=["mail"], port=int(os.environ["PORT"]))
for _ in range(100):
    try:
        app.broker.ping()
        break
    except redis.ConnectionError:
        time.sleep(0.1)


@app.task
def remind(user):
    pass


remind.delay(7, eta=timedelta(hours=24))
remind.delay(7, eta=timedelta(minutes=1))
remind.delay(8, eta=timedelta(minutes=1))
due = app.broker.zrange("wakaq:eta:mail", 0, -1, withscores=True)
hours = {member: round((score - time.time()) / 3600) for member, score in due}
print("kept, and due in so many hours:", hours)
wanted = {
    '{"name": "remind", "args": [8], "kwargs": {}}': 0,
    '{"name": "remind", "args": [7], "kwargs": {}}': 24,
}
sys.exit(hours != wanted)
PYTHON
# Output seen:
#   kept, and due in so many hours: {'{"name": "remind", "args": [8], "kwargs": {}}': 0, '{"name": "remind", "args": [7], "kwargs": {}}': 24}
