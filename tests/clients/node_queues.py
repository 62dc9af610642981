"""The job queues of the Node world; their programs are in the folder `node`."""

from tests.clients.environments import ENVIRONMENTS, HERE, require_environment
from tests.clients.runners import Fate, Queue
from tests.support.servers import require_program

PROGRAMS = HERE / "node"
PINS = (PROGRAMS / "package.json", PROGRAMS / "package-lock.json")
# The packages do not lie beside the programs, so node is told where.
ENVIRONMENT = {"NODE_PATH": str(ENVIRONMENTS / "node" / "node_modules")}


def require_node() -> list[str]:
    """Return the command `node`; what `package-lock.json` pins is installed."""
    node, npm = require_program("node"), require_program("npm")

    def steps(folder):
        # No package needs its install script: those only build what is optional.
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
        return [
            ["mkdir", "-p", str(folder)],
            ["cp", *map(str, PINS), str(folder)],
            [npm, "ci", "--prefix", str(folder), *quiet],
        ]

    require_environment("node", PINS, steps)
    return [node]


def queue(name: str, program: str, *options: str, **traits: bool) -> Queue:
    """Return a queue whose jobs run again when their worker was killed."""
    path = str(PROGRAMS / program)
    return Queue(
        name=name,
        require=require_node,
        client=[path, "client", *options],
        worker=[path, "worker", *options],
        fate=Fate.RUNS_AGAIN,
        environment=ENVIRONMENT,
        **traits,
    )


QUEUES = [
    queue("bullmq", "bullmq.js"),
    queue("bullmq-node-redis", "bullmq.js", "node-redis"),
    queue("bull", "bull.js"),
    queue("bee-queue", "bee.js", survives=False),
]
