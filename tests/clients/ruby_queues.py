"""Sidekiq, as Debian packages it; its programs are in the folder `ruby`."""

from tests.clients.environments import HERE
from tests.clients.runners import Fate, Queue
from tests.support.servers import require_program

PROGRAMS = HERE / "ruby"


def require_ruby() -> list[str]:
    """Return the command `ruby`; CI installs Sidekiq, elsewhere it may be missing."""
    require_program("sidekiq")
    return [require_program("ruby")]


QUEUES = [
    Queue(
        name="sidekiq",
        require=require_ruby,
        client=[str(PROGRAMS / "client.rb")],
        worker=[
            *("-S", "sidekiq", "--require", str(PROGRAMS / "jobs.rb")),
            *("--concurrency", "1", "--timeout", "1"),
        ],
        # Its basic fetch keeps nothing of a job that was popped.
        fate=Fate.LOST,
    ),
]
