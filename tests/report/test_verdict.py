"""Verdicts on made-up runs: a quiet machine is never accused, a disturbed one never passes."""

from pathlib import Path

import numpy as np
import pytest

import made_records
from posemark.measure import PROTOCOL
from posemark.measure.speed_interval import FEWEST_BLOCKS, pose_interval
from posemark.measure.wall_time import timed_blocks
from posemark.records.files import Block, Record
from posemark.records.schema import BlockLine, FrameLine, Resumed
from posemark.report import verdict
from posemark.report.formats import VERDICTS

WALL_NS = 500_000_000
MACHINE_NS = 2 * WALL_NS  # two cores
QUIET = {
    "own_cpu_ns": 980_000_000,
    "other_cpu_ns": MACHINE_NS // 100,
    "stolen_ns": MACHINE_NS // 1000,
    "held_ns": 0,
    "major_faults": 0,
    "preempted": 30,
    "mhz": 3000.0,
    "celsius": 61.4,
    "throttles": 0,
}


def run(blocks=30, noise=0.01, seed=0, slow=None, sentinel=None, resumed=(), **readings):
    """Return a record of 3 frames per block, with 0 to 5 people each, and its verdict.

    Args:
        slow: maps the elapsed share of the run to a factor on the time of frames.
        sentinel: the same for the time of the sentinel.
        readings: values for every block, or functions of the elapsed share.
    """
    chance = np.random.default_rng(seed)
    made = []
    for at in range(blocks):
        share = at / blocks
        factor = (slow(share) if slow else 1) * (1 + chance.normal(0, noise))
        frames = [frame(int(people), factor) for people in chance.integers(0, 6, 3)]
        values = {k: v(share) if callable(v) else v for k, v in (QUIET | readings).items()}
        fixed = round(9e6 * (sentinel(share) if sentinel else 1) * (1 + chance.normal(0, 0.01)))
        made.append(Block(frames, BlockLine(3, at * 10**9, WALL_NS, fixed, **values)))
    return record(made, resumed=list(resumed))


def frame(people, factor):
    stages = {"preprocess": 0, "infer": round((20e6 + 60e6 * people) * factor), "postprocess": 0}
    return FrameLine(people, people, 0, stages)


def record(blocks, resumed=(), **changes):
    head = made_records.header(**changes)
    return Record(Path("run.jsonl"), head, blocks, [], list(resumed), True, 0)


def judged(made):
    return verdict.judge(made, pose_interval(timed_blocks(made)))


def kind(*arguments, **changes):
    return judged(run(*arguments, **changes)).kind


def half(before, after):
    """Return a function: `before` in the first half of a run, `after` in the second."""
    return lambda share: after if share >= 0.5 else before


# --- a machine that is fine ---------------------------------------------------------------------


@pytest.mark.parametrize(("blocks", "noise"), [(5, 0.005), (9, 0.01), (12, 0.02), (120, 0.03)])
def test_a_quiet_machine_is_not_accused(blocks, noise):
    kinds = [kind(blocks, noise, seed) for seed in range(60)]
    assert kinds == ["valid"] * 60


def test_a_machine_with_noise_and_stumbles_is_noisy_at_worst():
    """Every twentieth block takes twice as long, which is not a drift."""
    kinds = []
    for seed in range(60):
        chance = np.random.default_rng(1000 + seed)
        kinds.append(kind(40, 0.04, seed, slow=lambda _, c=chance: 1 + (c.random() < 0.05)))
    assert set(kinds) <= {"valid", "noisy", "drifting"}
    assert kinds.count("drifting") <= 1


def test_the_evidence_of_a_valid_speed_names_what_was_checked():
    found = judged(run())
    assert found.kind == "valid"
    text = "\n".join(found.evidence)
    assert "interval ±0." in text
    assert "over 30 blocks" in text
    assert "other processes took 1.0% of the machine" in text
    assert "sentinel 9.0" in text
    assert "hottest sensor 61 °C" in text
    assert "preempted 10.0 times per frame" in text
    assert "0 throttle events" in text
    assert "limit" not in text
    assert "does not report" not in text


@pytest.mark.parametrize("name", QUIET)
def test_a_platform_may_be_silent_about_anything(name):
    found = judged(run(**{name: None}))
    assert found.kind == "valid"


def test_missing_readings_of_a_platform_are_named():
    found = judged(run(**dict.fromkeys(QUIET)))
    assert found.kind == "valid"
    assert found.evidence[-1] == (
        "this platform does not report: other processes' CPU time, stolen CPU time, clock, "
        "temperature, thermal throttling"
    )


def test_the_block_that_a_killed_run_was_in_has_frames_but_no_readings():
    made = run()
    killed = [*made.blocks[:-1], Block(made.blocks[-1].frames, None)]
    assert judged(record(killed)).kind == "valid"
    nothing = judged(record([Block(made.blocks[0].frames, None)]))
    assert nothing.kind == "noisy"
    assert nothing.evidence == (
        "only 1 block (5 are needed for an interval)",
        "ran on cpu, torch fp32",
    )


# --- contended ----------------------------------------------------------------------------------


def test_a_process_that_eats_a_core_in_the_second_half_is_found():
    found = judged(run(other_cpu_ns=half(10**7, WALL_NS * 9 // 10)))
    assert found.kind == "contended"
    assert found.evidence[0] == "other processes took 23.0% of the machine (limit 5%)"


@pytest.mark.parametrize("mode", ["burst", "paced"])
def test_other_processes_matter_in_every_mode(mode):
    made = run(other_cpu_ns=MACHINE_NS // 10)
    assert judged(record(made.blocks, settings={"mode": mode})).kind == "contended"


def test_other_processes_are_measured_against_all_cores():
    made = run(other_cpu_ns=MACHINE_NS // 10)
    environment = made_records.ENVIRONMENT | {"cpus": 16}
    assert judged(record(made.blocks, environment=environment)).kind == "valid"


@pytest.mark.parametrize(
    ("name", "fine", "bad", "said"),
    [
        ("other_cpu_ns", 0.049, 0.051, "other processes took 5.1% of the machine (limit 5%)"),
        ("stolen_ns", 0.019, 0.021, "the hypervisor took 2.1% of the machine (limit 2%)"),
        ("held_ns", 0.009, 0.011, "a CPU quota held back 1.1% of the machine (limit 1%)"),
    ],
)
def test_whoever_takes_the_machine_has_a_limit(name, fine, bad, said):
    assert kind(**{name: round(fine * MACHINE_NS)}) == "valid"
    found = judged(run(**{name: round(bad * MACHINE_NS)}))
    assert (found.kind, found.evidence[0]) == ("contended", said)


def test_a_sentinel_that_is_often_slow_shows_contention():
    slow = iter([1, 1, 1, 1, 1.4] * 6)
    found = judged(run(30, sentinel=lambda _: next(slow)))
    assert found.kind == "contended"
    assert found.evidence[0].startswith("sentinel 9.0")
    assert found.evidence[0].endswith("above its median over 30 blocks (limit 25%)")


@pytest.mark.parametrize("blocks", [5, 8, 12])
def test_one_stumble_of_the_sentinel_shows_nothing(blocks):
    assert kind(blocks, sentinel=lambda share: 1 if share else 3) == "valid"


# --- throttled ----------------------------------------------------------------------------------


def test_thermal_events_decide():
    found = judged(run(throttles=lambda share: int(share > 0.9)))
    assert found.kind == "throttled"
    assert found.evidence[0] == "the machine counted 2 throttle events"


def test_a_clock_that_fell_while_frames_became_slower_decides():
    found = judged(run(mhz=half(3400.0, 3000.0), slow=half(1, 1.12)))
    assert found.kind == "throttled"
    assert found.evidence[0].startswith("the clock moved by -12.5% from the first third")
    assert "the time of frames by +1" in found.evidence[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"mhz": half(3400.0, 3000.0)},
        {"mhz": half(3000.0, 2900.0)},
        {"mhz": half(3000.0, 3400.0)},
    ],
    ids=["frames as fast", "little", "rose"],
)
def test_a_clock_that_moved_without_harm_does_not(changes):
    found = judged(run(**changes))
    assert found.kind == "valid"
    assert any(text.startswith("the clock moved by") for text in found.evidence)


# --- drifting -----------------------------------------------------------------------------------


def test_frames_that_become_slower_drift_whoever_is_in_them():
    found = judged(run(slow=lambda share: 1 + 0.1 * share))
    assert found.kind == "drifting"
    assert found.evidence[0].startswith("frames took 5.9% longer in the last third of")
    assert "longer in the last third of the blocks than in the first (limit 3%" in found.evidence[0]


def test_frames_that_become_faster_drift_too():
    found = judged(run(slow=half(1.1, 1)))
    assert found.kind == "drifting"
    assert "% shorter in the last third" in found.evidence[0]


def test_a_sentinel_that_drifts_is_enough():
    found = judged(run(sentinel=lambda share: 1 + 0.1 * share))
    assert found.kind == "drifting"
    assert found.evidence[0].startswith("the sentinel took 6.")


def test_a_drift_is_seen_through_stumbles():
    slow = [1 + 0.1 * (at >= 15) + 1.0 * (at in (3, 27)) for at in range(30)]
    assert kind(30, slow=lambda share: slow[round(30 * share)]) == "drifting"


def test_a_small_change_is_no_drift_and_few_blocks_show_none():
    assert kind(slow=half(1, 1.02)) == "valid"
    assert kind(11, slow=half(1, 1.05)) == "valid"
    assert kind(12, slow=half(1, 1.05)) == "drifting"


# --- noisy --------------------------------------------------------------------------------------


def test_a_wide_interval_is_noisy_and_says_how_wide():
    found = judged(run(noise=0.3))
    assert found.kind == "noisy"
    assert found.evidence[0].startswith("interval ±1")
    assert found.evidence[0].endswith("over 30 blocks (limit 5%)")


@pytest.mark.parametrize("blocks", range(5))
def test_few_blocks_are_noisy_however_alike(blocks):
    found = judged(run(blocks, noise=0.0))
    word = "block" if blocks == 1 else "blocks"
    assert found.kind == "noisy"
    assert found.evidence[0] == f"only {blocks} {word} (5 are needed for an interval)"


@pytest.mark.parametrize("blocks", range(1, 9))
@pytest.mark.parametrize("seed", range(5))
def test_the_sentinel_has_no_quantile_of_few_blocks_and_never_one_below_its_median(blocks, seed):
    chance = np.random.default_rng(seed)
    found = judged(run(blocks, sentinel=lambda _: chance.uniform(0.5, 2)))
    lines = [text for text in found.evidence if "p90" in text]
    assert len(lines) == (blocks >= FEWEST_BLOCKS)
    assert not any("-" in text for text in lines)
    assert sum("are needed" in text for text in found.evidence) == (blocks < FEWEST_BLOCKS)


def test_two_blocks_are_too_few_and_that_is_said_once():
    found = judged(run(2, sentinel=lambda share: 1.3 if share else 1))
    assert found.kind == "noisy"
    assert [text for text in found.evidence if "block" in text] == [
        "only 2 blocks (5 are needed for an interval)"
    ]


def test_frames_that_took_no_time_have_no_speed_to_judge():
    found = judged(run(slow=lambda _: 0))
    assert (found.kind, found.evidence[0]) == ("noisy", "no time was measured")


# --- incomparable -------------------------------------------------------------------------------


def test_a_run_resumed_elsewhere_is_compared_with_nothing():
    other = made_records.ENVIRONMENT | {"cores": 4, "python": "3.13.1"}
    found = judged(run(resumed=[Resumed(other, "later")]))
    assert found.kind == "incomparable"
    assert found.evidence[0] == (
        "resumed in another environment: cores was 2, is 4; python was 3.12.3, is 3.13.1"
    )


def test_what_the_machine_attains_is_measured_and_no_part_of_the_environment():
    other = made_records.ENVIRONMENT | {"ceiling": {"fp32": 1.7e11, "threads": 2}}
    assert kind(resumed=[Resumed(other, "later")]) == "valid"


def test_a_run_resumed_where_it_was_begun_is_one_run():
    assert kind(resumed=[Resumed(dict(made_records.ENVIRONMENT), "later")]) == "valid"


def test_another_protocol_is_compared_with_nothing():
    found = judged(record(run().blocks, protocol=PROTOCOL + 1))
    assert found.kind == "incomparable"
    assert found.evidence[0] == (
        f"measured by protocol {PROTOCOL + 1}, but this version uses protocol {PROTOCOL}"
    )


# --- several at once ----------------------------------------------------------------------------

FAULTS = {
    "incomparable": {"resumed": [Resumed({}, "later")]},
    "throttled": {"throttles": 1},
    "contended": {"other_cpu_ns": MACHINE_NS // 2},
    "drifting": {"sentinel": half(1, 1.1)},
    "noisy": {"noise": 0.3},
}


def test_the_gravest_fault_decides_and_the_others_follow_it():
    left = dict(FAULTS)
    for expected in FAULTS:
        found = judged(run(**{k: v for change in left.values() for k, v in change.items()}))
        assert found.kind == expected
        del left[expected]
    everything = judged(run(**{k: v for change in FAULTS.values() for k, v in change.items()}))
    starts = ["resumed", "the machine counted 30", "other processes", "the sentinel", "interval"]
    assert [text.startswith(s) for text, s in zip(everything.evidence, starts, strict=False)] == (
        [True] * 5
    )


def test_every_verdict_has_its_words():
    assert set(VERDICTS) == {*FAULTS, "valid", "unmeasured"}


def test_pages_read_from_disk_are_reported_as_memory_pressure():
    found = judged(run(major_faults=12))
    assert found.kind == "valid"
    assert "memory pressure: 4.00 pages read from disk per frame" in found.evidence
    assert "memory pressure" not in " ".join(judged(run(major_faults=3)).evidence)
