"""The verbs of `replay`, one module each."""

from __future__ import annotations

from replay.verbs.changes import changes
from replay.verbs.completion import completion
from replay.verbs.diff import diff
from replay.verbs.get import get
from replay.verbs.history import history
from replay.verbs.info import info
from replay.verbs.keys import keys
from replay.verbs.log import log
from replay.verbs.revert import revert
from replay.verbs.serve import serve
from replay.verbs.show import show
from replay.verbs.state import state
from replay.verbs.verify import verify
from replay.verbs.whatif import test, whatif
from replay.verbs.why import why

VERBS = (
    info,
    log,
    show,
    state,
    keys,
    get,
    history,
    why,
    diff,
    changes,
    serve,
    whatif,
    test,
    revert,
    verify,
    completion,
)
"""All verbs, in the order in which people meet them."""
