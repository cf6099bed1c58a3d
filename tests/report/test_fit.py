import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.records import files
from posemark.records.schema import FrameLine, Header, Settings, Source
from posemark.report.derive import row_of
from posemark.report.fit import Cost, fit
from posemark.report.rows import STAGES

TIMES = st.floats(0, 1e4)


@given(st.lists(st.integers(0, 40), min_size=3, max_size=60), TIMES, TIMES)
def test_an_exact_line_is_recovered(people, base, slope):
    cost = fit(people, [base + slope * count for count in people])
    if len(set(people)) == 1:
        assert cost == Cost()
        return
    assert cost.intercept_ms == pytest.approx(base, abs=1e-5)
    assert cost.ms_per_person == pytest.approx(slope, abs=1e-5)


def squares(people, ms, base, slope):
    return float(((np.array(ms) - base - slope * np.array(people)) ** 2).sum())


@given(
    st.lists(st.tuples(st.integers(0, 40), TIMES), min_size=3, max_size=60),
    st.floats(0, 2e4),
    st.floats(0, 2e3),
)
def test_no_line_of_two_parts_above_zero_is_nearer(frames, base, slope):
    people, ms = zip(*frames, strict=True)
    cost = fit(people, ms)
    if len(set(people)) == 1:
        return
    assert cost.intercept_ms >= 0
    assert cost.ms_per_person >= 0
    ours = squares(people, ms, cost.intercept_ms, cost.ms_per_person)
    assert ours <= squares(people, ms, base, slope) * (1 + 1e-9) + 1e-3


@pytest.mark.parametrize("people", [[], [1], [0, 5], [4, 4, 4]])
def test_too_few_frames_or_people_counts_determine_no_line(people):
    assert fit(people, [1.0] * len(people)) == Cost()


def record(tmp_path, frames, approach="top-down", **settings):
    (tmp_path / "truth.json").write_text('{"images": [], "annotations": [], "categories": []}')
    header = Header(
        entry="tiny@multi",
        letter=None,
        model="tiny",
        family="Tiny",
        approach=approach,
        input_hw=(512, 512),
        licence="MIT",
        parameters=1,
        macs=1,
        weights=Source("none", "formula-1"),
        data=Source("sample", "0"),
        boxes=Source("none", "none"),
        box_kind="none",
        settings=Settings("", "tags", False, "serial", 0.0, 1, "torch", "fp32", **settings),
        published=None,
        environment={"cpu": "one", "cores": 1},
        posemark="0",
        protocol=1,
        truth="truth.json",
        started="",
    )
    path = tmp_path / "run.jsonl"
    with files.Writer.create(path, header) as writer:
        for frame in frames:
            writer.write(frame)
    return files.read(path)


def frame(image_id, people, pose_ms):
    """A frame whose decoding takes long, which must not enter the line."""
    stages = dict.fromkeys(STAGES, 0) | {"decode": image_id * 10**9, "detect": 77 * 10**6}
    stages |= {"preprocess": 10**6, "infer": (pose_ms - 3) * 10**6, "postprocess": 2 * 10**6}
    return FrameLine(image_id, people, 0, stages, sum(stages.values()))


def test_the_line_of_a_record_is_of_its_pose_stages_and_frames_without_people_count(tmp_path):
    frames = [frame(1, 0, 100), frame(2, 4, 140), frame(3, 2, 120), FrameLine(4, error="broken")]
    row = row_of(record(tmp_path, frames, scales=(0.5, 1.0, 2.0)), {})
    assert row.intercept_ms == pytest.approx(100)
    assert row.ms_per_person == pytest.approx(10)
    assert row.scales == (0.5, 1.0, 2.0)


def test_bottom_up_only_post_processing_can_depend_on_people(tmp_path):
    """The same frames: here the network's time varies with the image, not with who is in it."""
    frames = [frame(1, 0, 100), frame(2, 4, 140), frame(3, 2, 120)]
    row = row_of(record(tmp_path, frames, approach="bottom-up"), {})
    assert row.intercept_ms == pytest.approx(120)
    assert row.ms_per_person == pytest.approx(0, abs=1e-9)


def test_a_record_of_two_frames_has_no_line(tmp_path):
    made = record(tmp_path, [frame(1, 0, 100), frame(2, 4, 140)])
    row = row_of(made, {})
    assert (row.intercept_ms, row.ms_per_person, row.scales) == (None, None, (1.0,))
