import math
import re
from dataclasses import replace
from itertools import combinations

import pytest

import report_rows
from posemark.report import (
    axis_scales,
    chart_captions,
    chart_layers,
    chart_marks,
    charts,
    common_settings,
    label_placement,
    pareto,
    rendering,
    speed_strip,
)


def drawn(spec):
    return spec["data"]["values"]


def layer(spec, name):
    return spec["layer"][chart_layers.LAYERS.index(name)]


def texts(spec):
    below = spec["layer"][len(chart_layers.LAYERS) :]
    return [value["text"] for each in below for value in each["data"]["values"]]


def axis(spec, channel):
    return layer(spec, "points")["encoding"][channel]


def test_measured_ap_is_solid_and_published_ap_is_hollow():
    rows = [report_rows.measured(ap=0.7331), report_rows.row()]
    solid, hollow = drawn(charts.ap_fps_spec(rows))
    assert (solid["solid"], solid["ap"]) == (1, pytest.approx(73.31))
    assert (hollow["solid"], hollow["ap"]) == (0, pytest.approx(74.4))
    assert "measured in this run (boxes: simulated; no flip test)" in solid["ap_text"]
    assert "as published (boxes: detected, person AP 56.4; flip test" in hollow["ap_text"]


def test_the_legend_names_both_fills_even_where_only_one_occurs():
    picture = rendering.svg(charts.ap_fps_spec(report_rows.suite()))
    assert "AP measured here" in picture
    assert "AP as published (not measured here)" in picture


def test_solid_and_hollow_reach_the_picture():
    rows = [report_rows.measured(), report_rows.row()]
    picture = rendering.svg(charts.ap_fps_spec(rows))
    assert picture.count('fill-opacity="0"') == 1


def test_speeds_without_any_ap_stand_in_a_strip_beside_the_axis():
    rows = report_rows.suite()
    spec = charts.ap_fps_spec(rows)
    assert len(drawn(spec)) == len(rows)
    low, high = axis(spec, "x")["scale"]["domain"]
    left, right = axis(spec, "x")["scale"]["range"]
    assert (left, right) == (speed_strip.WIDTH, charts.PICTURE.width)
    for mark in drawn(spec):
        place = left + (mark["at"] - low) / (high - low) * (right - left)
        assert (0 < place < left) is (mark["ap"] is None) is (mark["boxes"] == chart_marks.GT)
    note = " ".join(texts(spec)).replace("\u00a0", " ")
    assert "Left of the AP axis, AP neither measured nor published: a, c, " in note
    assert "a hrnet-w32-256x192@gt" in note  # the key of the letters
    picture = rendering.svg(spec)
    assert ">AP unknown<" in picture
    assert f">{speed_strip.FILL}<" in picture


def test_there_is_no_strip_where_every_ap_is_known():
    spec = charts.ap_fps_spec([report_rows.row(), report_rows.measured()])
    assert "range" not in axis(spec, "x")["scale"]
    assert "AP unknown" not in rendering.svg(spec)


def test_marks_in_the_strip_do_not_cover_each_other():
    heights = [100.0, 100.5, 101.0, 300.0, 300.0, 120.0]
    found = speed_strip.lanes(heights)
    assert all(8 < x < speed_strip.WIDTH - 8 for x in found)
    points = list(zip(found, heights, strict=True))
    assert all(math.dist(one, other) > 14 for one, other in combinations(points, 2))
    assert found[3] == found[0], "with room each takes the first lane"


def test_a_front_holds_no_entry_without_ap():
    rows = [report_rows.row(), report_rows.row(boxes="gt", fps_pose=1000.0)]
    spec = charts.ap_fps_spec(rows)
    kinds = {corner["front"] for corner in layer(spec, "fronts")["data"]["values"]}
    assert kinds == {pareto.PUBLISHED}


def test_a_row_left_out_names_its_weights_if_its_entry_is_also_plotted():
    rows = [report_rows.measured(boxes="gt"), report_rows.measured(boxes="gt", fps_pose=None)]
    rows = [rows[0], replace(rows[1], weights="none")]
    (sentence,) = chart_captions.unplotted_sentences(rows)
    assert "a\u00a0hrnet-w32-256x192@gt\u00a0(weights\u00a0none)" in sentence


def test_a_row_without_time_is_named_but_not_plotted():
    rows = [report_rows.row(), report_rows.row(letter="z", fps_pose=None)]
    spec = charts.ap_fps_spec(rows)
    assert [mark["label"] for mark in drawn(spec)] == ["b"]
    assert chart_captions.unplotted_sentences(rows)[0].startswith(
        "Not plotted, no time measured: z"
    )


@pytest.mark.parametrize(("slow", "log"), [(10.1, False), (9.9, True)])
def test_the_axis_turns_logarithmic_and_says_so(slow, log):
    rows = [report_rows.row(fps_pose=fps, fps_interval=None) for fps in (100.0, slow)]
    spec = charts.ap_fps_spec(rows)
    assert ("(log)" in axis(spec, "y")["axis"]["title"]) is log
    assert axis(spec, "y")["scale"]["type"] == ("log" if log else "linear")


@pytest.mark.parametrize("values", [[7.0], [0.02, 0.3], [5.0, 5.0], [1.0, 99.0], [3.0, 28.0], []])
def test_every_axis_has_ticks_within_its_ends_and_holds_its_values(values):
    for axis in (axis_scales.fps_axis(values), axis_scales.ap_axis(values)):
        assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
        assert len(axis.ticks) >= 2
        assert all(0 <= axis.share(value) <= 1 for value in values)


def test_a_wide_range_of_speeds_has_ticks_at_1_2_and_5():
    assert axis_scales.fps_axis([1.0, 300.0]).ticks == (1, 2, 5, 10, 20, 50, 100, 200)


def test_box_kinds_have_their_shapes():
    bottom_up = replace(report_rows.row(), approach="bottom-up", boxes="")
    kinds = [chart_marks.box_kind(row) for row in (report_rows.row(boxes="gt"), report_rows.row())]
    assert [*kinds, chart_marks.box_kind(bottom_up)] == [
        chart_marks.GT,
        chart_marks.DETECTED,
        chart_marks.NO_BOXES,
    ]


def test_labels_are_letters_or_names_and_repeated_ones_say_how_they_differ():
    rows = [
        report_rows.row(),
        report_rows.measured(),
        report_rows.row(letter=None, runtime="torch"),
        report_rows.row(letter=None, runtime="openvino"),
    ]
    assert label_placement.texts(rows) == [
        "b",
        "b coco",
        "hrnet-w32-256x192 torch",
        "hrnet-w32-256x192 openvino",
    ]


def test_a_label_without_a_letter_distinguishes_one_scale_from_several():
    rows = [report_rows.bottom_up(number, letter=None) for number in (1, 2)]
    single, multi = label_placement.texts(rows)
    assert single == "higherhrnet-w32-512 1 scale"
    assert multi == "higherhrnet-w32-512 3 scales"


def test_labels_of_the_suite_cover_neither_marks_nor_each_other():
    points = [(300.0, 200.0), (312.0, 200.0), (300.0, 212.0), (596.0, 4.0)]
    spots = label_placement.place(points, ["a", "b", "c", "longer"], (600, 400))
    around = [label_placement.Box(x, y, 6.0, 6.0) for x, y in points]
    boxes = [spot.box for spot in spots]
    assert all(box.outside((600, 400)) == 0 for box in boxes)
    for index, box in enumerate(boxes):
        assert all(box.overlap(other) == 0 for other in around + boxes[:index])


def test_the_chart_renders_for_rows_and_for_none():
    for rows in (report_rows.mixed(), []):
        assert rendering.svg(charts.picture_spec(rows)).startswith("<svg")
        assert rendering.png(charts.ap_fps_spec(rows), scale=1).startswith(b"\x89PNG")


def test_the_picture_has_its_own_background():
    assert 'fill="#ffffff"' in rendering.svg(charts.ap_fps_spec(report_rows.suite()))[:400]


def test_the_title_claims_the_same_run_only_where_it_is_so():
    measured, published = report_rows.measured(), report_rows.row()
    assert common_settings.headline([measured]) == "Accuracy and speed of the same run"
    assert common_settings.headline([published]) == "Speed measured here, accuracy as published"
    assert "same run" not in common_settings.headline([measured, published])


def test_rows_that_cannot_be_compared_bring_a_warning():
    row = report_rows.row()
    assert common_settings.warnings([row, row]) == []
    other = replace(row, machine="another", threads=8, complete=False)
    machine, threads, broken = common_settings.warnings([row, other])
    assert "several machines" in machine
    assert "thread counts" in threads
    assert broken == "hrnet-w32-256x192@detected: the run stopped early."


def test_a_tooltip_of_a_bottom_up_mark_shows_scales_instead_of_boxes():
    rows = [report_rows.scored(report_rows.bottom_up(2), 0.69), report_rows.bottom_up(3)]
    measured, published = drawn(charts.ap_fps_spec(rows))
    assert measured["ap_text"] == "69.0 measured in this run (scales: 0.5, 1, 2; no flip test)"
    assert "(scales: single; flip test; DEKR README)" in published["ap_text"]
    assert measured["cost"] == "5,660 ms + 9.90 ms per person"


def test_a_family_has_one_colour_in_all_panels():
    colours = {}
    combined, panels, _ = charts.picture_spec(report_rows.seed())["vconcat"]
    for plot in (combined, *panels["hconcat"]):
        scale = layer(plot, "points")["encoding"]["stroke"]["scale"]
        for family, colour in zip(scale["domain"], scale["range"], strict=True):
            assert colours.setdefault(family, colour) == colour
    assert len(set(colours.values())) == 8


def test_the_picture_has_a_panel_of_each_approach_below_the_combined_chart():
    picture = charts.picture_spec(report_rows.seed())
    combined, panels, _ = picture["vconcat"]
    assert [len(drawn(plot)) for plot in (combined, *panels["hconcat"])] == [25, 18, 7]
    text = rendering.svg(picture)
    assert "Top-down only, on axes of its own" in text
    assert "Bottom-up only, on axes of its own" in text
    assert text.count(">Pareto front<") == 1
    assert int(re.search(r'width="(\d+)"', text)[1]) < 1200  # the legends stand beside the plot
    assert "y dekr-w48-640@multi" in text


def test_the_picture_of_one_approach_is_one_chart():
    rows = report_rows.mixed()
    assert charts.picture_spec(rows) == charts.ap_fps_spec(rows)


def test_intervals_are_lines_through_their_marks_and_reach_the_picture():
    row = report_rows.scored(report_rows.top_down(0, "detected"), 0.733)
    (mark,) = drawn(charts.ap_fps_spec([row]))
    assert (mark["fps_low"], mark["fps_high"]) == row.fps_interval
    assert (mark["ap_low"], mark["ap_high"]) == pytest.approx((70.5, 76.0))
    with_bars = rendering.svg(charts.ap_fps_spec([row]))
    without = rendering.svg(charts.ap_fps_spec([replace(row, fps_interval=None, ap_interval=None)]))
    assert with_bars.count(BAR) - without.count(BAR) == 2


BAR = 'stroke-opacity="0.6"'


def test_the_axes_hold_the_intervals():
    row = report_rows.measured(fps_interval=(0.5, 40.0), ap_interval=(0.3, 0.9))
    spec = charts.ap_fps_spec([row])
    for channel, ends in (("x", (30, 90)), ("y", (0.5, 40))):
        low, high = axis(spec, channel)["scale"]["domain"]
        assert low < ends[0] < ends[1] < high


def test_only_speeds_that_are_not_valid_have_a_ring_and_the_caption_says_why():
    rows = [report_rows.row(), report_rows.judged(report_rows.row(letter="z"), "throttled")]
    valid, throttled = drawn(charts.ap_fps_spec(rows))
    assert (valid["doubted"], throttled["doubted"]) == (0, 1)
    assert throttled["worth"] == "throttled: the machine counted 14 throttle events"
    assert rendering.svg(charts.ap_fps_spec(rows)).count('stroke-dasharray="2,2.5"') == 1
    assert "Dashed ring: the speed is not valid (throttled)." in texts(charts.ap_fps_spec(rows))
    assert chart_captions.doubts([rows[0]]) == ""


def test_the_picture_shows_the_largest_group_and_names_the_others_with_the_reason():
    rows = report_rows.mixed()
    others = report_rows.on_another_machine(rows[:4])
    assert drawn(charts.picture_spec([*others, *rows])) == drawn(charts.picture_spec(rows))
    said = " ".join(texts(charts.picture_spec([*others, *rows])))
    assert "Speeds of several machines are not compared." in said
    assert "Apple M4, 10 cores" in said
    assert "several machines" not in " ".join(texts(charts.picture_spec(rows)))
