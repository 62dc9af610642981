"""The `joblog` command: settings from a file and the command line, then the server."""

from __future__ import annotations

import sys
from typing import NoReturn

from joblog.actors.service.checking import check_configuration, read_configuration, tell
from joblog.actors.service.running import Service
from joblog.actors.service.working_folder import enter_data_folder
from joblog.app.version import VERSION

USAGE = """\
Usage: joblog [FILE.conf | -] [--OPTION VALUE ...]

Starts a Redis-compatible server whose database is its command log. Options are
redis.conf's directives; `-` reads such a file from the standard input.

Examples:
  joblog                          port 6379, data in ./joblog-data, fsync each second
  joblog --port 7777 --dir /data --appendfsync always
  joblog /etc/redis/redis.conf --loglevel verbose

  joblog --check-config FILE.conf says whether it would start, and what is wrong
  joblog -v | --version           prints the version
  joblog -h | --help              prints this

`replay` is the tool over the data folder: see `replay --help`.
"""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the server until it is told to stop; exit 0, or 1 where it cannot go on."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the server with command-line arguments and return the exit code."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    if arguments in (["-v"], ["--version"]):
        sys.stdout.write(f"joblog {VERSION}\n")
        return 0
    if arguments[:1] == ["--check-config"]:
        return check_configuration(
            arguments[1:], sys.stdin.read, sys.stdout, sys.stderr
        )
    config, problems = read_configuration(arguments, sys.stdin.read)
    if problems:
        tell(problems, sys.stderr)
        return problems[0].exit_code
    if config.keeps_log:
        enter_data_folder(config, may_make=True)
    return Service(config).run()
