// ioredis, unmodified, in both protocols.

const assert = require("node:assert/strict");
const { after, beforeEach, describe, test } = require("node:test");
const { Redis } = require("ioredis");
const { SOCKET, fresh, until } = require("./support");

for (const protocol of [2, 3]) describe(`RESP${protocol}`, () => {
  const common = { path: SOCKET, protocol, connectionName: "tests" };
  const clients = [];
  const connect = (options) => {
    clients.push(new Redis({ ...common, ...options }));
    return clients.at(-1);
  };
  const redis = connect();

  beforeEach(() => redis.flushall());
  after(() => clients.forEach((client) => client.disconnect()));

  test("a client is named, and tells its library", async () => {
    const info = await redis.client("INFO");

    assert.match(info, / name=tests /);
    assert.match(info, new RegExp(` resp=${protocol}\\b`));
    assert.match(info, / lib-name=ioredis/);
  });

  test("every type is written and read back", async () => {
    const bytes = Buffer.from([0, 255, 13, 10]);
    await redis.set("string", bytes, "EX", 60);
    await redis.hset("hash", { field: "value" });
    await redis.rpush("list", "a", "b", "c");
    await redis.sadd("set", "x", "y");
    await redis.zadd("sorted", 2.5, "high", 1, "low");
    await redis.xadd("stream", "1-1", "field", "value");

    assert.deepEqual(await redis.getBuffer("string"), bytes);
    assert.deepEqual({ ...(await redis.hgetall("hash")) }, { field: "value" });
    assert.deepEqual(await redis.lrange("list", 0, -1), ["a", "b", "c"]);
    assert.deepEqual((await redis.smembers("set")).sort(), ["x", "y"]);
    assert.deepEqual((await redis.zrange("sorted", 0, -1)), ["low", "high"]);
    assert.deepEqual(await redis.xrange("stream", "-", "+"), [["1-1", ["field", "value"]]]);
    assert.equal(await redis.get("nothing"), null);
  });

  test("a pipeline answers each command, errors included", async () => {
    const replies = await redis.pipeline().set("k", "x").lpush("k", "y").get("k").exec();

    assert.deepEqual(replies[0], [null, "OK"]);
    assert.match(replies[1][0].message, /^WRONGTYPE/);
    assert.deepEqual(replies[2], [null, "x"]);
  });

  test("a transaction fails where somebody interferes", async () => {
    await redis.watch("balance");
    await connect().set("balance", 5);

    assert.equal(await redis.multi().decr("balance").exec(), null);
    assert.equal(await redis.get("balance"), "5");
  });

  test("a script of its own is loaded once, and again after it was forgotten", async () => {
    redis.defineCommand("double", {
      numberOfKeys: 1,
      lua: 'return redis.call("GET", KEYS[1]) * 2',
    });
    await redis.set("n", 21);

    assert.equal(await redis.double("n"), 42);
    await redis.script("FLUSH");
    assert.equal(await redis.double("n"), 42);
  });

  test("a blocked pop is woken, and times out", async () => {
    const blocked = connect();
    const popped = blocked.brpop("a", "b", 30);
    await until(async () => /blocked_clients:1/.test(await redis.info("clients")));

    await redis.multi().lpush("b", "job").exec();

    assert.deepEqual(await popped, ["b", "job"]);
    assert.equal(await blocked.blpop("a", 0.05), null);
  });

  test("messages reach who subscribed", async () => {
    const subscriber = connect();
    const heard = [];
    subscriber.on("message", (...words) => heard.push(words));
    subscriber.on("pmessage", (...words) => heard.push(words));
    await subscriber.subscribe("news");
    await subscriber.psubscribe("n*");

    assert.equal(await redis.publish("news", "hello"), 2);

    await until(() => heard.length === 2);
    assert.deepEqual(heard, [
      ["news", "hello"],
      ["n*", "news", "hello"],
    ]);
  });

  test("a group reads, claims and acknowledges", async () => {
    const stream = fresh("stream");
    await redis.xgroup("CREATE", stream, "group", "0", "MKSTREAM");
    const id = await redis.xadd(stream, "*", "job", "1");
    await redis.xreadgroup("GROUP", "group", "first", "COUNT", 1, "STREAMS", stream, ">");

    const [, claimed] = await redis.xautoclaim(stream, "group", "second", 0, "0");

    assert.deepEqual(claimed, [[id, ["job", "1"]]]);
    assert.equal(await redis.xack(stream, "group", id), 1);
  });

  test("a scan finds every key once", async () => {
    const keys = Array.from({ length: 100 }, (_, n) => `key:${n}`);
    await redis.mset(Object.fromEntries(keys.map((key) => [key, "x"])));

    const found = [];
    for await (const some of redis.scanStream({ match: "key:*", count: 7 })) {
      found.push(...some);
    }

    assert.deepEqual([...new Set(found)].sort(), keys.sort());
  });

  test("a client that lost its connection goes on", async () => {
    const client = connect({ retryStrategy: () => 10 });
    await client.set("k", "x");
    const id = await client.client("ID");

    assert.equal(await redis.client("KILL", "ID", id), 1);

    assert.equal(await until(() => client.get("k").catch(() => null)), "x");
    assert.notEqual(await client.client("ID"), id);
  });

  test("monitor shows what others do", async () => {
    const monitor = await connect().monitor();
    const seen = new Promise((resolve) => monitor.on("monitor", (_, words) => resolve(words)));

    await redis.set("k", "x");

    assert.deepEqual(await seen, ["set", "k", "x"]);
    monitor.disconnect();
  });
});
