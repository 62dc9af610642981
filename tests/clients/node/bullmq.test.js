// What BullMQ has beyond a job that runs: flows, limits, events, schedulers and more.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const {
  DelayedError,
  FlowProducer,
  Queue,
  QueueEvents,
  UnrecoverableError,
  Worker,
} = require("bullmq");
const { Redis } = require("ioredis");
const { SOCKET, fresh, until } = require("./support");

const connection = { path: SOCKET };

/** Give a test a queue of its own, and functions that make what belongs to it. */
function withQueue(name, run) {
  test(name, async () => {
    const queue = new Queue(fresh("queue"), { connection });
    const made = [queue];
    const keep = (one) => (made.push(one), one);
    const work = (job, options) =>
      keep(new Worker(queue.name, job, { connection, ...options }));
    const events = async () => {
      // From the first on: by default, what comes before its first look is not told.
      const options = { connection, lastEventId: "0" };
      const queueEvents = keep(new QueueEvents(queue.name, options));
      await queueEvents.waitUntilReady();
      return queueEvents;
    };
    const flows = () => keep(new FlowProducer({ connection }));
    try {
      await run({ queue, work, events, flows });
    } finally {
      for (const one of made.reverse()) await one.close();
    }
  });
}

withQueue("a parent runs when its children are done, with their results", async (t) => {
  const queueName = t.queue.name;
  const child = (n) => ({ name: "child", queueName, data: { n } });
  const flow = { name: "parent", queueName, children: [child(1), child(2), child(3)] };
  const { job: parent } = await t.flows().add(flow);
  assert.equal(await parent.getState(), "waiting-children");

  t.work(async (job) => {
    if (job.name === "child") return job.data.n * 10;
    return Object.values(await job.getChildrenValues()).reduce((sum, n) => sum + n);
  });

  assert.equal(await parent.waitUntilFinished(await t.events()), 60);
  assert.equal((await parent.getDependenciesCount()).processed, 3);
});

withQueue("a parent fails with its child where it is told to", async (t) => {
  const queueName = t.queue.name;
  const options = { failParentOnFailure: true };
  const { job: parent } = await t.flows().add({
    name: "parent",
    queueName,
    children: [{ name: "child", queueName, opts: options }],
  });

  t.work((job) => {
    throw new UnrecoverableError(`no ${job.name}`);
  });

  await until(() => parent.isFailed());
  assert.match((await t.queue.getJob(parent.id)).failedReason, /child .* failed/);
});

withQueue("a rate limit spreads jobs over time", async (t) => {
  const [max, duration] = [2, 500];
  await t.queue.addBulk(Array.from({ length: 6 }, () => ({ name: "job" })));
  const starts = [];

  t.work(async () => starts.push(Date.now()), { limiter: { max, duration }, concurrency: 6 });

  await until(async () => (await t.queue.getCompletedCount()) === 6);
  // Six jobs are three windows, so two pass by; but the first job may begin late.
  assert.ok(starts.at(-1) - starts[0] >= duration, `${starts}`);
});

withQueue("a worker that is told of a limit gives the job back", async (t) => {
  let told = false;
  const job = await t.queue.add("job", {});

  const worker = t.work(
    async () => {
      if (told) return "done";
      told = true;
      await worker.rateLimit(200);
      throw Worker.RateLimitError();
    },
    { limiter: { max: 10, duration: 1000 } },
  );

  assert.equal(await job.waitUntilFinished(await t.events()), "done");
  assert.equal((await t.queue.getJob(job.id)).attemptsMade, 1);
});

withQueue("events tell a job's life in its order", async (t) => {
  const events = await t.events();
  const life = [];
  for (const event of ["added", "waiting", "active", "progress", "completed"]) {
    events.on(event, ({ jobId, data, returnvalue }) =>
      life.push([event, jobId, data ?? returnvalue].filter((word) => word != null)),
    );
  }

  const { id } = await t.queue.add("job", {});
  t.work(async (job) => {
    await job.updateProgress(50);
    await job.log("half way");
    return "ready";
  });

  await until(() => life.length === 5);
  assert.deepEqual(life, [
    ["added", id],
    ["waiting", id],
    ["active", id],
    ["progress", id, 50],
    ["completed", id, "ready"],
  ]);
  assert.deepEqual((await t.queue.getJobLogs(id)).logs, ["half way"]);
});

withQueue("a scheduler makes jobs until its limit", async (t) => {
  const ran = [];
  await t.queue.upsertJobScheduler("often", { every: 100, limit: 3 }, { name: "tick" });

  t.work(async (job) => ran.push(job.name));

  await until(() => ran.length === 3);
  assert.deepEqual(ran, ["tick", "tick", "tick"]);
});

withQueue("a scheduler is changed in its place, and removed", async (t) => {
  await t.queue.upsertJobScheduler("nightly", { pattern: "0 3 * * *" });
  await t.queue.upsertJobScheduler("nightly", { pattern: "0 4 * * *", tz: "UTC" });

  const [found, ...others] = await t.queue.getJobSchedulers();
  assert.deepEqual(others, []);
  assert.equal(found.pattern, "0 4 * * *");
  assert.equal(new Date(found.next).getUTCHours(), 4);
  assert.equal(await t.queue.getDelayedCount(), 1);
  assert.equal(await t.queue.removeJobScheduler("nightly"), true);
  assert.equal(await t.queue.getDelayedCount(), 0);
});

withQueue("jobs come by priority, and the last first where that is asked", async (t) => {
  const order = [];
  await t.queue.add("low", {}, { priority: 10 });
  await t.queue.add("high", {}, { priority: 1 });
  await t.queue.add("first", {});
  await t.queue.add("last", {}, { lifo: true });

  t.work(async (job) => order.push(job.name));

  await until(() => order.length === 4);
  assert.deepEqual(order, ["last", "first", "high", "low"]);
});

withQueue("a job with a known deduplication id is not added twice", async (t) => {
  const options = { deduplication: { id: "once" } };

  const first = await t.queue.add("job", {}, options);
  const second = await t.queue.add("job", {}, options);

  assert.equal(second.id, first.id);
  assert.equal(await t.queue.getWaitingCount(), 1);
});

withQueue("a paused queue gives no job, and goes on when it is resumed", async (t) => {
  await t.queue.pause();
  const job = await t.queue.add("job", {});
  t.work(async () => "done");
  assert.equal(await t.queue.isPaused(), true);
  assert.equal(await t.queue.getWaitingCount(), 1);

  await t.queue.resume();

  assert.equal(await job.waitUntilFinished(await t.events()), "done");
});

withQueue("failed jobs are retried by hand, done ones cleaned away", async (t) => {
  let isBroken = true;
  const job = await t.queue.add("job", {});
  t.work(async () => {
    if (isBroken) throw new Error("broken");
  });
  await until(() => job.isFailed());

  isBroken = false;
  await t.queue.retryJobs({ state: "failed" });

  await until(() => job.isCompleted());
  assert.deepEqual(await t.queue.clean(0, 10, "completed"), [job.id]);
  assert.equal(await t.queue.getJob(job.id), undefined);
});

withQueue("a job moves itself back to be delayed", async (t) => {
  let runs = 0;
  const job = await t.queue.add("job", {});

  t.work(async (taken, token) => {
    if (++runs === 2) return "later";
    await taken.moveToDelayed(Date.now() + 100, token);
    throw new DelayedError();
  });

  assert.equal(await job.waitUntilFinished(await t.events()), "later");
});

withQueue("a queue is obliterated with all its keys", async (t) => {
  await t.queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: `job ${n}` })));
  await t.queue.add("delayed", {}, { delay: 60_000 });

  await t.queue.obliterate();

  const redis = new Redis(connection);
  assert.deepEqual(await redis.keys(`bull:${t.queue.name}:*`), []);
  redis.disconnect();
});
