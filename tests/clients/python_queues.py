"""The job queues of the Python world; their programs are in the folder `python`."""

from tests.clients.environments import HERE, require_python
from tests.clients.runners import Fate, Queue

PROGRAMS = str(HERE / "python")
ENVIRONMENT = {"PYTHONPATH": PROGRAMS, "PYTHONDONTWRITEBYTECODE": "1"}
BASICS = frozenset({"retry", "delay", "result", "error"})


def modern():
    """Return the Python that has the libraries which take redis-py 8."""
    return [require_python("modern")]


def arq():
    """Return the Python that has arq, which wants redis-py 5."""
    return [require_python("arq")]


def tiger():
    """Return the Python that has TaskTiger, which wants redis-py 4."""
    return [require_python("tasktiger")]


QUEUES = [
    Queue(
        name="rq",
        require=modern,
        client=["-m", "rq_runner"],
        worker=[
            *("-m", "rq.cli", "worker", "--with-scheduler"),
            *("--url", "unix://{socket}", "default"),
        ],
        fate=Fate.FAILS,
        can=BASICS | {"cancel", "maintain"},
        environment=ENVIRONMENT,
    ),
    Queue(
        name="celery",
        require=modern,
        client=["-m", "celery_runner"],
        worker=["-m", "celery", "-A", "celery_runner", "worker", "--loglevel", "INFO"],
        fate=Fate.RUNS_AGAIN,
        can=BASICS,
        environment=ENVIRONMENT,
    ),
    Queue(
        name="dramatiq",
        require=modern,
        client=["-m", "dramatiq_runner"],
        worker=[
            *("-m", "dramatiq", "dramatiq_runner"),
            *("--processes", "1", "--threads", "1"),
        ],
        fate=Fate.RUNS_AGAIN,
        can=BASICS,
        environment=ENVIRONMENT,
        forgets=True,
    ),
    Queue(
        name="huey",
        require=modern,
        client=["-m", "huey_runner"],
        worker=["-m", "huey.bin.huey_consumer", "huey_runner.app"],
        # Huey takes a task out of its list and keeps it in memory only.
        fate=Fate.LOST,
        can=BASICS | {"cancel"},
        environment=ENVIRONMENT,
    ),
    Queue(
        name="arq",
        require=arq,
        client=["-m", "arq_runner"],
        worker=["-m", "arq", "arq_runner.WorkerSettings"],
        fate=Fate.RUNS_AGAIN,
        can=BASICS | {"cancel"},
        environment=ENVIRONMENT,
        survives=False,
    ),
    Queue(
        name="saq",
        require=modern,
        client=["-m", "saq_runner"],
        worker=["-m", "saq", "saq_runner.settings"],
        fate=Fate.RUNS_AGAIN,
        can=BASICS | {"cancel"},
        environment=ENVIRONMENT,
    ),
    Queue(
        name="taskiq",
        require=modern,
        client=["-m", "taskiq_runner"],
        worker=["-m", "taskiq_runner", "worker"],
        fate=Fate.RUNS_AGAIN,
        can=BASICS | {"stir"},
        environment=ENVIRONMENT,
    ),
    Queue(
        name="streaq",
        require=modern,
        client=["-m", "streaq_runner"],
        worker=["-m", "streaq", "run", "streaq_runner:worker"],
        fate=Fate.RUNS_AGAIN,
        can=BASICS | {"cancel"},
        environment=ENVIRONMENT,
        survives=False,
    ),
    Queue(
        name="docket",
        require=modern,
        client=["-m", "docket_runner"],
        worker=[
            *("-m", "docket", "worker", "--docket", "runner", "--concurrency", "1"),
            *("--url", "unix://{socket}", "--tasks", "docket_runner:TASKS"),
            *("--redelivery-timeout", "5s", "--reconnection-delay", "1s"),
        ],
        fate=Fate.RUNS_AGAIN,
        can=BASICS | {"cancel"},
        environment=ENVIRONMENT,
    ),
    Queue(
        name="tasktiger",
        require=tiger,
        client=["-m", "tasktiger_runner"],
        worker=["-m", "tasktiger_runner", "worker"],
        fate=Fate.RUNS_AGAIN,
        # It keeps no results, and takes back only what is not queued yet.
        can=frozenset({"retry", "delay", "error"}),
        environment=ENVIRONMENT,
        survives=False,
    ),
]
