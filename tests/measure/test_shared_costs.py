"""Lines from parts that were measured on different frames, and their reliability."""

import numpy as np
import pytest

from posemark.measure.people_cost import fit
from posemark.measure.shared_costs import Part, line_of, spread_of


def blocks_of(chance, count, base, slope, noise):
    """Return blocks of four frames; each block has its own pace."""
    paces = 1 + noise * chance.normal(size=count)
    crowds = chance.integers(1, 10, (count, 4))
    return [
        [(int(n), (base + slope * n) * pace) for n in crowd]
        for crowd, pace in zip(crowds, paces, strict=True)
    ]


@pytest.mark.parametrize(("base", "slope"), [(10, 3), (40, -2), (-4, 5)])
def test_one_part_alone_is_the_fit_of_its_frames(base, slope):
    blocks = blocks_of(np.random.default_rng(1), 9, base, slope, 0.05)
    frames = [frame for block in blocks for frame in block]
    line, usual = line_of([Part.of(blocks)]), fit(*zip(*frames, strict=True))
    assert (line.base, line.per_person) == pytest.approx((usual.base, usual.per_person))


def test_a_fixed_part_is_averaged_and_no_line_is_none():
    blocks = [[(1, 4.0), (9, 6.0)]]
    assert line_of([Part.of(blocks, sloped=False)]).base == pytest.approx(5)
    assert line_of([Part.of([[(2, 4.0), (2, 6.0)]])]) is None
    assert spread_of([Part.of([[(2, 4.0)]] * 6)], 6) is None
    assert spread_of([Part.of(blocks * 4)], 4) is None
    alike = Part.of([[(7, 4.0 + noise / 10)] for noise in range(6)])
    assert spread_of([alike, Part.of([[(7, 1.0)]] * 6, sloped=False)], 6) is None


@pytest.mark.parametrize("count", [5, 8, 20, 60])
@pytest.mark.parametrize("people", [1, 5, 20])
def test_the_interval_holds_the_true_time_nineteen_times_of_twenty(count, people):
    chance, held = np.random.default_rng(count), 0
    for _ in range(300):
        mine = Part.of(blocks_of(chance, count, 2, 0.5, 0.03))
        infer = Part.of(blocks_of(chance, count, 10, 30, 0.03))
        shared = infer.joined([Part.of(blocks_of(chance, count, 10, 30, 0.03))])
        line, (a, b, c) = line_of([shared, mine]), spread_of([shared, mine], count)
        off = line.base + line.per_person * people - (12 + 30.5 * people)
        held += off**2 <= a + b * people + c * people**2
    assert held / 300 >= 0.93
