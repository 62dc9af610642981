"""What a server says of its log, and waiting until it says something else."""

import time

SECONDS = 60.0


def info(connection):
    lines = connection.ask("INFO", "persistence").decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def wait_for(condition, server):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.05)
