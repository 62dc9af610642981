#!/usr/bin/env bash
# A BullMQ schedule moves by the zone's offset when a Python worker takes its job, and back with Node's.
#
# What:    a job scheduler has a cron `pattern` and no `tz`. BullMQ for Node reads the pattern in the
#          zone of the machine, BullMQ for Python in UTC, whatever the machine's zone; the time of the
#          next job is computed by whichever worker takes the job before. So a queue that both serve,
#          as while services move from the one to the other, runs a job of nine in the morning
#          sometimes at four, and on some days at both. What the scheduler says of itself is the
#          same in both cases: a pattern, and no zone.
# Where:   bullmq 6.7.0 (npm) with ioredis 6.0.0, bullmq 3.4.4 (PyPI) with redis-py 8.1.0,
#          redis-server 7.0 or later. On a machine whose zone is UTC nothing shows.
# Source:  bullmq/job_scheduler.py, default_repeat_strategy: without tz the base is in timezone.utc.
#          dist/cjs/classes/job-scheduler.js, defaultRepeatStrategy: cron-parser, which takes the
#          local zone without tz. bullmq/worker.py, nextJobFromJobData upserts the next iteration.
# Here:    the same; `replay job` says of each such job when it is due, and which client and which
#          library put it there (docs/libraries/bullmq.md).
#
# Needs node, npm, python3 and redis-server. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check bullmq==3.4.4 redis==8.1.0
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
npm init --yes >"$work/npm"
npm install --silent --no-audit --no-fund --ignore-scripts bullmq@6.7.0 ioredis@6.0.0 >>"$work/npm"
export TZ=America/New_York
cat >schedule.js <<'JS'
const { Queue } = require('bullmq');

const ACTIONS = {
  add: (queue) => queue.upsertJobScheduler('daily', { pattern: '0 0 9 * * *' }, { name: 'report' }),
  // Morning comes: the job of the day is due, and a worker takes it.
  due: async (queue) => (await queue.getDelayed())[0].promote(),
  show: async (queue) => {
    const [{ next, pattern, tz = 'no zone' }] = await queue.getJobSchedulers();
    console.log(`${pattern}, ${tz}: next at ${new Date(next).toLocaleTimeString('en-GB')}`);
  },
};

async function main() {
  const queue = new Queue('mail', { connection: { path: `${__dirname}/s` } });
  for (const action of process.argv.slice(2)) await ACTIONS[action](queue);
  await queue.close();
}

main();
JS
cat >worker.js <<'JS'
const { Worker } = require('bullmq');

const connection = { path: `${__dirname}/s`, maxRetriesPerRequest: null };
const worker = new Worker('mail', async () => {}, { connection });
worker.on('completed', () => worker.close());
JS
cat >worker.py <<'PYTHON'
import asyncio

from bullmq import Worker


async def main():
    done = asyncio.Event()

    async def run(job, token):
        pass

    worker = Worker("mail", run, {"connection": {"unix_socket_path": "s"}})
    worker.on("completed", lambda job, result: done.set())
    await asyncio.wait_for(done.wait(), 20)
    await worker.close()


asyncio.run(main())
PYTHON
{
  node schedule.js add show
  node schedule.js due
  "$work/venv/bin/python" worker.py
  node schedule.js show due
  node worker.js
  node schedule.js show
} | tee seen
diff - seen <<'SEEN'
0 0 9 * * *, no zone: next at 09:00:00
0 0 9 * * *, no zone: next at 04:00:00
0 0 9 * * *, no zone: next at 09:00:00
SEEN
# Output seen: those three lines, before a Python worker, after it, and after one of Node's.
