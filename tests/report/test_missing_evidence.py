"""The evidence that a row lacks, compared with the rules of the verdict."""

import shlex
from dataclasses import replace

import pytest

from posemark.report.missing_evidence import (
    Need,
    accuracy_command,
    command,
    going_on,
    missing,
    need,
    words,
)
from posemark.report.result_row import Row, Verdict


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
def test_a_disturbed_speed_is_measured_again(kind):
    found = need(row(kind, 50, 50, 0.01))
    assert found.anew == kind
    assert words(found) == f"{kind}; measure it again with nothing else running"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Need(2, 7, 7.0), "2 blocks and 7 frames more (about 7 s)"),
        (Need(1, 0, 0.1), "1 block more (about 1 s)"),
        (Need(5, 10, None), "5 blocks and 10 frames more"),
    ],
)
def test_the_words(found, said):
    assert words(found) == said


def test_frames_of_the_same_network_count_and_blocks_do_not():
    assert need(replace(row("valid", 3, 5), network_frames=30)) is None
    assert need(replace(row(frames=3, blocks=4), network_frames=30)) == Need(1, 0, 1.0)


def test_counts_that_are_too_low():
    assert missing(row(frames=7, blocks=3)) == ("3 of 5 blocks", "7 of 10 frames")
    assert missing(row(frames=10, blocks=5)) == ()
    shared = replace(row(frames=3, blocks=5), network_frames=7)
    assert missing(shared) == ("7 of 10 frames of its network",)


def test_the_command_names_the_settings_and_enough_time():
    slow = replace(row(frames=3, blocks=3, frame_ms=2000.0), threads=2, data="sample")
    assert command(slow) == (
        "posemark run small@gt --data sample --runtime torch --precision fp32 --threads 2 "
        "--budget 24"
    )
    enough = replace(slow, frames=20, blocks=9, verdict=Verdict("valid"))
    assert command(enough).endswith("--budget 192")


def lying(made, **changes):
    """Return the row as if read from a folder, with data of 40 images."""
    return replace(made, folder="my runs/first", data_images=40, **changes)


def test_the_command_resumes_the_record_in_its_folder():
    slow = lying(row(frames=3, blocks=3, frame_ms=2000.0))
    assert command(slow) == (
        "posemark run small@gt --runtime torch --precision fp32 --out 'my runs/first' --resume "
        "--budget 17"
    ), "a resumed run has its whole budget again"
    decided = lying(row("valid", 20, 9, frame_ms=2000.0))
    assert command(decided).endswith("--out 'my runs/first' --resume --budget 144")


def test_a_record_without_value_is_measured_again_beside_it():
    made = lying(row("contended", 20, 9, frame_ms=2000.0))
    assert command(made).endswith(" --precision fp32 --budget 72 --out 'my runs/first-again'")
    assert "--resume" not in command(made)


def test_where_all_images_are_measured_it_goes_through_them_again_beside_it():
    made = lying(row("noisy", 40, 5, width=0.10, frame_ms=100.0))
    assert need(made).seconds == 7.5
    command_line = command(made)
    assert " --repeat 4 --budget 14 --out 'my runs/first-again'" in command_line
    assert "--resume" not in command_line
    assert "--resume" in command(lying(row("noisy", 39, 5, width=0.10, frame_ms=100.0)))
    assert "--resume" in command(replace(made, mode="sustained"))


def test_both_commands_for_accuracy_resume_each_in_its_folder():
    made, best = lying(row()), replace(row(), folder="b")
    first, second = accuracy_command(made, best, 200).split(" && ")
    assert first.endswith("--out 'my runs/first' --resume --limit 200")
    assert second.endswith("--out b --resume --limit 200")


def test_the_command_types_the_entry_and_every_setting_that_differs():
    made = replace(
        row(frames=20, blocks=9),
        entry="small.mine@gt+dark11+flip+batched4+min0.3+channels-last",
        weights="mine",
        codec="dark:11",
        flip=True,
        persons_mode="batched",
        inference=("4", "channels-last"),
        min_score=0.3,
        boxes="file:found here.json",
        data="coco:my data",
    )
    assert command(made).startswith(
        "posemark run small.mine@gt --flip --data 'coco:my data' --boxes 'file:found here.json' "
        "--codec dark:11 --runtime torch --precision fp32 --layout channels-last "
        "--persons batched --max-batch 4 --min-score 0.3 --budget "
    )
    assert "--codec" not in command(replace(made, entry="small.mine@gt+flip"))


def test_the_command_has_files_as_they_were_typed():
    made = replace(
        row(frames=20, blocks=9),
        entry="small.mine@detected+int8",
        weights="mine",
        boxes="file:found.json",
        precision="int8",
        typed={
            "--weights": "my files/mine.pth",
            "--boxes": "file:~/there/found.json",
            "--calibrate": "coco:~/coco",
            "--machine": "the shelf",
            "--repeat": "3",
        },
    )
    words = shlex.split(command(made))
    assert words[:3] == ["posemark", "run", "small@detected"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options | made.typed == options
    assert "--weights" not in command(replace(made, typed={}))
    assert "--boxes file:found.json" in command(replace(made, typed={}))


def test_the_command_names_an_exported_model_by_its_card():
    made = replace(row(), entry="small@gt+openvino", card="my cards/small.toml")
    assert command(made).startswith("posemark run 'my cards/small.toml@gt' --runtime ")


BUNDLED = replace(
    row(),
    entry="small@gt+flip+tensorrt+fp16",
    runtime="tensorrt",
    precision="fp16",
    device="cuda",
    threads=4,
    flip=True,
    data="sample",
    bundled=True,
)


def test_a_row_of_a_bundle_is_measured_again_on_its_device():
    engine = "python3 run.py small@gt+flip --engine tensorrt --precision fp16 --threads 4"
    assert command(BUNDLED) == f"{engine} --repeat 2 --out results-again"
    twice = replace(BUNDLED, typed={"--repeat": "2"})
    assert command(twice) == f"{engine} --repeat 3 --out results-again"
    heated = replace(BUNDLED, mode="sustained")
    assert command(heated) == f"{engine} --sustained 1 --out results-again"
    assert "--device dml" in command(replace(BUNDLED, device="dml"))


def test_other_images_of_a_bundle_need_another_bundle():
    again = f"{going_on(BUNDLED)} --limit 7"
    assert again == "posemark bundle small@gt --flip --data sample -o bundle.zip --limit 7"
