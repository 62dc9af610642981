// BullMQ's tour; see tests/clients/tours.py. Its workers run in this process.

const { setTimeout: sleep } = require("node:timers/promises");
const {
  DelayedError,
  FlowProducer,
  Queue,
  Relay,
  UnrecoverableError,
  Worker,
} = require("bullmq");
const { noteRun, timesRun, until } = require("./touring");

const LOCK_MS = 1500;
const connection = { path: process.env.RUNNER_SOCKET };
const queue = new Queue("jobs", { connection });
const open = [queue];

const WORK = {
  async add({ token }) {
    return token.length;
  },
  async fail() {
    throw new Error("this job always fails");
  },
  async giveUp() {
    throw new UnrecoverableError("no use to try again");
  },
  async flaky({ token, failures }) {
    const times = timesRun(token);
    if (times <= failures) throw new Error(`failure ${times} of ${failures}`);
    return times;
  },
  async step({ token }, job, lock) {
    if (timesRun(token) === 1) {
      await job.moveToDelayed(Date.now() + 200, lock);
      throw new DelayedError();
    }
    return token;
  },
  async slow() {
    await sleep(2 * LOCK_MS);
    return "slow";
  },
};

function startWorker(name, options = {}) {
  const run = (job, lock) => {
    noteRun(job.data.token);
    return WORK[job.data.work](job.data, job, lock);
  };
  const worker = new Worker(name, run, {
    connection,
    concurrency: 4,
    lockDuration: LOCK_MS,
    ...options,
  });
  worker.on("error", (error) => console.error(error.message));
  open.unshift(worker);
  return worker;
}

const add = (work, token, options = {}, more = {}) =>
  queue.add(work, { work, token, ...more }, options);

async function send() {
  const again = { attempts: 3, backoff: { type: "fixed", delay: 50 } };
  const jobs = {
    plain: await add("add", "plain"),
    retried: await add("flaky", "retried", again, { failures: 2 }),
    "retried at once": await add("flaky", "once", { attempts: 2 }, { failures: 1 }),
    "retried in vain": await add("fail", "vain", again),
    unrecoverable: await add("giveUp", "unrecoverable", again),
    delayed: await add("add", "delayed", { delay: 300 }),
    far: await add("add", "far", { delay: 3600_000 }),
    urgent: await add("add", "urgent", { priority: 2 }),
    unkept: await add("add", "unkept", { removeOnComplete: true }),
    "failure unkept": await add("fail", "failure-unkept", { removeOnFail: true }),
    named: await add("add", "named", { jobId: "a-name", removeOnComplete: true }),
    stepped: await add("step", "stepped"),
    slow: await add("slow", "slow"),
    removed: await add("add", "removed", { delay: 1000 }),
    promoted: await add("add", "promoted", { delay: 3600_000 }),
    "held together": await add("add", "dedup", {
      deduplication: { id: "one" },
      delay: 200,
    }),
  };
  await jobs.removed.remove();
  await jobs.promoted.promote();
  return jobs;
}

async function flow(jobs) {
  const producer = new FlowProducer({ connection });
  open.unshift(producer);
  const child = (work, token, opts = {}) => ({
    name: work,
    queueName: "jobs",
    data: { work, token },
    opts,
  });
  const grow = (token, children) =>
    producer.add({ ...child("add", token), children });
  const good = await grow("parent", [child("add", "child-1"), child("add", "child-2")]);
  const strict = { failParentOnFailure: true };
  const bad = await grow("bad-parent", [child("fail", "bad-child", strict)]);
  const loose = { ignoreDependencyOnFailure: true };
  const lax = await grow("lax-parent", [child("fail", "lax-child", loose)]);
  const stays = await grow("waits", [child("fail", "waits-child")]);
  return Object.assign(jobs, {
    parent: good.job,
    child: good.children[0].job,
    "parent of a failure": bad.job,
    "failed child": bad.children[0].job,
    "parent in spite of a failure": lax.job,
    "parent that waits": stays.job,
  });
}

/** Let a scheduler make a job each second; the last one lasts longer than its lock. */
async function schedule() {
  const ticks = new Queue("ticks", { connection });
  open.unshift(ticks);
  const first = await ticks.upsertJobScheduler(
    "every:second", // BullMQ lets ids of schedulers have colons
    { every: 1000 },
    { name: "tick", data: { work: "add", token: "tick" } },
  );
  const worker = startWorker("ticks");
  await until(() => timesRun("tick") >= 2, "ticks");
  await ticks.upsertJobScheduler(
    "failing",
    { every: 3600_000 },
    { name: "bad-tick", data: { work: "fail", token: "bad-tick" } },
  );
  const slow = await ticks.upsertJobScheduler(
    "slow",
    { every: 3600_000 },
    { name: "slow-tick", data: { work: "slow", token: "slow-tick" } },
  );
  await until(() => timesRun("bad-tick") && timesRun("slow-tick"), "slow tick");
  await until(async () => (await slow.getState()) === "completed", "slow tick");
  const failed = await ticks.getJobs(["failed"]);
  await ticks.removeJobScheduler("every:second");
  await worker.close();
  return { tick: first, "slow tick": slow, "failed tick": failed[0] };
}

async function limit() {
  const limited = new Queue("limited", { connection });
  open.unshift(limited);
  const jobs = {};
  for (const number of [1, 2, 3]) {
    const data = { work: "add", token: `limited-${number}` };
    jobs[`limited ${number}`] = await limited.add("add", data);
  }
  startWorker("limited", { limiter: { max: 1, duration: 300 }, concurrency: 1 });
  await until(() => timesRun("limited-3"), "limited");
  return jobs;
}

/** Drain one queue, and obliterate another. */
async function throwAway() {
  const jobs = {};
  for (const [name, how] of [
    ["drained", (each) => each.drain()],
    ["obliterated", (each) => each.obliterate()],
    ["cleaned", (each) => each.clean(0, 10, "wait")],
  ]) {
    const gone = new Queue(name, { connection });
    open.unshift(gone);
    jobs[name] = await gone.add("add", { work: "add", token: name });
    await sleep(5);
    await how(gone);
  }
  const paused = new Queue("paused", { connection });
  open.unshift(paused);
  await paused.pause();
  jobs.paused = await paused.add("add", { work: "add", token: "paused" });
  return jobs;
}

/** Two processes' worth of a relay, and what it retains. */
async function relay() {
  const nodes = [1, 2].map(() => new Relay({ connection, namespace: "news" }));
  open.unshift(...nodes);
  const heard = [];
  await nodes[0].subscribe("orders.*", (message) => heard.push(message));
  await nodes[1].publish("orders.1", { total: 5 });
  await nodes[1].publish("orders.2", { total: 6 }, { retain: 60_000 });
  await until(() => heard.length >= 2, "relayed");
  await nodes[1].deleteRetained("orders.2");
}

async function main() {
  const jobs = await flow(await send());
  startWorker("jobs");
  const ends = Object.entries(jobs).filter(
    ([name]) => !["far", "removed", "parent that waits"].includes(name),
  );
  for (const [name, job] of ends) {
    await until(async () => {
      const state = await job.getState();
      return ["completed", "failed", "unknown"].includes(state);
    }, name);
  }
  jobs["run again"] = await add("add", "run-again");
  await until(async () => (await jobs["run again"].getState()) === "completed", "again");
  await (await queue.getJob(jobs["run again"].id)).retry("completed");
  await until(() => timesRun("run-again") === 2, "run again");
  // The name is free: its job was removed when it was done.
  await add("add", "named-anew", { jobId: "a-name" });
  await until(() => timesRun("named-anew"), "named anew");
  Object.assign(jobs, await schedule(), await limit(), await throwAway());
  await relay();
  const counts = await queue.getJobCounts();
  for (const [name, job] of Object.entries(jobs)) {
    counts[`state of ${name}`] = await job.getState();
  }
  for (const each of open) await each.close();
  const ids = Object.entries(jobs).map(([name, { queueName, id }]) => [
    name,
    `${queueName}/${id}`,
  ]);
  console.log(JSON.stringify({ jobs: Object.fromEntries(ids), counts }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
