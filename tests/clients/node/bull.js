// Bull: node bull.js client|worker

const Queue = require("bull");
const { converse } = require("./conversation");
const { SOCKET, run } = require("./jobs");

const STALLED_MS = 1000;
const RECONNECT_MS = 100;

const queue = new Queue("jobs", {
  redis: { path: SOCKET, retryStrategy: () => RECONNECT_MS },
  settings: { lockDuration: STALLED_MS, stalledInterval: STALLED_MS, guardInterval: 200 },
});
queue.on("error", (error) => console.error(error.message)); // it reconnects by itself

function beClient() {
  converse({
    async enqueue({ delay = 0, retries = 0, ...data }) {
      const attempts = { attempts: retries + 1, backoff: 50 };
      return (await queue.add(data, { delay: delay * 1000, ...attempts })).id;
    },
    async look({ job_id }) {
      const state = await (await queue.getJob(job_id)).getState();
      // Only now: a job that was read before its end has no result.
      const job = await queue.getJob(job_id);
      switch (state) {
        case "completed":
          return { state: "done", result: job.returnvalue };
        case "failed":
          return { state: "failed", error: job.failedReason };
        default:
          return { state: "pending" };
      }
    },
    async cancel({ job_id }) {
      await (await queue.getJob(job_id)).remove();
    },
  });
}

function beWorker() {
  queue.process((job) => run(job.data));
  process.on("SIGTERM", () => queue.close().then(() => process.exit(0)));
}

process.argv[2] === "worker" ? beWorker() : beClient();
