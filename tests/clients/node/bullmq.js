// BullMQ as a program: node bullmq.js SOCKET

const { Queue, Worker } = require("bullmq");
const { run } = require("./kinds");
const { serve } = require("./program");

const QUEUE = "jobs";
const STALLED_MS = 1000;
const STATES = { completed: "done", failed: "failed", unknown: "gone" };

const connection = { path: process.argv[2], retryStrategy: () => 100 };
const quiet = (one) => one.on("error", () => {}); // it reconnects by itself

const queue = quiet(new Queue(QUEUE, { connection }));
let worker;

serve({
  async enqueue({ delay_ms = 0, attempts = 1, ...job }) {
    const backoff = { type: "fixed", delay: 50 };
    const added = await queue.add(job.kind, job, { delay: delay_ms, attempts, backoff });
    return added.id;
  },
  async state({ id }) {
    const job = await queue.getJob(id);
    if (!job) return { state: "gone" };
    const state = await job.getState();
    return {
      state: STATES[state] ?? state,
      result: job.returnvalue ?? null,
      reason: job.failedReason ?? null,
    };
  },
  async remove({ id }) {
    return (await queue.remove(id)) === 1;
  },
  async work({ concurrency = 1 }) {
    const options = { connection, concurrency };
    const stalled = { lockDuration: STALLED_MS, stalledInterval: STALLED_MS };
    worker = quiet(new Worker(QUEUE, (job) => run(job.data), { ...options, ...stalled }));
    await worker.waitUntilReady();
  },
  async close() {
    await worker?.close();
    await queue.close();
  },
});
