"""Intervals: their coverage, their exact point, and the least number of blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.measure.speed_interval import (
    FEWEST_BLOCKS,
    Interval,
    block_times,
    pose_interval,
    ratio_interval,
    student_t,
)

POSITIVE = st.floats(0.01, 1e12)


def linked(chance, blocks):
    """Return noise in which each block depends on the one before (correlation 0.3)."""
    steps, noise = chance.normal(0, 0.03, blocks + 20), np.zeros(blocks + 20)
    for at in range(1, blocks + 20):
        noise[at] = 0.3 * noise[at - 1] + steps[at]
    return noise[20:]


NOISE = {
    "normal": lambda chance, blocks: chance.normal(0, 0.03, blocks),
    "heavy tails": lambda chance, blocks: 0.02 * chance.standard_t(3, blocks),
    "one-sided": lambda chance, blocks: chance.exponential(0.03, blocks) - 0.03,
    "linked": linked,
}


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("blocks", [5, 10, 40])
def test_the_true_ratio_lies_within_as_often_as_promised(kind, blocks):
    chance, runs, hits = np.random.default_rng(blocks), 400, 0
    for _ in range(runs):
        expected = chance.uniform(0.8, 1.4, blocks)
        measured = 2 * expected * (1 + NOISE[kind](chance, blocks))
        interval = ratio_interval(measured, expected)
        hits += interval.low <= 2 <= interval.high
    # The level is 95 %, and 400 runs measure it within 2 %. A few correlated blocks cannot show
    # how strongly they are correlated.
    assert 0.895 <= hits / runs <= 0.99


def test_more_of_the_same_noise_makes_the_interval_narrower():
    chance = np.random.default_rng(3)
    measured = 1 + chance.normal(0, 0.03, 400)
    widths = [ratio_interval(measured[:n], np.ones(n)).half_width for n in (5, 25, 100, 400)]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] / widths[3] == pytest.approx(2, rel=0.3)


def test_few_blocks_are_not_taken_for_precise():
    """With five similar blocks, Student's t and not the normal distribution sets the width."""
    measured = [1.00, 1.01, 0.99, 1.01, 0.99]
    plain = 1.96 * np.std(measured, ddof=1) / np.sqrt(5)
    assert ratio_interval(measured, [1.0] * 5).half_width > 1.2 * plain


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=FEWEST_BLOCKS, max_size=30))
def test_the_point_is_the_ratio_of_the_sums_and_lies_within_positive_ends(blocks):
    tops, bottoms = zip(*blocks, strict=True)
    interval = ratio_interval(tops, bottoms)
    assert interval.point == pytest.approx(sum(tops) / sum(bottoms), rel=1e-12)
    assert 0 < interval.low <= interval.point * (1 + 1e-9)
    assert interval.point <= interval.high * (1 + 1e-9)


BLOCKS = [3.0, 3.1, 2.9, 3.0, 9.0, 3.2, 3.0]


@pytest.mark.parametrize(
    "cheat",
    [
        lambda blocks: sorted(blocks)[:-1],
        lambda blocks: [min(block, 4.0) for block in blocks],
        lambda blocks: [np.median(blocks)] * len(blocks),
    ],
    ids=["slowest dropped", "clipped", "median"],
)
def test_the_slowest_block_counts_in_full(cheat):
    """Trimming would change the figure of these blocks."""
    honest = ratio_interval(BLOCKS, [1.0] * len(BLOCKS))
    assert honest.point == pytest.approx(sum(BLOCKS) / len(BLOCKS), rel=1e-12)
    cheated = ratio_interval(cheat(BLOCKS), [1.0] * len(cheat(BLOCKS)))
    assert cheated.point < 0.95 * honest.point


@pytest.mark.parametrize("blocks", range(FEWEST_BLOCKS))
def test_too_few_blocks_have_no_interval(blocks):
    assert ratio_interval([1.0] * blocks, [1.0] * blocks) is None
    assert pose_interval([[(1, 5)]] * blocks + [[]] * 9) is None


def test_no_time_has_no_interval():
    assert ratio_interval([0.0] * 9, [1.0] * 9) is None
    assert ratio_interval([1.0] * 9, [0.0] * 9) is None
    assert pose_interval([[(0, 0)]] * 9) is None


def test_blocks_without_any_time_are_no_obstacle():
    interval = ratio_interval([0, 0, 0, 5, 0, 6], [0, 0, 0, 5, 0, 5])
    assert interval.point == pytest.approx(1.1)
    assert 0 < interval.low < 1.1 < interval.high < 3


def test_equal_blocks_have_an_interval_of_no_width():
    interval = ratio_interval([2.0] * 8, [1.0] * 8)
    assert (interval.low, interval.point, interval.high) == pytest.approx((2, 2, 2))
    assert interval.half_width == pytest.approx(0, abs=1e-12)


def test_the_half_width_is_the_farther_end_as_a_share():
    assert Interval(200.0, 190.0, 204.0).half_width == pytest.approx(0.05)
    assert Interval(200.0, 198.0, 212.0).half_width == pytest.approx(0.06)


def test_another_level_is_wider_or_narrower():
    measured = 1 + np.random.default_rng(0).normal(0, 0.03, 40)
    widths = [ratio_interval(measured, np.ones(40), level).half_width for level in (0.5, 0.9, 0.99)]
    assert widths == sorted(widths)


# t(0.975) and t(0.995) of any statistics book
@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [(0.975, 4, 2.776), (0.975, 10, 2.228), (0.975, 30, 2.042), (0.995, 10, 3.169)],
)
def test_the_quantiles_of_student(probability, freedom, quantile):
    assert student_t(probability, freedom) == pytest.approx(quantile, rel=0.005)


# --- frames of a run ----------------------------------------------------------------------------


def frames(chance, blocks, noise):
    """Return blocks of 1 to 6 frames with 0 to 9 people: 5 ms plus 40 ms per person."""
    made = []
    for _ in range(blocks):
        people = chance.integers(0, 10, chance.integers(1, 7))
        slow = 1 + chance.normal(0, noise)
        made.append([(int(n), round((5e6 + 40e6 * n) * slow)) for n in people])
    return made


def test_people_who_come_and_go_are_no_noise():
    blocks = frames(np.random.default_rng(1), 40, noise=0.0)
    assert pose_interval(blocks).half_width < 1e-6
    plain = [sum(ns for _, ns in block) for block in blocks]
    counts = [float(len(block)) for block in blocks]
    assert ratio_interval(counts, plain).half_width > 0.1, "the same, were people not known"


def test_the_interval_of_a_run_covers_its_true_speed():
    hits = []
    for seed in range(200):
        blocks = frames(np.random.default_rng(seed), 24, noise=0.04)
        taken = sum(ns for block in blocks for _, ns in block)
        true = sum(5e6 + 40e6 * people for block in blocks for people, _ in block)
        interval = pose_interval(blocks)
        assert interval.point == 1
        hits.append(interval.low <= taken / true <= interval.high)
    assert 0.9 <= np.mean(hits) <= 1


def test_a_stall_lets_the_speed_rise_where_it_is_left_out_of_a_resample():
    """The interval is that of the speed and not of the time: without the stall a run is faster."""
    blocks = [[(2, 100)]] * 9 + [[(2, 300)]]
    interval = pose_interval(blocks)
    time = ratio_interval([sum(ns for _, ns in block) for block in blocks], [120.0] * 10)
    assert (interval.low, interval.high) == pytest.approx((1 / time.high, 1 / time.low))
    assert interval.high - 1 > 0.15


def test_the_same_frames_always_have_the_same_interval():
    blocks = frames(np.random.default_rng(5), 30, noise=0.03)
    assert pose_interval(blocks) == pose_interval([list(block) for block in blocks])


def test_blocks_are_described_by_expected_and_measured_time():
    blocks = [[(0, 10), (4, 50)], [], [(2, 30)], [(1, 30), (3, 40)]]
    expected, measured = block_times(blocks)
    assert measured.tolist() == [60, 30, 70]
    # least squares over (0, 10), (4, 50), (2, 30), (1, 30), (3, 40): 14 + 9 x people
    assert expected.tolist() == pytest.approx([14 + 50, 32, 23 + 41])
    same = block_times([[(3, 10)], [(3, 30), (3, 50)]])
    assert [each.tolist() for each in same] == [[30, 60], [10, 80]]
    assert [len(each) for each in block_times([[], []])] == [0, 0]
