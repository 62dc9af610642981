// The jobs that every queue runs; see tests/clients/runners.py.

const { appendFileSync, existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");

const FOLDER = process.env.RUNNER_FOLDER;
const SOCKET = process.env.RUNNER_SOCKET;
const JOURNAL = join(FOLDER, "journal");
const RELEASE = join(FOLDER, "release");
const POLL_MS = 20;

/** Append one line to the journal, with one write. */
function tell(word, token) {
  appendFileSync(JOURNAL, `${word} ${token} ${(Date.now() / 1000).toFixed(6)}\n`);
}

const JOBS = {
  add(token, left, right) {
    tell("ran", token);
    return left + right;
  },
  fail(token) {
    tell("ran", token);
    throw new Error("this job always fails");
  },
  flaky(token, failures) {
    tell("ran", token);
    const times = readFileSync(JOURNAL, "utf8").split(`ran ${token} `).length - 1;
    if (times <= failures) throw new Error(`failure ${times} of ${failures}`);
    return times;
  },
  async hold(token) {
    tell("held", token);
    while (!existsSync(RELEASE)) await sleep(POLL_MS);
    tell("ran", token);
    return token;
  },
};

/** Run a job and return its result. */
const run = async ({ job, arguments: words }) => JOBS[job](...words);

module.exports = { SOCKET, run };
