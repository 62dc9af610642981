// Bull's tour; see tests/clients/tours.py. Its workers run in this process.

const { setTimeout: sleep } = require("node:timers/promises");
const Queue = require("bull");
const { noteRun, timesRun, until } = require("./touring");

const LOCK_MS = 1500;
const redis = { path: process.env.RUNNER_SOCKET };
const open = [];

const WORK = {
  async add({ token }) {
    return token.length;
  },
  async fail() {
    throw new Error("this job always fails");
  },
  async giveUp(_, job) {
    await job.discard();
    throw new Error("no use to try again");
  },
  async flaky({ token, failures }) {
    const times = timesRun(token);
    if (times <= failures) throw new Error(`failure ${times} of ${failures}`);
    return times;
  },
  async slow() {
    await sleep(2 * LOCK_MS);
    return "slow";
  },
  async noted(_, job) {
    await job.progress(50);
    await job.log("half of it");
    await job.update({ ...job.data, seen: true });
    return "noted";
  },
};

function openQueue(name, options = {}) {
  const settings = { lockDuration: LOCK_MS, guardInterval: 100 };
  const queue = new Queue(name, { redis, settings, ...options });
  queue.on("error", (error) => console.error(error.message));
  open.push(queue);
  return queue;
}

function startWorker(queue, concurrency = 4) {
  const run = (job) => {
    noteRun(job.data.token);
    return WORK[job.data.work](job.data, job);
  };
  queue.process("*", concurrency, run).catch((error) => console.error(error));
}

const queue = openQueue("jobs");
const add = (work, token, options = {}, more = {}) =>
  queue.add(work, { work, token, ...more }, options);
/** Return how a job stands; a job that is removed is null. */
const stateOf = async (of, id) => (await of.getJob(id))?.getState() ?? "unknown";

async function send() {
  const again = { attempts: 3, backoff: { type: "fixed", delay: 50 } };
  const jobs = {
    plain: await add("add", "plain"),
    retried: await add("flaky", "retried", again, { failures: 2 }),
    "retried at once": await add("flaky", "once", { attempts: 2 }, { failures: 1 }),
    "retried in vain": await add("fail", "vain", again),
    discarded: await add("giveUp", "discarded", again),
    delayed: await add("add", "delayed", { delay: 300 }),
    far: await add("add", "far", { delay: 3600_000 }),
    urgent: await add("add", "urgent", { priority: 2 }),
    "last in": await add("add", "last-in", { lifo: true }),
    unkept: await add("add", "unkept", { removeOnComplete: true }),
    "failure unkept": await add("fail", "failure-unkept", { removeOnFail: true }),
    named: await add("add", "named", { jobId: "a-name", removeOnComplete: true }),
    noted: await add("noted", "noted"),
    slow: await add("slow", "slow"),
    "too slow": await add("slow", "too-slow", { timeout: 200 }),
    removed: await add("add", "removed", { delay: 1000 }),
    promoted: await add("add", "promoted", { delay: 3600_000 }),
  };
  await jobs.removed.remove();
  await jobs.promoted.promote();
  return jobs;
}

/** Let a repeatable job come each second until two have run. */
async function repeat() {
  const ticks = openQueue("ticks");
  const first = await ticks.add(
    "tick",
    { work: "add", token: "tick" },
    { repeat: { every: 1000 } },
  );
  startWorker(ticks);
  await until(() => timesRun("tick") >= 2, "ticks");
  await ticks.removeRepeatable("tick", { every: 1000 });
  await until(async () => (await stateOf(ticks, first.id)) === "completed", "a tick");
  return { tick: first };
}

async function limit() {
  const limited = openQueue("limited", { limiter: { max: 1, duration: 300 } });
  const jobs = {};
  for (const number of [1, 2, 3]) {
    const data = { work: "add", token: `limited-${number}` };
    jobs[`limited ${number}`] = await limited.add("add", data);
  }
  startWorker(limited, 1);
  const last = jobs["limited 3"].id;
  await until(async () => (await stateOf(limited, last)) === "completed", "limited");
  return jobs;
}

/** Empty one queue, obliterate another, clean a third and pause a fourth. */
async function throwAway() {
  const jobs = {};
  for (const [name, how] of [
    ["emptied", (each) => each.empty()],
    ["obliterated", (each) => each.obliterate()],
    ["cleaned", (each) => each.clean(0, "wait")],
  ]) {
    const gone = openQueue(name);
    jobs[name] = await gone.add("add", { work: "add", token: name });
    await sleep(5);
    await how(gone);
  }
  const paused = openQueue("paused");
  await paused.pause();
  jobs.paused = await paused.add("add", { work: "add", token: "paused" });
  return jobs;
}

/** Let a job fail, mend its data, and have it tried again by hand. */
async function mend() {
  const job = await add("fail", "mended");
  await until(async () => (await stateOf(queue, job.id)) === "failed", "by hand");
  const failed = await queue.getJob(job.id);
  await failed.update({ work: "add", token: "mended" });
  await failed.retry();
  await until(async () => (await stateOf(queue, job.id)) === "completed", "mended");
  return { mended: job };
}

async function main() {
  const jobs = await send();
  startWorker(queue);
  for (const [name, job] of Object.entries(jobs)) {
    if (["far", "removed"].includes(name)) continue;
    await until(async () => {
      const state = await stateOf(queue, job.id);
      return ["completed", "failed", "unknown"].includes(state);
    }, name);
  }
  // The name is free: its job was removed when it was done.
  await add("add", "named-anew", { jobId: "a-name" });
  await until(async () => (await stateOf(queue, "a-name")) === "completed", "anew");
  const all = {
    ...jobs,
    ...(await mend()),
    ...(await repeat()),
    ...(await limit()),
    ...(await throwAway()),
  };
  const counts = await queue.getJobCounts();
  for (const [name, job] of Object.entries(all)) {
    counts[`state of ${name}`] = await stateOf(job.queue, job.id);
  }
  for (const each of open) await each.close(true);
  const ids = Object.entries(all).map(([name, job]) => [
    name,
    `${job.queue.name}/${job.id}`,
  ]);
  console.log(JSON.stringify({ jobs: Object.fromEntries(ids), counts }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
