#!/usr/bin/env bash
# A FastStream subscriber of a stream's group that is told where to begin consumes nothing once it restarts.
#
# What:    `StreamSub(STREAM, group=, consumer=, last_id="0")` has the group begin at the first entry. When the
#          application starts for the first time it creates the group there and reads what comes. When it
#          starts again the group exists, and it goes on to read with the id that it was given, for
#          which XREADGROUP answers the consumer's own unacknowledged entries alone, and at once: new
#          entries are read by nobody, nothing is logged, and the reads follow each other without a pause,
#          some thousand a second. With `last_id="$"`, the same as the default in words, the
#          second start is answered an error instead. Without `last_id` all is well.
# Where:   FastStream 0.7.8 with redis-py 8.1.0, redis-server 7.0 or later.
# Source:  faststream/redis/subscriber/usecases/stream_subscriber.py, _StreamHandlerMixin.start: read_id becomes
#          `>` where the group was created, and stays what it was where it existed. Pull request 2976 mended
#          the first start that way, and keeps the other for those who want to read what is pending.
# Here:    the same (docs/libraries/others.md). Reads that find nothing are no records; `XINFO GROUPS STREAM`, also at a
#          past moment, shows the lag that grows.
#
# Needs redis-server. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'faststream[redis]==0.7.8' redis==8.1.0
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
PORT=$port "$work/venv/bin/python" - <<'PYTHON'
import asyncio
import logging
import os
import sys
import time

import redis
from faststream.redis import RedisBroker, StreamSub

PORT = int(os.environ["PORT"])
server = redis.Redis(port=PORT)
for _ in range(100):
    try:
        server.ping()
        break
    except redis.ConnectionError:
        time.sleep(0.1)


def reads():
    return server.info("commandstats").get("cmdstat_xreadgroup", {"calls": 0})["calls"]


async def run(stream, entries):
    """Start the application, send to its stream, and tell what it consumes in two seconds."""
    broker = RedisBroker(f"redis://127.0.0.1:{PORT}", logger=None)
    consumed = []

    @broker.subscriber(stream=stream)
    async def consume(entry):
        consumed.append(entry)

    await broker.start()
    for entry in entries:
        await broker.publish(entry, stream=stream.name)
    await asyncio.sleep(2)
    await broker.stop()
    return consumed


def told_where(**begin):
    """Run the application twice; return what it consumes, and whether the second run spins."""
    server.flushall()
    stream = StreamSub("orders", group="billing", consumer="one", **begin)
    first = asyncio.run(run(stream, ["a", "b"]))
    before = reads()
    second = asyncio.run(run(stream, ["c", "d"]))
    return first, second, reads() - before > 200


logging.disable(logging.CRITICAL)
found = {"0": told_where(last_id="0"), "nothing": told_where()}
for said, (first, second, spins) in found.items():
    print(f"last_id {said}: first run {first}, second run {second}, spins: {spins}")
sys.exit(
    found != {"0": (["a", "b"], [], True), "nothing": (["a", "b"], ["c", "d"], False)}
)
PYTHON
# Output seen:
#   last_id 0: first run ['a', 'b'], second run [], spins: True
#   last_id nothing: first run ['a', 'b'], second run ['c', 'd'], spins: False
