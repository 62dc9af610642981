// How a queue's client talks to a test; see tests/clients/runners.py.

const { createInterface } = require("node:readline");

const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");

/** Answer requests with the verbs of one queue until the standard input ends. */
function converse(verbs) {
  say({ ready: true });
  createInterface({ input: process.stdin })
    .on("line", async (line) => {
      const { do: verb, ...words } = JSON.parse(line);
      try {
        say({ value: (await verbs[verb](words)) ?? null });
      } catch (error) {
        say({ error: String(error.stack ?? error) });
      }
    })
    .on("close", () => process.exit(0));
}

module.exports = { converse };
