import gc
import weakref

import pytest

from joblog.app import collector


class Node:
    """A thing that may stand in a circle."""


@pytest.fixture(autouse=True)
def _collector_as_it_was():
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    yield
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def circle():
    node = Node()
    node.itself = node
    return weakref.ref(node)


def test_what_a_look_has_left_is_never_looked_at_again():
    collector.calm()
    frozen = gc.get_freeze_count()
    kept = [Node() for _ in range(25_000)]

    assert gc.get_freeze_count() - frozen >= 15_000
    assert gc.get_count()[1] <= 2
    assert len(kept) == 25_000


def test_circle_of_young_objects_is_found():
    collector.calm()
    node = circle()

    kept = [[] for _ in range(11_000)]

    assert node() is None
    assert kept


def test_looking_at_all_finds_a_circle_that_was_frozen():
    collector.calm()
    old = Node()
    old.itself = old
    node = weakref.ref(old)
    gc.freeze()
    del old
    gc.collect(1)
    assert node() is not None

    collector.collect_all()

    assert node() is None


def test_calming_twice_is_as_once():
    collector.calm()
    collector.calm()

    assert len(gc.callbacks) == len(set(gc.callbacks))


def test_what_is_made_in_a_pause_is_never_looked_at():
    collector.calm()
    frozen = gc.get_freeze_count()

    with collector.paused():
        kept = [Node() for _ in range(25_000)]
        with collector.paused():
            assert not gc.isenabled()
        assert not gc.isenabled()

    assert gc.isenabled()
    assert gc.get_freeze_count() - frozen >= 25_000
    assert len(kept) == 25_000


def test_a_pause_ends_with_an_error_too():
    with pytest.raises(ValueError, match="why"), collector.paused():
        raise ValueError("why")

    assert gc.isenabled()


def test_it_looks_seldom_meanwhile_and_as_before_afterwards():
    before = gc.get_threshold()
    with collector.seldom():
        assert gc.get_threshold()[0] > before[0]
        assert gc.isenabled()
    assert gc.get_threshold() == before
