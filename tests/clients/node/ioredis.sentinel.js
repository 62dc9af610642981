// A queue of ioredis, unmodified, that finds its master by way of RUNNER_SENTINEL.
//
// It pushes numbers and moves them to where they are done, whatever happens meanwhile,
// and prints "pushed N" and "moved N" where that was answered.

const { setTimeout: sleep } = require("node:timers/promises");
const { Redis } = require("ioredis");

const [host, port] = process.env.RUNNER_SENTINEL.split(":");
const PAUSE_MS = 20;
const PATIENCE_MS = 500;
const connect = (options) =>
  new Redis({
    name: "jobs",
    sentinels: [{ host, port: Number(port) }],
    failoverDetector: true, // who is stopped answers nothing: Sentinel tells of it
    retryStrategy: () => 20,
    sentinelRetryStrategy: () => 20,
    ...options,
  }).on("error", () => {});

async function push(redis) {
  for (let number = 1; ; number++, await sleep(PAUSE_MS)) {
    try {
      await redis.rpush("node", number);
      console.log("pushed", number);
    } catch {}
  }
}

async function move(redis) {
  for (; ; await sleep(PAUSE_MS)) {
    try {
      const number = await redis.blmove("node", "node:done", "LEFT", "RIGHT", 1);
      if (number !== null) console.log("moved", number);
    } catch {}
  }
}

push(connect({ commandTimeout: PATIENCE_MS }));
move(connect({}));
