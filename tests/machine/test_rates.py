"""The choice and timing of fixed work, by a clock that the work itself moves."""

import pytest

from posemark.machine import rates as module
from posemark.machine.fixed_work import Work
from posemark.machine.rates import FEWEST_ROUNDS, LONGEST_NS, fastest, rates


@pytest.fixture
def work(monkeypatch):
    """Makes work that takes so many nanoseconds of a clock that nothing else moves."""
    now = [0]
    monkeypatch.setattr(module, "now_ns", lambda: now[0])

    def made(amount, *taken_ns):
        calls = iter(taken_ns)
        last = taken_ns[-1]

        def do():
            now[0] += next(calls, last)

        return Work(f"{amount}", amount, do)

    return made


def test_the_fastest_is_that_of_the_highest_rate(work):
    works = [work(100, 1000), work(900, 5000), work(1000, 6000)]
    assert fastest(works) is works[1]


def test_the_first_call_is_no_trial_and_one_slow_call_does_not_decide(work):
    works = [work(100, 1000), work(100, 10**9, 10**6, 500, 600, 10**6)]
    assert fastest(works) is works[1]


def test_after_slow_work_nothing_larger_is_made(work):
    def works():
        yield work(1, LONGEST_NS + 1)
        raise AssertionError("made although the one before took long")

    assert fastest(works()).amount == 1


def test_no_work_at_all_has_no_fastest():
    assert fastest([]) is None


def test_a_rate_is_the_median_of_samples_taken_in_turn(work):
    told = []
    found = rates({"a": work(1000, 2000), "b": work(50, 10**8)}, 2.0, told.append)
    assert found["a"].per_second == pytest.approx(1000 / 2e-6)
    assert found["b"].per_second == pytest.approx(50 / 0.1)
    assert found["a"].spread == pytest.approx(0)
    assert found["a"].how == "1000"
    assert told == sorted(told)
    assert told[-1] == 1


def test_there_are_some_samples_however_little_time_there_is(work):
    told = []
    rates({"a": work(1000, 10**9)}, 0.0, told.append)
    assert len(told) == FEWEST_ROUNDS


def test_the_spread_is_between_the_quartiles(work):
    # A first call and a trial, then by turns one call that is not timed and one that is.
    slow = [n * 10**8 for n in (1, 1, 1, 1, 1, 9, 1, 9, 1, 9, 1, 9, 2, 9, 2)]
    found = rates({"a": work(10**8, *slow)}, 0.0, lambda _: None)["a"]
    assert 0 < found.spread < 1
