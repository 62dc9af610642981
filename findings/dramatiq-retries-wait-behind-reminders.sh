#!/usr/bin/env bash
# Dramatiq retries nothing, and sends nothing on time, while a thousand messages for each thread are due later.
#
# What:    a worker takes messages with a delay out of Redis in the order in which they were sent, holds them in
#          its memory until they are due, and takes no more than a thousand for each of its threads
#          (8,000 by default). So once that many are to be sent tomorrow, a message that was sent behind
#          them with a delay of one second waits for tomorrow, too; and so does each retry, which is a
#          message with a delay. Messages without a delay run as ever, nothing is logged, and a second
#          worker only holds as many more.
# Where:   Dramatiq 2.2.1 with its Redis broker and redis-py 8.1.0; redis-server 7.0 or later.
# Source:  dramatiq/worker.py: delay_prefetch is worker_threads * 1000; brokers/redis.py, _RedisConsumer.__next__:
#          fetches while less than that is outstanding, from the front of a list. The environment
#          variable dramatiq_delay_queue_prefetch raises it.
# Here:    the same, and `replay jobs --stuck` lists what is overdue (docs/libraries/dramatiq.md).
#
# Needs redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'dramatiq[redis]==2.2.1' redis==8.1.0
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
cat >tasks.py <<'PYTHON'
import os

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

URL = f"redis://127.0.0.1:{os.environ['PORT']}"
dramatiq.set_broker(RedisBroker(url=URL))
ran = redis.Redis.from_url(URL)


@dramatiq.actor
def remind(number):
    ran.rpush("ran", f"reminder {number}")


@dramatiq.actor
def mail(name):
    ran.rpush("ran", name)


@dramatiq.actor(max_retries=3, min_backoff=100, max_backoff=200)
def flaky(name):
    ran.rpush("ran", name)
    if ran.incr(f"tries:{name}") == 1:
        raise ValueError("the first try fails")
PYTHON
cat >story.py <<'PYTHON'
import os
import subprocess
import sys
import time

from tasks import flaky, mail, ran, remind

HOUR = 3_600_000


def worked(seconds, **environment):
    """Let a worker of one thread work for so long; return what ran, in order."""
    ran.delete("ran")
    worker = [sys.executable, "-m", "dramatiq", "tasks", "--processes", "1", "--threads", "1"]
    with subprocess.Popen(worker, env=os.environ | environment, stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.terminate()
    return [one.decode() for one in ran.lrange("ran", 0, -1)]


for number in range(1000):
    remind.send_with_options(args=[number], delay=HOUR)
mail.send_with_options(args=["in a second"], delay=1000)
mail.send("at once")
flaky.send("flaky")
few = worked(10)
print("a thousand for each thread:", few)
more = worked(10, dramatiq_delay_queue_prefetch="5000")
print("five thousand:", more)
sys.exit(few != ["at once", "flaky"] or sorted(more) != ["flaky", "in a second"])
PYTHON
for _ in $(seq 100); do redis-cli -p "$port" ping >/dev/null 2>&1 && break; sleep 0.1; done
PORT=$port "$work/venv/bin/python" story.py
# Output seen:
#   a thousand for each thread: ['at once', 'flaky']
#   five thousand: ['in a second', 'flaky']
