"""What the first screen shows, and what `replay top` says it has to."""

import json

from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.views.problems import SEVEREST
from tests.replay.web.browsing import rows


def top(folder, at):
    words = ["top", str(folder), "--until", at, "--json"]
    return json.loads(CliRunner().invoke(main, words).stdout)


def wanted(overview):
    """Return what the first screen has to show: by queue, in the order of columns."""
    found = {}
    for queue in overview["queues"]:
        counts = queue["counts"]
        later = counts.get("scheduled", 0) + counts.get("blocked", 0)
        numbers = [counts.get("waiting", 0), counts.get("running", 0), later]
        wrong = [f"{counts[word]:,} {word}" for word in SEVEREST if counts.get(word)]
        workers = queue["workers"]
        found[queue["queue"] or "-"] = [
            *map(str, (*numbers, counts.get("failed", 0), workers)),
            ", ".join(wrong),
        ]
    return found


def shown(opened):
    return {
        row[0]: [*row[1:5], row[10], row[11]] for row in rows(opened) if len(row) > 11
    }
