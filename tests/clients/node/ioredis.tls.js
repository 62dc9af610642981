// ioredis under TLS; RUNNER_URL is a rediss:// URL, the others are files.

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { after, beforeEach, test } = require("node:test");
const { Redis } = require("ioredis");

const { RUNNER_URL, RUNNER_CA, RUNNER_CERTIFICATE, RUNNER_KEY } = process.env;
const ca = readFileSync(RUNNER_CA);
const own = { cert: readFileSync(RUNNER_CERTIFICATE), key: readFileSync(RUNNER_KEY) };
const clients = [];
const connect = (tls, options = {}) => {
  clients.push(new Redis(RUNNER_URL, { tls, ...options }));
  return clients.at(-1);
};
const redis = connect({ ca, ...own });

beforeEach(() => redis.flushall());
after(() => clients.forEach((client) => client.disconnect()));

test("large values and deep pipelines come and go", async () => {
  const value = Buffer.alloc(1 << 20, "0123456789abcdef");
  await redis.set("large", value);
  const pipeline = redis.pipeline();
  for (let number = 0; number < 1000; number++) pipeline.rpush("list", number);
  const replies = await pipeline.exec();

  assert.deepEqual(await redis.getBuffer("large"), value);
  assert.deepEqual(replies.at(-1), [null, 1000]);
});

test("a blocked client and a subscribed one are told", async () => {
  const [blocked, subscribed] = [connect({ ca, ...own }), connect({ ca, ...own })];
  await subscribed.subscribe("news");
  const heard = new Promise((tell) => subscribed.on("message", (_, text) => tell(text)));
  const popped = blocked.blpop("queue", 60);

  await redis.publish("news", "hello");
  await redis.rpush("queue", "job");

  assert.equal(await heard, "hello");
  assert.deepEqual(await popped, ["queue", "job"]);
});

test("without a certificate nobody is let in", async () => {
  const stranger = connect({ ca }, { retryStrategy: null, maxRetriesPerRequest: 0 });
  stranger.on("error", () => {});

  await assert.rejects(stranger.ping());
});
