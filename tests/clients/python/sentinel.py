"""Which Sentinel says where the master is; also the settings for `rq worker -c`."""

import os

MASTER = "jobs"
PATIENCE_SECONDS = 3
"""More than Celery's worker and less than RQ's waits for a task at a time."""

PLACE = os.environ.get("RUNNER_SENTINEL", "")
"""Its host and port; nothing where the server is at RUNNER_SOCKET."""

SENTINEL = {
    "INSTANCES": [tuple(PLACE.split(":"))],
    "MASTER_NAME": MASTER,
    "SOCKET_TIMEOUT": PATIENCE_SECONDS,
}
