#!/usr/bin/env bash
# After RQ's `queue.empty()` its rate-limited jobs are still there, and those deleted still take their slots.
#
# What:    of jobs with `rate_limit=RateLimit(KEY, N)` N are in their queue and the others are held back.
#          `queue.empty()` deletes those in the queue by a script that does not give back their slots and
#          does not know the others. So the queue is empty, nothing with that key runs, also not what is
#          enqueued now, on any queue and by workers that stand idle; and when the next maintenance (ten
#          minutes at most) finds the slots of jobs that are gone, what was held back before the queue was
#          emptied comes back and runs. `queue.delete(delete_jobs=True)` does the same.
# Where:   RQ 3.0.0 with redis-py 8.1.0, redis-server 7.0 or later.
# Source:  rq/queue.py, Queue.empty. rq/rate_limit.py: a slot is given back by the job's end, Job.cancel and
#          Job.delete, or by RateLimitRegistry.cleanup, which rq/registry.py's clean_registries calls.
# Here:    the same (docs/libraries/rq.md). `replay job ID` says `blocked`, with `held back` as its last step, and
#          `replay history rq:rl:KEY:allowed` names the job that has the slot; `replay job` of that one says
#          that it was deleted, when and by whom.
#
# Needs redis-server. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check rq==3.0.0 redis==8.1.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
cat >jobs.py <<'PYTHON'
import time


def send(mail):
    return mail


def wait():
    time.sleep(3)
PYTHON
"$work/venv/bin/python" - <<'PYTHON'
import sys
import threading
import time

import redis
import rq
from rq.registry import clean_registries
from rq.timeouts import TimerDeathPenalty

import jobs

server = redis.Redis(unix_socket_path="s")
for _ in range(100):
    try:
        server.ping()
        break
    except (redis.ConnectionError, FileNotFoundError):
        time.sleep(0.1)


class Worker(rq.SimpleWorker):
    """A worker that a thread can run."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self):
        pass


def states():
    return {job.args[0]: job.get_status().value for job in (held, new, free)}


queue = rq.Queue("mail", connection=server)
worker = Worker([queue], connection=redis.Redis(unix_socket_path="s"))
threading.Thread(target=worker.work, args=[False, "ERROR"], daemon=True).start()
time.sleep(2)  # The maintenance that it begins with is over.

one = rq.RateLimit("provider", 1)
queue.enqueue(jobs.wait)  # The worker is busy while the queue is filled and emptied.
time.sleep(1)
queue.enqueue(jobs.send, "bad", rate_limit=one)
held = queue.enqueue(jobs.send, "held back", rate_limit=one)
print("deleted:", queue.empty())
new = queue.enqueue(jobs.send, "new", rate_limit=one)
free = queue.enqueue(jobs.send, "without a limit")
time.sleep(8)
print("after a while:", idle := states())
clean_registries(queue)
time.sleep(3)
print("after maintenance:", at_last := states())
sys.stdout.flush()
sys.exit(
    idle != {"held back": "rate_limited", "new": "rate_limited", "without a limit": "finished"}
    or at_last != dict.fromkeys(idle, "finished")
)
PYTHON
# Output seen:
#   deleted: 1
#   after a while: {'held back': 'rate_limited', 'new': 'rate_limited', 'without a limit': 'finished'}
#   after maintenance: {'held back': 'finished', 'new': 'finished', 'without a limit': 'finished'}
