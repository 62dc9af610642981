"""Python's garbage collector, which looks for circles: how seldom it may look.

Values of the keyspace form no circles, and whatever else is large has its circles
broken by hand when it goes. So what is older than a few thousand objects is never
looked at: going through millions of values stops the server for seconds.

Measured while 6,000,000 hashes are made, the longest look and all looks together:

    Python's own thresholds: 700 young objects          830 ms    4,950 ms
    100,000 young objects, 50 times as many middling    375 ms    1,100 ms
    10,000 young objects, what is left is frozen        0.5 ms      220 ms
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_YOUNG: Final = 10_000
_OLDEST: Final = 2
_SELDOM: Final = 50_000, 20, 100


def calm() -> None:
    """Let the collector look at young objects only, from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 1000, 1000)
    if _freeze_survivors not in gc.callbacks:
        gc.callbacks.append(_freeze_survivors)


def collect_all() -> None:
    """Look for circles among all objects; a million take 0.15 to 0.4 s."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@contextmanager
def paused() -> Iterator[None]:
    """Let the collector look at nothing that is made meanwhile, then or later.

    It is for folds, which make millions of values and no circles: looking at those cost
    half of the time in which records are decoded.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def seldom() -> Iterator[None]:
    """Let the collector look seldom meanwhile, at old objects hardly ever.

    It is for programs that hold many objects for a few minutes: `replay index` spent a
    third of its time on looking at them.
    """
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _freeze_survivors(phase: str, about: dict[str, Any]) -> None:
    """Have what the collector has just looked at never looked at again."""
    if phase == "stop" and about["generation"] < _OLDEST:
        gc.freeze()
