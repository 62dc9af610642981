#!/usr/bin/env bash
# BullMQ runs a flow's parent without a child that could not be stored, and tells nobody.
#
# What:    an option of a job is a number that JSON has no word for, such as `attempts: Infinity`, or
#          a count of Infinity in removeOnComplete. Queue.add refuses such a job with an error: that
#          of cjson, in the script that stores it. FlowProducer.add stores all jobs of a flow in one
#          MULTI, in which the others are stored all the same, and looks at what became of the
#          first, the parent, alone. So it returns the whole flow, that child with its id as well, as
#          if it had been added; the child is nowhere, and the parent runs once the others are done.
# Where:   BullMQ 6.7.0 with ioredis 6.0.0, redis-server 7.0 or later.
# Source:  dist/cjs/classes/flow-producer.js, FlowProducer.add: of the results of the backend's
#          addFlow only the first is looked at. storeJob.lua has the cjson.encode that fails. That a
#          flow may be refused as a whole without an error was reported as BullMQ's issue 3851.
# Here:    the same; `replay show SEQ` of the EXEC marks the command that failed (docs/libraries/bullmq.md).
#
# Needs node, npm and redis-server. Exits with 0 while it is so, with 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap '[ -s "$work/pid" ] && kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
redis-server --port 0 --unixsocket "$work/s" --save "" --daemonize yes --pidfile "$work/pid" >"$work/log"
cd "$work"
npm init --yes >"$work/npm"
npm install --silent --no-audit --no-fund --ignore-scripts bullmq@6.7.0 ioredis@6.0.0 >>"$work/npm"
cat >flow.js <<'JS'
const { FlowProducer, Queue, Worker } = require('bullmq');

const connection = { path: `${__dirname}/s`, maxRetriesPerRequest: null };
const ran = [];

const child = (id, options = {}) => ({ name: id, queueName: 'mail', opts: { jobId: id, ...options } });

async function main() {
  const queue = new Queue('mail', { connection });
  const alone = await queue.add('alone', {}, { attempts: Infinity }).catch((error) => error.message);

  const flows = new FlowProducer({ connection });
  const children = [child('pack'), child('charge', { attempts: Infinity }), child('print')];
  const flow = await flows.add({ ...child('ship'), children });
  const worker = new Worker('mail', async (job) => void ran.push(job.name), { connection });
  const deadline = Date.now() + 20000;
  while (!ran.includes('ship') && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const returned = flow.children.map((node) => node.job.id);
  const stored = [];
  for (const id of returned) stored.push(Boolean(await queue.getJob(id)));
  console.log('Queue.add:', alone.replace(/ script: .*/, ''));
  console.log('FlowProducer.add returned', returned.join(' '), 'stored', stored.join(' '));
  console.log('ran:', ran.join(' '));
  const isSo =
    alone.includes('Cannot serialise number') &&
    returned.join() === 'pack,charge,print' &&
    stored.join() === 'true,false,true' &&
    ran.join() === 'pack,print,ship';
  process.exit(isSo ? 0 : 1);
}

main();
JS
node flow.js
# Output seen:
#   Queue.add: ERR user_script:560: Cannot serialise number: must not be NaN or Inf
#   FlowProducer.add returned pack charge print stored true false true
#   ran: pack print ship
