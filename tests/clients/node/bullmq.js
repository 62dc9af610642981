// BullMQ: node bullmq.js client|worker [ioredis|node-redis]

const { Queue, Worker } = require("bullmq");
const { createClient } = require("redis");
const { converse } = require("./conversation");
const { SOCKET, run } = require("./jobs");

const QUEUE = "jobs";
const STALLED_MS = 1000;
const RECONNECT_MS = 100;

// BullMQ makes clients of ioredis from options, and takes those of node-redis ready made.
const CONNECTIONS = {
  ioredis: () => ({ path: SOCKET, retryStrategy: () => RECONNECT_MS }),
  "node-redis": () =>
    createClient({
      socket: { path: SOCKET, tls: false, reconnectStrategy: () => RECONNECT_MS },
    }).on("error", () => {}),
};

const [role, driver = "ioredis"] = process.argv.slice(2);
const connection = CONNECTIONS[driver]();
const onError = (error) => console.error(error.message); // it reconnects by itself

function beClient() {
  const queue = new Queue(QUEUE, { connection }).on("error", onError);
  converse({
    async enqueue({ delay = 0, retries = 0, ...data }) {
      const attempts = { attempts: retries + 1, backoff: { type: "fixed", delay: 50 } };
      return (await queue.add(data.job, data, { delay: delay * 1000, ...attempts })).id;
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
    async counts() {
      return await queue.getJobCounts("wait", "active", "delayed", "failed");
    },
  });
}

function beWorker() {
  const stalled = { lockDuration: STALLED_MS, stalledInterval: STALLED_MS };
  const worker = new Worker(QUEUE, (job) => run(job.data), { connection, ...stalled });
  worker.on("error", onError);
  process.on("SIGTERM", () => worker.close().then(() => process.exit(0)));
}

role === "worker" ? beWorker() : beClient();
