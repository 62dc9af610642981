"""The jobs that the queues of this folder run; a worker imports this module."""


def add(left, right):
    """Return a sum."""
    return left + right


def fail():
    """End in an error."""
    raise ValueError("this job always fails")
