// Bull as a program: node bull.js SOCKET

const Queue = require("bull");
const { run } = require("./kinds");
const { serve } = require("./program");

const STALLED_MS = 1000;
const STATES = { completed: "done", failed: "failed" };

const redis = { path: process.argv[2], retryStrategy: () => 100 };
const settings = {
  lockDuration: STALLED_MS,
  stalledInterval: STALLED_MS,
  guardInterval: 200,
  drainDelay: 1,
};

const queue = new Queue("jobs", { redis, settings });
queue.on("error", () => {}); // it reconnects by itself

serve({
  async enqueue({ delay_ms = 0, attempts = 1, ...job }) {
    const added = await queue.add(job, { delay: delay_ms, attempts, backoff: 50 });
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
    const job = await queue.getJob(id);
    await job.remove();
    return (await queue.getJob(id)) === null;
  },
  async work({ concurrency = 1 }) {
    await queue.isReady();
    queue.process(concurrency, (job) => run(job.data));
  },
  async close() {
    await queue.close();
  },
});
