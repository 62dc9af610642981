#!/usr/bin/env bash
# Each start of an application adds one more GroupMQ schedule, and only the last of them can be removed.
#
# What:    `queue.add({ groupId, data, repeat })` is how a job that repeats is set up, so applications call it
#          when they start. GroupMQ stores it under a key that has the time and a random number in it: a
#          second call, with the same group, data and interval, is a second schedule. After three
#          starts each run happens three times. `removeRepeatingJob(groupId, repeat)` knows the last one
#          alone: it answers true and removes that, false from then on, and the others run for ever;
#          nothing lists them. In BullMQ, whose API this one is said to follow, the same call is one
#          schedule however often it is made.
# Where:   GroupMQ 1.1.0 with ioredis 6.0.0; redis-server 7.0 or later.
# Source:  dist/index.js, Queue.addRepeatingJob: repeatKey; the key `repeat:lookup:GROUP:REPEAT`, which removal
#          reads, is written over by each call.
# Here:    the same: `replay history` of `groupmq:NAME:repeat:schedule` shows who added which
#          (docs/libraries/others.md).
#
# Needs node, npm and redis-server. Takes half a minute. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
npm init --yes >"$work/npm"
npm install --silent --no-audit --no-fund --ignore-scripts groupmq@1.1.0 ioredis@6.0.0 >>"$work/npm"
cat >start.js <<'JS'
const Redis = require('ioredis').default;
const { Queue } = require('groupmq');

const redis = new Redis({ path: `${__dirname}/s`, maxRetriesPerRequest: null });
const queue = new Queue({ redis, namespace: 'reports' });
queue.add({ groupId: 'reports', data: { type: 'summary' }, repeat: { every: 3000 } }).then(() => process.exit());
JS
cat >work.js <<'JS'
const Redis = require('ioredis').default;
const { Queue, Worker } = require('groupmq');

const redis = new Redis({ path: `${__dirname}/s`, maxRetriesPerRequest: null });
const queue = new Queue({ redis, namespace: 'reports' });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let runs = 0;

async function count(ms) {
  runs = 0;
  await sleep(ms);
  return runs;
}

async function main() {
  const worker = new Worker({ queue, handler: async () => void runs++, cleanupIntervalMs: 500 });
  worker.run();
  const schedules = await redis.zcard('groupmq:reports:repeat:schedule');
  const before = await count(9500);
  const removed = [];
  for (let each = 0; each < 3; each++) removed.push(await queue.removeRepeatingJob('reports', { every: 3000 }));
  await sleep(1000);
  const behind = await count(9500);
  console.log('schedules after three starts:', schedules);
  console.log('runs in three intervals:', before);
  console.log('removed:', removed.join(' '), '- runs in three intervals behind it:', behind);
  process.exit(before >= 7 && removed.join() === 'true,false,false' && behind >= 4 ? 0 : 1);
}

main();
JS
for start in 1 2 3; do node start.js; done
node work.js
# Output seen:
#   schedules after three starts: 3
#   runs in three intervals: 9
#   removed: true false false - runs in three intervals behind it: 6
