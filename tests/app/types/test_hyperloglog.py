import random

import pytest

from joblog.app.types.hyperloglog import (
    REGISTERS,
    CorruptRegistersError,
    HyperLogLog,
    cached_estimate,
    is_hyperloglog,
    unite_registers,
    with_estimate,
)


def test_sparse_and_dense_hold_the_same_registers():
    chance = random.Random(3)
    sparse, dense = HyperLogLog(sparse_bytes_max=1 << 20), HyperLogLog()
    dense.make_dense()
    model = bytearray(REGISTERS)
    for _ in range(2000):
        register, value = chance.randrange(REGISTERS), chance.choice([1, 1, 2, 3, 32])
        changed = value > model[register]
        model[register] = max(model[register], value)
        assert sparse.raise_to(register, value) == changed
        assert dense.raise_to(register, value) == changed

    assert not sparse.is_dense
    assert sparse.registers() == dense.registers() == bytes(model)
    assert sparse.estimate() == dense.estimate()
    assert HyperLogLog(sparse.encode()).registers() == bytes(model)
    assert HyperLogLog(dense.encode()).registers() == bytes(model)


def test_every_dense_register_takes_every_value():
    dense = HyperLogLog()
    dense.make_dense()

    for register in (0, 1, 2, 3, 4, REGISTERS - 2, REGISTERS - 1):
        for value in (1, 33, 63):
            assert dense.raise_to(register, value)
            assert not dense.raise_to(register, value)
    counted = [each for each in dense.registers() if each]
    assert counted == [63] * 7


@pytest.mark.parametrize("register", [0, 5, 200, REGISTERS - 1])
def test_a_value_too_high_for_a_run_makes_it_dense(register):
    counter = HyperLogLog()
    counter.raise_to(register, 32)
    assert not counter.is_dense

    counter.raise_to(register, 33)

    assert counter.is_dense
    assert counter.registers()[register] == 33


@pytest.mark.parametrize("size", [10, 1000, 100_000])
def test_estimates_are_near(size):
    counter = HyperLogLog()
    for number in range(size):
        counter.add(b"%d" % number)

    assert abs(counter.estimate() - size) <= size * 0.03


def test_the_estimate_is_kept_until_it_is_out_of_date():
    value = HyperLogLog().encode()
    assert cached_estimate(value) is None

    kept = with_estimate(value, 7)

    assert cached_estimate(kept) == 7
    assert HyperLogLog(kept).encode(is_stale=False) == kept
    assert cached_estimate(HyperLogLog(kept).encode()) is None


@pytest.mark.parametrize("body", [b"", b"\x7f", b"\x7f\xfe", b"\x7f\xff\x00", b"\x00"])
def test_runs_that_are_not_all_registers_are_refused(body):
    value = HyperLogLog().encode()[:16] + body

    assert is_hyperloglog(value)
    with pytest.raises(CorruptRegistersError):
        HyperLogLog(value)


def test_registers_are_united_by_the_highest():
    first, second = bytes([1, 5]) + bytes(REGISTERS - 2), bytes([3]) * REGISTERS

    assert unite_registers([first, second])[:3] == bytes([3, 5, 3])
    assert unite_registers([]) == bytes(REGISTERS)
