"""What a row still needs: against the rules of the verdict."""

import pytest

from posemark.report.evidence import Need, need, words
from posemark.report.rows import Row, Verdict


def row(kind="noisy", frames=10, blocks=5, width=None, frame_ms=1000.0):
    interval = (10 * (1 - width), 10 * (1 + width)) if width else None
    return Row(
        *("small@gt", None, "small", "none", "torch", "fp32", "gt", frames, frames, 10.0, 9.0),
        *({"infer": frame_ms}, None, None, None),
        blocks=blocks,
        fps_interval=interval,
        verdict=Verdict(kind),
    )


def test_a_valid_speed_of_ten_frames_needs_nothing():
    assert need(row("valid", 10, 5, 0.04)) is None


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (row(frames=3, blocks=3), Need(2, 7, 7.0)),
        (row(frames=30, blocks=3, frame_ms=10), Need(2, 0, 1.0)),
        (row("valid", 6, 5, 0.04), Need(0, 4, 4.0)),
        (row(frames=0, blocks=0), Need(5, 10, None)),
        (row(blocks=5, width=0.10), Need(15, 0, 15.0)),
    ],
)
def test_what_is_missing_and_what_it_takes(made, expected):
    assert need(made) == expected


def test_twice_too_wide_needs_four_times_the_blocks():
    more = need(row(frames=100, blocks=20, width=0.10))
    assert 20 + more.blocks == 80


@pytest.mark.parametrize("kind", ["contended", "throttled", "drifting", "incomparable"])
def test_a_disturbed_speed_is_measured_anew(kind):
    found = need(row(kind, 50, 50, 0.01))
    assert found.anew == kind
    assert words(found) == f"{kind}: measure it anew, with nothing else running"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Need(2, 7, 7.0), "2 blocks, 7 frames more (about 7 s)"),
        (Need(1, 0, 0.1), "1 block more (about 1 s)"),
        (Need(5, 10, None), "5 blocks, 10 frames more"),
    ],
)
def test_the_words(found, said):
    assert words(found) == said
