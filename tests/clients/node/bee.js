// Bee-Queue: node bee.js client|worker

const Queue = require("bee-queue");
const { converse } = require("./conversation");
const { SOCKET, run } = require("./jobs");

const STALLED_MS = 1000;

const queue = new Queue("jobs", {
  redis: { path: SOCKET, retry_strategy: () => 100 },
  stallInterval: STALLED_MS,
  activateDelayedJobs: true,
  delayedDebounce: 50,
  initialRedisFailureRetryDelay: 100,
});

function beClient() {
  // A result comes as a message to who enqueued, and is kept nowhere.
  const results = new Map();
  queue.on("error", (error) => console.error(error.message));
  converse({
    async enqueue({ delay = 0, retries = 0, ...data }) {
      const job = queue.createJob(data).retries(retries).backoff("fixed", 50);
      if (delay) job.delayUntil(Date.now() + delay * 1000);
      job.on("succeeded", (result) => results.set(job.id, result));
      return (await job.save()).id;
    },
    async look({ job_id }) {
      const job = await queue.getJob(job_id);
      if (job.status === "failed") {
        return { state: "failed", error: job.options.stacktraces[0] };
      }
      return results.has(job_id)
        ? { state: "done", result: results.get(job_id) }
        : { state: "pending" };
    },
    async cancel({ job_id }) {
      await queue.removeJob(job_id);
    },
  });
}

async function beWorker() {
  // It loads its scripts once, and a restarted server has none: then it can do nothing
  // but end, for its supervisor to start it anew.
  queue.on("error", (error) => {
    console.error(error.message);
    if (/NOSCRIPT/.test(error.message)) process.exit(1);
  });
  await queue.ready();
  queue.process((job) => run(job.data));
  await queue.checkStalledJobs(STALLED_MS);
  process.on("SIGTERM", () => queue.close().then(() => process.exit(0)));
}

process.argv[2] === "worker" ? beWorker() : beClient();
