// A queue as a program: orders come as lines of JSON, and each is answered by one.
//
//   {"do": "enqueue", "kind": "add", ...}   ->   {"value": "17"}  or  {"error": "..."}
//
// The same program enqueues, works, or does both; who drives it decides. What an
// order means is the same for every queue: see tests/clients/programs.py.

const { createInterface } = require("node:readline");

/** Answer orders with the verbs of one queue until the standard input ends. */
function serve(verbs) {
  const answer = (reply) => process.stdout.write(JSON.stringify(reply) + "\n");
  createInterface({ input: process.stdin })
    .on("line", async (line) => {
      const { do: verb, ...order } = JSON.parse(line);
      try {
        answer({ value: (await verbs[verb](order)) ?? null });
      } catch (error) {
        answer({ error: String(error.stack ?? error) });
      }
    })
    .on("close", () => process.exit(0));
}

module.exports = { serve };
