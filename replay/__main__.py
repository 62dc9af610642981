"""Run the tool: `python -m joblog.replay`."""

from __future__ import annotations

from joblog.replay.cli import main

if __name__ == "__main__":
    main(prog_name="replay")
