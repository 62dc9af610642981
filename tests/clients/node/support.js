// What the tests of this folder share; RUNNER_SOCKET says which server they are run on.

const { setTimeout: sleep } = require("node:timers/promises");

const SOCKET = process.env.RUNNER_SOCKET;
const POLL_MS = 10;
const PATIENCE_MS = 60_000;

let names = 0;

/** A name that no test has used. */
const fresh = (prefix) => `${prefix}-${process.pid}-${++names}`;

/** Return the first true value that a function gives; it is asked again and again. */
async function until(isSo) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(POLL_MS)) {
    const found = await isSo();
    if (found) return found;
  }
  throw new Error(`waited in vain until ${isSo}`);
}

module.exports = { SOCKET, fresh, until };
