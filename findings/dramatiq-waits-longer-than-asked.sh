#!/usr/bin/env bash
# Dramatiq gives up waiting for a result after five seconds, or after a minute, whatever it is told.
#
# What:    `message.get_result(block=True, timeout=)` waits in BRPOPLPUSH for so many milliseconds, ten seconds by
#          default, and then raises ResultTimeout. redis-py 8 waits for a reply for five seconds. So a
#          result that takes longer is no longer waited for: with `RedisBackend(url=)` redis-py's own
#          TimeoutError comes after five seconds, which is none of Dramatiq's errors; with `RedisBackend(host=)`
#          the wait is begun again ten times, and TimeoutError comes after a minute: six times as long
#          as was asked for. Waits below five seconds are as they were.
# Where:   Dramatiq 2.2.1 with redis-py 8.1.0, which its extra `redis` takes; redis-server 7.0 or later.
# Source:  dramatiq/results/backends/redis.py, RedisBackend.get_result: the timeout goes to the command alone.
#          redis/client.py: socket_timeout is five seconds, and Redis(...) has a Retry of ten.
# Here:    the same: the server has a blocked client that leaves and comes again (docs/libraries/dramatiq.md).
#
# Needs redis-server. Takes a minute and a half. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'dramatiq[redis]==2.2.1' redis==8.1.0
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
PORT=$port "$work/venv/bin/python" - <<'PYTHON'
import os
import sys
import time

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

PORT = int(os.environ["PORT"])
for _ in range(100):
    try:
        redis.Redis(port=PORT).ping()
        break
    except redis.ConnectionError:
        time.sleep(0.1)
url = RedisBackend(url=f"redis://127.0.0.1:{PORT}")
host = RedisBackend(host="127.0.0.1", port=PORT)
broker = RedisBroker(url=f"redis://127.0.0.1:{PORT}")
broker.add_middleware(Results(backend=url))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def slow():
    pass


def waited(backend, seconds):
    """Wait for a result that does not come; return the error, and after how many seconds."""
    began = time.monotonic()
    try:
        slow.message().get_result(backend=backend, block=True, timeout=seconds * 1000)
    except Exception as error:
        kind = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
        return kind, round(time.monotonic() - began)


found = [waited(backend, seconds) for backend, seconds in [(url, 3), (url, 10), (host, 10)]]
for said, (error, seconds) in zip(["3 s, by url", "10 s, by url", "10 s, by host"], found):
    print(f"{said}: {error} after {seconds} s")
kinds = [error for error, _ in found]
sys.exit(
    kinds != ["dramatiq.ResultTimeout", "redis.TimeoutError", "redis.TimeoutError"]
    or found[1][1] > 8
    or found[2][1] < 40
)
PYTHON
# Output seen:
#   3 s, by url: dramatiq.ResultTimeout after 3 s
#   10 s, by url: redis.TimeoutError after 5 s
#   10 s, by host: redis.TimeoutError after 60 s
