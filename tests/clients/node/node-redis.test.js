// node-redis, unmodified, in both protocols.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { createClient, createClientPool, defineScript, WatchError } = require("redis");
const { SOCKET, fresh, until } = require("./support");

/** Run a test in RESP2 and in RESP3, each with a client of an empty database. */
function inBoth(name, run) {
  for (const RESP of [2, 3]) {
    test(`${name} (RESP${RESP})`, async () => {
      const made = [];
      const connect = async (options) => {
        const socket = { path: SOCKET, tls: false };
        const client = createClient({ socket, RESP, name: "tests", ...options });
        client.on("error", () => {});
        made.push(client);
        return client.connect();
      };
      try {
        const client = await connect();
        await client.flushAll();
        await run(client, connect, RESP);
      } finally {
        for (const client of made) if (client.isOpen) client.destroy();
      }
    });
  }
}

inBoth("a client is named, and tells its library", async (client) => {
  const info = await client.clientInfo();

  assert.equal(info.name, "tests");
  assert.equal(info.libName, "node-redis");
});

inBoth("every type is written and read back", async (client) => {
  await client.set("string", "value", { expiration: { type: "EX", value: 60 } });
  await client.hSet("hash", { field: "value" });
  await client.rPush("list", ["a", "b", "c"]);
  await client.sAdd("set", ["x", "y"]);
  await client.zAdd("sorted", [
    { score: 2.5, value: "high" },
    { score: 1, value: "low" },
  ]);
  await client.xAdd("stream", "1-1", { field: "value" });

  assert.equal(await client.get("string"), "value");
  assert.deepEqual({ ...(await client.hGetAll("hash")) }, { field: "value" });
  assert.deepEqual(await client.lRange("list", 0, -1), ["a", "b", "c"]);
  assert.deepEqual([...(await client.sMembers("set"))].sort(), ["x", "y"]);
  assert.deepEqual(await client.zRangeWithScores("sorted", 0, -1), [
    { value: "low", score: 1 },
    { value: "high", score: 2.5 },
  ]);
  const [{ id, message }] = await client.xRange("stream", "-", "+");
  assert.deepEqual([id, { ...message }], ["1-1", { field: "value" }]);
  assert.equal(await client.get("nothing"), null);
});

inBoth("commands of one turn are one pipeline", async (client) => {
  const replies = await Promise.all(
    Array.from({ length: 200 }, (_, n) => client.incrBy("n", n)),
  );

  assert.equal(replies.at(-1), (199 * 200) / 2);
});

inBoth("a transaction fails where somebody interferes", async (client, connect) => {
  const other = await connect();
  await client.watch("balance");
  await other.set("balance", "5");

  await assert.rejects(client.multi().decr("balance").exec(), WatchError);
});

inBoth("a script is loaded again after it was forgotten", async (_, connect) => {
  const double = defineScript({
    SCRIPT: 'return redis.call("GET", KEYS[1]) * 2',
    NUMBER_OF_KEYS: 1,
    parseCommand: (parser, key) => parser.pushKey(key),
    transformReply: undefined,
  });
  const client = await connect({ scripts: { double } });
  await client.set("n", "21");

  assert.equal(await client.double("n"), 42);
  await client.scriptFlush();
  assert.equal(await client.double("n"), 42);
});

inBoth("a blocked pop is woken, and times out", async (client, connect) => {
  const other = await connect();
  const popped = other.brPop(["a", "b"], 30);
  await until(async () => /blocked_clients:1/.test(await client.info("clients")));

  await client.lPush("b", "job");

  assert.deepEqual({ ...(await popped) }, { key: "b", element: "job" });
  assert.equal(await other.blPop("a", 0.05), null);
});

inBoth("messages reach who subscribed", async (client, connect) => {
  const subscriber = await connect();
  const heard = [];
  await subscriber.subscribe("news", (message) => heard.push(message));
  await subscriber.pSubscribe("n*", (message, channel) => heard.push([channel, message]));

  assert.equal(await client.publish("news", "hello"), 2);

  await until(() => heard.length === 2);
  assert.deepEqual(heard, ["hello", ["news", "hello"]]);
});

inBoth("a group reads, claims and acknowledges", async (client) => {
  const stream = fresh("stream");
  await client.xGroupCreate(stream, "group", "0", { MKSTREAM: true });
  const id = await client.xAdd(stream, "*", { job: "1" });
  await client.xReadGroup("group", "first", { key: stream, id: ">" });

  const { messages } = await client.xAutoClaim(stream, "group", "second", 0, "0");

  assert.deepEqual(messages.map((one) => one.id), [id]);
  assert.equal(await client.xAck(stream, "group", id), 1);
});

inBoth("a scan finds every key once", async (client) => {
  const keys = Array.from({ length: 100 }, (_, n) => `key:${n}`);
  await client.mSet(keys.map((key) => [key, "x"]));

  const found = [];
  for await (const some of client.scanIterator({ MATCH: "key:*", COUNT: 7 })) {
    found.push(...some);
  }

  assert.deepEqual([...new Set(found)].sort(), keys.sort());
});

test("the client's own cache hears of changes", async () => {
  const socket = { path: SOCKET, tls: false };
  const clientSideCache = { ttl: 0, maxEntries: 0, evictPolicy: "LRU" };
  const cached = await createClient({ socket, RESP: 3, clientSideCache }).connect();
  const other = await createClient({ socket }).connect();
  try {
    await other.set("k", "old");
    assert.equal(await cached.get("k"), "old");

    await other.set("k", "new");

    await until(async () => (await cached.get("k")) === "new");
  } finally {
    cached.destroy();
    other.destroy();
  }
});

test("a pool shares its clients", async () => {
  const pool = createClientPool({ socket: { path: SOCKET, tls: false } }, { maximum: 3 });
  await pool.connect();
  try {
    const waits = ["a", "b"].map((key) => pool.blPop(key, 30));
    await pool.rPush("a", "1");
    await pool.rPush("b", "2");

    const popped = await Promise.all(waits);
    assert.deepEqual(popped.map(({ element }) => element), ["1", "2"]);
  } finally {
    pool.destroy();
  }
});
