"""What this machine attains: sane figures, kept and found again. No speed is judged here."""

import json
import math
import multiprocessing
import signal
from dataclasses import replace

import msgspec
import pytest

from posemark.core.errors import DataError, RunError
from posemark.machine import kernels as work
from posemark.machine import peak
from posemark.machine.rates import Rate
from posemark.measure.contention import MOST_TAKEN


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """An empty cache, and work that is over at once."""
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path))
    monkeypatch.setattr(work, "SIDES", (32,))
    monkeypatch.setattr(work, "MAPS_HW", ((4, 4),))


@pytest.fixture
def measured():
    """Really measured, on a machine that may be busy."""
    told = []
    made = peak.measure_here(1, 0.0, told.append, 2**16)
    assert told[-1] == 1
    return made


@pytest.fixture
def found():
    return made()


def made(spread=0.01, bandwidth_spread=0.01, **taken):
    """A ceiling of one precision."""
    rates = {"fp32": Rate(170e9, spread, "product, 8x8")}
    stream = Rate(46e9, bandwidth_spread, "a += s b, 4 MB each")
    return peak.MachinePeak(rates, stream, 1, peak.facts(1), "2026-01-01", taken)


def test_every_rate_is_a_number_above_zero(measured):
    found = measured
    assert {"fp32", "bf16"} <= found.rates.keys() <= set(work.PRECISIONS)
    for rate in (*found.rates.values(), found.bandwidth):
        assert math.isfinite(rate.per_second)
        assert rate.per_second > 0
        assert rate.spread >= 0
        assert rate.how
    assert found.threads == 1
    assert found.taken.keys() <= set(MOST_TAKEN)
    assert all(share >= 0 for share in found.taken.values())


def test_the_record_gets_plain_numbers(found):
    assert found.figures().keys() == {*found.rates, "bandwidth", "threads"}
    assert found.figures()["fp32"] == found.rates["fp32"].per_second


def test_what_is_kept_comes_back_for_the_same_number_of_threads(found):
    assert peak.load(1) is None
    peak.save(found)
    assert peak.load(1) == found
    assert peak.load(2) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"spread": 0.09, "other_cpu_ns": 0.04, "stolen_ns": 0.01}, ""),
        ({"spread": 0.34}, "the rates of fp32 spread by 34%, limit 10%"),
        ({"bandwidth_spread": 0.12}, "the rates of bandwidth spread by 12%, limit 10%"),
        ({"other_cpu_ns": 0.3}, "other processes took 30% of the machine, limit 5%"),
        ({"stolen_ns": 0.03}, "the hypervisor took 3% of the machine, limit 2%"),
    ],
)
def test_a_busy_machine_is_noticed_and_nothing_of_it_is_kept(changes, said):
    found = made(**changes)
    assert found.disturbed == said
    if said:
        with pytest.raises(ValueError, match=said[:20]):
            peak.save(found)
    else:
        peak.save(found)
    assert peak.path_of(1).is_file() is not bool(said)


@pytest.mark.parametrize(
    ("spreads", "used"), [([0.01, 0.5], 1), ([0.3, 0.2, 0.01], 3), ([0.3, 0.2, 0.34, 0.01], 3)]
)
def test_measuring_is_tried_again_so_many_times_while_the_machine_is_busy(
    spreads, used, monkeypatch
):
    each = iter(spreads)
    monkeypatch.setattr(peak, "measure", lambda *_: made(next(each)))
    attempts = []
    found = peak.measure_undisturbed(1, 0.0, attempted=lambda *pair: attempts.append(pair))
    assert [number for number, _ in attempts] == list(range(1, used + 1))
    assert [each.rates["fp32"].spread for _, each in attempts] == spreads[:used]
    assert found is attempts[-1][1]


def test_a_file_of_before_others_were_looked_at_is_read(found):
    peak.save(found)
    fields = json.loads(peak.path_of(1).read_text())
    del fields["taken"]
    peak.path_of(1).write_text(json.dumps(fields))
    assert peak.load(1) == found


@pytest.mark.parametrize("text", ["", "{}", '{"rates": 1}'])
def test_a_damaged_file_is_an_error_that_names_it(found, text):
    peak.save(found)
    peak.path_of(1).write_text(text)
    with pytest.raises(DataError, match="ceiling-"):
        peak.load(1)


@pytest.mark.parametrize("change", [{"taken": {"unknown_ns": 1.0}}, {"bandwidth": 0.0}])
def test_readings_and_rates_that_no_measurement_gives_are_an_error(found, change):
    peak.save(found)
    fields = json.loads(peak.path_of(1).read_text())
    fields["bandwidth"]["per_second"] = change.pop("bandwidth", 1.0)
    peak.path_of(1).write_text(json.dumps(fields | change))
    with pytest.raises(DataError, match="ceiling-"):
        peak.load(1)


def test_another_torch_or_processor_has_a_file_of_its_own(monkeypatch):
    before, here = peak.path_of(1), peak.environment()
    monkeypatch.setattr(peak, "environment", lambda _: here | {"cpu": "another"})
    assert peak.path_of(1) != before


def test_another_way_of_waiting_or_name_of_the_machine_has_a_file_of_its_own(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.delenv("POSEMARK_MACHINE", raising=False)
    passive, named = peak.path_of(1), peak.path_of(1, "15 W")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert len({passive, named, peak.path_of(1)}) == 3
    monkeypatch.setenv("POSEMARK_MACHINE", "15 W")
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    assert peak.path_of(1) == named


def test_each_power_mode_of_a_board_has_a_file_of_its_own(monkeypatch):
    before, here = peak.path_of(1), peak.environment()
    paths = {before}
    for mode in ("MAXN", "5W", "MAXN, clocks fixed"):
        found = here | {"power_mode": mode}
        monkeypatch.setattr(peak, "environment", lambda _, found=found: found)
        paths.add(peak.path_of(1))
    assert len(paths) == 4


def test_what_was_measured_under_a_name_is_kept_under_it():
    named = peak.measure_here(1, 0.0, lambda _: None, 2**16, "15 W")
    rates = {name: replace(rate, spread=0.0) for name, rate in named.rates.items()}
    bandwidth = replace(named.bandwidth, spread=0.0)
    found = msgspec.structs.replace(named, rates=rates, bandwidth=bandwidth, taken={})
    peak.save(found)
    assert peak.load(1, "15 W") == found
    assert peak.load(1) is None


def test_a_process_that_cannot_be_started_is_explained(monkeypatch):
    class Context:
        Pipe = staticmethod(multiprocessing.Pipe)

        class Process:
            def __init__(self, **_):
                pass

            def start(self):
                raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(peak, "process_context", Context)
    with pytest.raises(RunError, match=r"no process could be started .*temporarily unavailable"):
        peak.measure(1, 0.0)


def test_a_measuring_process_whose_parent_was_killed_ends_without_a_word(capfd):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    ours.close()
    before = signal.getsignal(signal.SIGINT)
    try:
        peak._work(theirs, 1, 0.0, None)
    finally:
        signal.signal(signal.SIGINT, before)
    assert capfd.readouterr() == ("", "")


def test_a_product_of_each_kind_counts_its_multiplications():
    amounts = {each.what: each.amount for each in work.sums("fp32")}
    assert amounts == {"product, 32x32": 32**3, "3x3 convolution, 256x4x4": 9 * 256**2 * 16}


def test_arrays_are_never_larger_than_memory_allows(monkeypatch):
    monkeypatch.setattr(peak, "free_memory", lambda: 8 * 2**20)
    assert peak.array_bytes() == 2**20


def test_what_the_measuring_process_runs_into_is_told():
    with pytest.raises(RunError, match=r"RuntimeError.*positive.*posemark machine"):
        peak.measure(0, 0.0)  # no such number of threads
