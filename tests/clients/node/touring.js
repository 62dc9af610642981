// What the tours of the libraries in this folder share; see tests/clients/tours.py.

const { appendFileSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");

const JOURNAL = join(process.env.RUNNER_FOLDER, "journal");
const PATIENCE_MS = 60_000;

const noteRun = (token) => appendFileSync(JOURNAL, `ran ${token}\n`);

const timesRun = (token) =>
  readFileSync(JOURNAL, "utf8").split(`ran ${token}\n`).length - 1;

/** Poll until something is so. */
async function until(isSo, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await sleep(20);
  }
}

module.exports = { noteRun, timesRun, until };
