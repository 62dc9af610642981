// Bee-Queue as a program: node bee.js SOCKET

const Queue = require("bee-queue");
const { run } = require("./kinds");
const { serve } = require("./program");

const STALLED_MS = 1000;
const STATES = { created: "waiting", retrying: "waiting", succeeded: "done" };

// A result comes as a message to who enqueued, and is kept nowhere.
const results = new Map();

const queue = new Queue("jobs", {
  redis: { path: process.argv[2], retry_strategy: () => 100 },
  stallInterval: STALLED_MS,
  activateDelayedJobs: true,
  delayedDebounce: 50,
  initialRedisFailureRetryDelay: 100,
});
queue.on("error", () => {}); // it reconnects by itself

serve({
  async enqueue({ delay_ms = 0, attempts = 1, ...order }) {
    const job = queue.createJob(order).retries(attempts - 1).backoff("fixed", 50);
    if (delay_ms) job.delayUntil(Date.now() + delay_ms);
    await job.save();
    job.on("succeeded", (result) => results.set(job.id, result));
    return job.id;
  },
  async state({ id }) {
    const job = await queue.getJob(id);
    if (!job) return { state: "gone" };
    return {
      state: STATES[job.status] ?? job.status,
      result: results.get(id) ?? null,
      reason: job.options.stacktraces?.[0] ?? null,
    };
  },
  async remove({ id }) {
    await queue.removeJob(id);
    return (await queue.getJob(id)) === null;
  },
  async work({ concurrency = 1 }) {
    await queue.ready();
    queue.process(concurrency, (job) => run(job.data));
    await queue.checkStalledJobs(STALLED_MS);
  },
  async close() {
    await queue.close();
  },
});
