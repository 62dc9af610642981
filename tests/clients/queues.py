"""All job queues that are tested: one list for each language."""

from tests.clients import python_queues

QUEUES = [*python_queues.QUEUES]
