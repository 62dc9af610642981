"""The job queues of the Python world; their programs are in the folder `python`."""

from tests.clients.environments import HERE, require_python
from tests.clients.runners import Fate, Queue

PROGRAMS = str(HERE / "python")
ENVIRONMENT = {"PYTHONPATH": PROGRAMS, "PYTHONDONTWRITEBYTECODE": "1"}
BASICS = frozenset({"retry", "delay", "result", "error"})


def modern():
    """Return the Python that has the libraries which take redis-py 8."""
    return [require_python("modern")]


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
]
