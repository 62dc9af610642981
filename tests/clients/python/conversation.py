"""How a client program answers the test; see tests/clients/runners.py."""

import asyncio
import inspect
import json
import os
import sys
import traceback


def answer(**verbs):
    """Answer requests from standard input until it ends.

    Args:
        verbs: functions by what the test asks them to `do`; coroutine functions all run
            in one event loop.
    """
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _say(answers, {"ready": True})
    with asyncio.Runner() as loop:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                value = verbs[request.pop("do")](**request)
                if inspect.iscoroutine(value):
                    value = loop.run(value)
            except Exception as error:  # noqa: BLE001 - the test is told
                traceback.print_exc()
                _say(answers, {"error": f"{type(error).__name__}: {error}"})
            else:
                _say(answers, {"value": value})


def _say(answers, said):
    answers.write(json.dumps(said) + "\n")
    answers.flush()
