"""What a server says of its log, and waiting until it says something else."""

SECONDS = 60.0


def info(connection):
    lines = connection.ask("INFO", "persistence").decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)
