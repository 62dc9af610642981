"""All job queues that are tested: one list for each language."""

from tests.clients import go_queues, node_queues, python_queues, ruby_queues

QUEUES = [
    *python_queues.QUEUES,
    *node_queues.QUEUES,
    *go_queues.QUEUES,
    *ruby_queues.QUEUES,
]
