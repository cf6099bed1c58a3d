"""What a row still needs, in numbers and in words."""

from dataclasses import replace

import pytest

from posemark.report.evidence import Need, command, missing, need, words
from report_rows import row


def short(blocks, frames, frame_ms, **changes):
    fields = {"blocks": blocks, "frames": frames, "stage_ms": {"infer": frame_ms}}
    return replace(row(), **fields | changes)


@pytest.mark.parametrize(
    ("blocks", "frames", "frame_ms", "wanted"),
    [
        (5, 10, 100, None),
        (3, 40, 200, Need(2, 0, 1.2)),  # a block holds three such frames
        (5, 7, 2000, Need(0, 3, 6.0)),
        (3, 3, 2000, Need(2, 7, 14.0)),
        (0, 0, 0, Need(5, 10, 0.0)),
    ],
)
def test_what_is_missing_and_the_seconds_it_takes(blocks, frames, frame_ms, wanted):
    found = need(short(blocks, frames, frame_ms))
    if wanted is None:
        assert found is None
    else:
        assert found is not None
        assert (found.blocks, found.frames) == (wanted.blocks, wanted.frames)
        assert found.seconds == pytest.approx(wanted.seconds)


def test_frames_of_the_same_network_count_and_blocks_do_not():
    assert need(short(5, 3, 2000, network_frames=30)) is None
    assert need(short(4, 3, 2000, network_frames=30)) == Need(1, 0, 2.0)


def test_words():
    assert missing(short(3, 7, 100)) == ("3 of 5 blocks", "7 of 10 frames")
    assert missing(short(5, 10, 100)) == ()
    assert words(Need(2, 3, 11.2)) == "2 blocks and 3 frames more, about 12 s"
    assert words(Need(1, 0, 0.0)) == "1 block more"


def test_the_command_names_the_settings_and_enough_time():
    slow = short(3, 3, 2000, entry="small@gt", data="sample", weights="none", runtime="torch")
    slow = replace(slow, threads=2)
    assert command(slow) == (
        "posemark run small@gt --data sample --runtime torch --precision fp32 --threads 2 "
        "--budget 24"
    )
    told = command(replace(slow, blocks=9, frames=20, flip=True, persons_mode="batched"))
    assert "--flip" in told
    assert "--persons batched" in told
    assert told.endswith("--budget 192")
