"""Every event that a handler names has a class."""

import re
from pathlib import Path

import joblog.app.commands
from joblog.app.engine.notifications import CLASS_OF

_COMMANDS = Path(joblog.app.commands.__file__).parent
_TOUCHED = re.compile(rb'touch\([^)]*?b"([a-z-]+)"(?: if [^)]*? else b"([a-z-]+)")?')
_EVENT_ARGUMENT = re.compile(rb'_store\([^)]*?b"([a-z]+)"\s*\)', re.DOTALL)


def test_each_event_has_a_class():
    named = set()
    for path in _COMMANDS.rglob("*.py"):
        source = path.read_bytes()
        for pattern in (_TOUCHED, _EVENT_ARGUMENT):
            for match in pattern.finditer(source):
                named.update(event for event in match.groups() if event)

    assert len(named) > 40
    assert named - CLASS_OF.keys() == set()
