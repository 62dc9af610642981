"""The program `joblog`: passwords leave the process's title before all else.

`joblog.actors.service.cli` takes a third of a second to import, in which `ps` would
show them.
"""

from __future__ import annotations

import sys

from joblog.actors.service.process_title import hide_passwords


def main() -> None:
    """Run `joblog` with the process's arguments; it ends with the server."""
    hide_passwords()
    from joblog.actors.service.cli import run  # noqa: PLC0415 - see above

    sys.exit(run(sys.argv[1:]))
