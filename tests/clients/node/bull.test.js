// What Bull and Bee-Queue have beyond a job that runs.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const BeeQueue = require("bee-queue");
const BullQueue = require("bull");
const { SOCKET, fresh, until } = require("./support");

const redis = { path: SOCKET };

/** Give a test a queue of its own, which is closed at its end. */
const withQueue = (make) => (name, run) =>
  test(name, async () => {
    const queue = make(fresh("queue"));
    try {
      await run(queue);
    } finally {
      await queue.close();
    }
  });

const withBull = withQueue((name) => new BullQueue(name, { redis }));
const withBee = withQueue((name) => new BeeQueue(name, { redis }));

test("Bull: a rate limit spreads jobs over time", async () => {
  const [max, duration] = [2, 500];
  const limited = new BullQueue(fresh("queue"), { redis, limiter: { max, duration } });
  const starts = [];
  limited.process(6, async () => starts.push(Date.now()));

  await limited.addBulk(Array.from({ length: 6 }, () => ({ data: {} })));

  await until(async () => (await limited.getCompletedCount()) === 6);
  // Six jobs are three windows, so two pass by; but the first job may begin late.
  assert.ok(starts.at(-1) - starts[0] >= duration, `${starts}`);
  await limited.close();
});

withBull("Bull: jobs come by priority", async (queue) => {
  const order = [];
  await queue.add({ name: "low" }, { priority: 10 });
  await queue.add({ name: "high" }, { priority: 1 });
  await queue.add({ name: "middle" }, { priority: 5 });

  queue.process(async (job) => order.push(job.data.name));

  await until(() => order.length === 3);
  assert.deepEqual(order, ["high", "middle", "low"]);
});

withBull("Bull: a repeated job comes again and again, until its limit", async (queue) => {
  let runs = 0;
  await queue.add({}, { repeat: { every: 100, limit: 3 } });

  queue.process(async () => runs++);

  await until(() => runs === 3);
});

// Not one that runs meanwhile: Bull itself might add the next one after the removal.
withBull("Bull: a repeated job is removed with what it would have run next", async (queue) => {
  await queue.add({}, { repeat: { cron: "0 3 * * *" } });
  const [{ key }, ...others] = await queue.getRepeatableJobs();
  assert.equal(await queue.getDelayedCount(), 1);

  await queue.removeRepeatableByKey(key);

  assert.deepEqual(others, []);
  assert.deepEqual(await queue.getRepeatableJobs(), []);
  assert.equal(await queue.getDelayedCount(), 0);
});

withBull("Bull: events reach every process", async (queue) => {
  const heard = [];
  const told = new BullQueue(queue.name, { redis });
  await told.isReady();
  told.on("global:completed", (id, result) => heard.push(["completed", id, result]));
  told.on("global:progress", (id, progress) => heard.push(["progress", id, progress]));
  queue.process(async (job) => {
    await job.progress(50);
    return "ready";
  });

  // The subscription is made behind our back, so the job may come again.
  await until(async () => {
    const job = await queue.add({});
    await job.finished();
    return heard.length >= 2;
  });

  const [, id] = heard.find(([event]) => event === "completed");
  assert.ok(heard.some((one) => one.join() === `completed,${id},"ready"`), `${heard}`);
  await told.close();
});

withBull("Bull: a paused queue gives no job, and goes on when it is resumed", async (queue) => {
  await queue.pause();
  const job = await queue.add({});
  queue.process(async () => "done");
  assert.equal((await queue.getJobCounts()).paused, 1);

  await queue.resume();

  assert.equal(await job.finished(), "done");
});

withBull("Bull: failed jobs are retried by hand, done ones cleaned away", async (queue) => {
  let isBroken = true;
  queue.process(async () => {
    if (isBroken) throw new Error("broken");
  });
  const job = await queue.add({});
  await assert.rejects(job.finished(), /broken/);

  isBroken = false;
  await (await queue.getJob(job.id)).retry();

  await until(async () => (await queue.getCompletedCount()) === 1);
  assert.deepEqual(await queue.clean(0, "completed"), [job.id]);
});

withBee("Bee-Queue: progress and result reach who enqueued", async (queue) => {
  await queue.ready();
  queue.process(async (job) => {
    job.reportProgress(50);
    return "ready";
  });
  const heard = [];
  const job = queue.createJob({});
  const done = new Promise((resolve) => job.on("succeeded", resolve));
  job.on("progress", (progress) => heard.push(progress));

  await job.save();

  assert.equal(await done, "ready");
  await until(() => heard.length === 1);
  assert.deepEqual(heard, [50]);
});

withBee("Bee-Queue: many jobs are saved at once, and its health tells of them", async (queue) => {
  const jobs = Array.from({ length: 20 }, (_, n) => queue.createJob({ n }));

  const errors = await queue.saveAll(jobs);

  assert.equal(errors.size, 0);
  const { waiting, newestJob } = await queue.checkHealth();
  assert.deepEqual([waiting, newestJob], [20, 20]);
  queue.process(5, async (job) => job.data.n);
  await until(async () => (await queue.checkHealth()).succeeded === 20);
});

withBee("Bee-Queue: a queue is destroyed with all its keys", async (queue) => {
  await queue.createJob({}).save();

  await queue.destroy();

  assert.equal((await queue.checkHealth()).waiting, 0);
});
