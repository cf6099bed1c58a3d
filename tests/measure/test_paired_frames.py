"""The gain of one measurement over another, on their common frames."""

import pytest

import made_records
from posemark.measure.paired_frames import gain
from posemark.records import files

BLOCKS, FRAMES = 12, 4


def record(folder, ns_of, blocks=BLOCKS, frames=FRAMES):
    """Return a record with made-up times: ns_of(image id) nanoseconds per frame."""
    lines = [
        [made_records.frame(image, ns_of(image)) for image in range(b * frames, (b + 1) * frames)]
        for b in range(blocks)
    ]
    return files.read(made_records.write(folder, made_records.header(), lines))


def slow(image):
    return 20_000_000 + 1_000_000 * (image % 5)


def test_the_gain_is_the_ratio_of_the_times_of_common_frames(tmp_path):
    base = record(tmp_path / "base", slow)
    new = record(tmp_path / "new", lambda image: slow(image) // 2, blocks=BLOCKS // 2, frames=8)
    found = gain(base, new)
    assert found.point == pytest.approx(2)
    assert found.low == pytest.approx(2)
    assert gain(new, base).point == pytest.approx(0.5)


@pytest.mark.parametrize("faster", [20, 1 / 20])
def test_blocks_are_those_of_the_slower_run_which_has_fewer_frames(tmp_path, faster):
    """The slower side's twelve frames, one per block, are all in one block of the faster side."""
    few = record(tmp_path / "few", lambda _: 500_000_000, blocks=12, frames=1)
    many = record(tmp_path / "many", lambda _: 25_000_000, blocks=12, frames=20)
    sides = (few, many) if faster > 1 else (many, few)
    assert gain(*sides).point == pytest.approx(faster)


def test_without_five_common_blocks_there_is_no_gain(tmp_path):
    base, new = record(tmp_path / "a", slow, blocks=4), record(tmp_path / "b", slow, blocks=4)
    assert gain(base, new) is None
