// The kinds of job that every queue runs; each run leaves its job's name in a diary,
// a file, so that a test can tell runs even where the queue's own word is not enough.

const { appendFile, readFile, access } = require("node:fs/promises");
const { setTimeout: sleep } = require("node:timers/promises");

const POLL_MS = 20;

/** Run one job and return its result. */
async function run({ kind, name, diary, ...order }) {
  await appendFile(diary, `${name}\n`);
  switch (kind) {
    case "add":
      return order.left + order.right;
    case "fail":
      throw new Error("this job always fails");
    case "flaky":
      if ((await runs(diary, name)) <= order.failures) throw new Error("not yet");
      return "at last";
    case "hold":
      while (!(await exists(order.gate))) await sleep(POLL_MS);
      return "released";
    default:
      throw new Error(`unknown kind of job: ${kind}`);
  }
}

async function runs(diary, name) {
  const lines = (await readFile(diary, "utf8")).split("\n");
  return lines.filter((line) => line === name).length;
}

const exists = (path) => access(path).then(() => true, () => false);

module.exports = { run };
