"""Figures of overlapped records with given times, and what is never mixed with serial figures."""

import json

import pytest

import made_records
from posemark.records import files
from posemark.records.schema import BlockLine, End, TrialLine
from posemark.report import common_settings, tables
from posemark.report.compare import compare
from posemark.report.missing_evidence import command
from posemark.report.page.html import html
from posemark.report.recommend.answer import recommend
from posemark.report.recommend.wishes import Wishes
from posemark.report.results import load_rows

MS = 1_000_000
OVERLAPPED = {"mode": "overlapped", "streams": 2}


def block(first, taken, number, frames=10):
    """Return a block of two streams that are never idle; every frame is in flight for `taken`."""
    began = (1 + number) * 10**10
    return [
        made_records.frame(
            first + at, taken, frame_ns=taken, stream=at % 2, began_ns=began + at // 2 * taken
        )
        for at in range(frames)
    ]


def record(folder, taken=40 * MS, blocks=12, trial=(), entry="small@gt+overlapped2"):
    head = made_records.header(entry=entry, settings=OVERLAPPED)
    lines = [*trial]
    for number in range(blocks):
        lines += block(1 + 10 * number, taken, number)
        wall = 5 * taken
        lines.append(BlockLine(10, (1 + number) * 10**10, wall, made_records.SENTINEL_NS))
    return made_records.with_truth(folder, head, [*lines, End("all frames")])


def burst(folder, pose_ns=20 * MS):
    lines = [[made_records.frame(1 + 10 * b + at, pose_ns) for at in range(10)] for b in range(12)]
    return made_records.write(folder, made_records.header(), lines)


def the_row(path):
    (row,) = load_rows([path])
    return row


def test_throughput_is_frames_over_wall_time_and_latency_that_of_a_frame_in_flight(tmp_path):
    row = the_row(record(tmp_path))
    assert row.throughput == pytest.approx(50), "two frames every 40 ms"
    assert row.latency_ms["p50"] == row.latency_ms["p95"] == 40
    assert row.age_ms["p50"] == row.age_ms["p95"] == 40
    assert row.throughput_interval == pytest.approx((50, 50))
    assert (row.verdict.kind, row.blocks, row.streams) == ("valid", 12, 2)


def test_no_figure_of_one_frame_after_the_other_is_given(tmp_path):
    row = the_row(record(tmp_path))
    assert (row.fps_pose, row.fps_pipeline, row.fps_interval) == (None, None, None)
    assert (row.intercept_ms, row.ms_per_person, row.line_spread) == (None, None, None)
    assert (row.sustainable_fps, row.share) == (None, None)


def test_entries_of_one_network_lend_an_overlapped_one_no_evidence(tmp_path):
    record(tmp_path)
    record(tmp_path, entry="twin@gt+overlapped2", taken=80 * MS)
    burst(tmp_path)
    for row in load_rows([tmp_path]):
        if row.overlapped:
            assert (row.network_frames, row.intercept_ms) == (row.frames, None)


def test_poses_are_older_than_the_latency_where_a_slow_frame_holds_them_back(tmp_path):
    lines, began = [], 10**10
    for pair in range(10):
        at = began + pair * 100 * MS
        for stream, taken in enumerate((100 * MS, 20 * MS)):
            image = 1 + 2 * pair + stream
            lines.append(
                made_records.frame(image, taken, frame_ns=taken, stream=stream, began_ns=at)
            )
    lines.append(BlockLine(20, began, 10**9, made_records.SENTINEL_NS))
    head = made_records.header(settings=OVERLAPPED)
    row = the_row(made_records.with_truth(tmp_path, head, [*lines, End("limit")]))
    assert row.latency_ms["p50"] == 20
    assert row.age_ms["p50"] == 100


def test_tables_name_the_figure_and_leave_pose_fps_empty(tmp_path):
    row = the_row(record(tmp_path))
    titles = tables.markdown([row]).partition("\n")[0]
    for title in ("throughput", "p50 ms", "p95 ms", "age p50 ms", "age p95 ms"):
        assert f"| {title} |" in titles
    assert "pose FPS" not in tables.markdown([row])
    (printed,) = json.loads(tables.to_json([row]))
    assert (printed["throughput"], printed["fps_pose"], printed["streams"]) == (50, None, 2)
    assert printed["age_ms"]["p95"] == 40
    assert printed["mode"] == "overlapped"
    (serial,) = json.loads(tables.to_json([the_row(burst(tmp_path / "burst"))]))
    assert (serial["throughput"], serial["age_ms"]["p50"], serial["streams"]) == (None, None, 1)


def test_charts_and_answers_do_not_compare_it_with_pose_fps(tmp_path):
    record(tmp_path)
    burst(tmp_path)
    rows = load_rows([tmp_path])
    assert [row.entry for row in common_settings.plotted(rows)] == ["small@gt"]
    text = " ".join(common_settings.warnings(rows))
    assert "Speeds of several modes are not compared." in text
    assert "overlapped in 2 streams" in text
    found = recommend(rows, Wishes(min_fps=1.0))
    (left_out,) = [each for each in found.excluded if "overlapped" in each.name]
    assert left_out.constraint == "comparable"
    assert "a throughput is not compared with pose FPS" in left_out.why


def test_a_page_of_overlapped_entries_alone_shows_their_throughput(tmp_path):
    assert "throughput, FPS" in html(load_rows([record(tmp_path)]), "overlapped")


def test_two_overlapped_runs_are_compared_by_wall_time(tmp_path):
    base, new = (
        [files.read(record(tmp_path / name, taken))]
        for name, taken in (("base", 40 * MS), ("new", 20 * MS))
    )
    (change,) = compare(base, new).changes
    assert (change.call, change.fps) == ("faster", pytest.approx((50, 100)))
    assert change.ratio == pytest.approx(0.5)
    assert "overlapped in 2 streams: FPS is the throughput" in change.why[0]


def test_an_overlapped_run_is_not_compared_with_a_burst(tmp_path):
    base, new = (
        files.read(burst(tmp_path / "a")),
        files.read(record(tmp_path / "b", entry="small@gt")),
    )
    (change,) = compare([base], [new]).changes
    assert change.call == "incomparable"
    assert "Speeds of several modes are not compared" in change.why[0]


def test_the_gain_is_measured_and_predicted_on_the_frames_that_ran_alone(tmp_path):
    """On all threads a frame takes 30 ms, on one thread 45 ms; two streams need 20 ms per frame."""
    trial = [
        TrialLine(
            image, {"decode": 10 * MS, "infer": 20 * MS}, {"decode": 5 * MS, "infer": 40 * MS}
        )
        for image in (1, 2, 3, 999)
    ]
    row = the_row(record(tmp_path, trial=trial))
    assert row.predicted_gain == pytest.approx(2 * 30 / 45)
    assert row.overlap_gain == pytest.approx(30 / 20), "image 999 was not measured"
    without = the_row(record(tmp_path / "without"))
    assert (without.predicted_gain, without.overlap_gain) == (None, None)


def test_the_prediction_is_limited_by_the_cores(tmp_path):
    lines = [TrialLine(1, {"infer": 30 * MS}, {"infer": 30 * MS}), *block(1, 40 * MS, 0)]
    settings = OVERLAPPED | {"streams": 8, "threads": 8}
    head = made_records.header(settings=settings)
    row = the_row(made_records.with_truth(tmp_path, head, [*lines, End("limit")]))
    assert row.predicted_gain == pytest.approx(2), "eight streams, but two cores"


def test_the_command_that_measures_more_has_the_streams(tmp_path):
    text = command(the_row(record(tmp_path)))
    assert "--mode overlapped --streams 2" in text
    assert "--repeat" in text, "all frames of the data are measured"


def test_a_record_from_before_has_one_stream(tmp_path):
    row = the_row(burst(tmp_path))
    assert (row.streams, row.overlapped, row.throughput, row.age_ms) == (1, False, None, {})
