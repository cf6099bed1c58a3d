"""What this machine attains: sane figures, kept and found again. No speed is judged here."""

import math

import pytest

from posemark.core.errors import DataError, RunError
from posemark.jobs import ceiling
from posemark.runtimes import ceiling as work


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """An empty cache, and work that is over at once."""
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path))
    monkeypatch.setattr(work, "SIDES", (32,))
    monkeypatch.setattr(work, "MAPS_HW", ((4, 4),))


@pytest.fixture
def found():
    told = []
    made = ceiling.measure_here(1, 0.0, told.append, 2**16)
    assert told[-1] == 1
    return made


def test_every_rate_is_a_number_above_zero(found):
    assert {"fp32", "bf16"} <= found.rates.keys() <= set(work.PRECISIONS)
    for rate in (*found.rates.values(), found.bandwidth):
        assert math.isfinite(rate.per_second)
        assert rate.per_second > 0
        assert rate.spread >= 0
        assert rate.how
    assert found.threads == 1


def test_the_record_gets_plain_numbers(found):
    assert found.figures().keys() == {*found.rates, "bandwidth", "threads"}
    assert found.figures()["fp32"] == found.rates["fp32"].per_second


def test_what_is_kept_comes_back_for_the_same_number_of_threads(found):
    assert ceiling.load(1) is None
    ceiling.save(found)
    assert ceiling.load(1) == found
    assert ceiling.load(2) is None


@pytest.mark.parametrize("text", ["", "{}", '{"rates": 1}'])
def test_a_damaged_file_is_an_error_that_names_it(found, text):
    ceiling.save(found)
    ceiling.path_of(1).write_text(text)
    with pytest.raises(DataError, match="ceiling-"):
        ceiling.load(1)


def test_another_torch_or_processor_has_a_file_of_its_own(monkeypatch):
    before, here = ceiling.path_of(1), ceiling.environment()
    monkeypatch.setattr(ceiling, "environment", lambda: here | {"cpu": "another"})
    assert ceiling.path_of(1) != before


def test_a_product_of_each_kind_counts_its_multiplications():
    amounts = {each.what: each.amount for each in work.sums("fp32")}
    assert amounts == {"product, 32x32": 32**3, "3x3 convolution, 256x4x4": 9 * 256**2 * 16}


def test_arrays_are_never_larger_than_memory_allows(monkeypatch):
    monkeypatch.setattr(ceiling, "free_memory", lambda: 8 * 2**20)
    assert ceiling.array_bytes() == 2**20


def test_what_the_measuring_process_runs_into_is_told():
    with pytest.raises(RunError, match=r"RuntimeError.*positive.*posemark machine"):
        ceiling.measure(0, 0.0)  # no such number of threads
