from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

import report_rows
from posemark.report import chart_marks, charts, common_settings, label_placement, pareto, rendering

# Few different values, so that equal coordinates are common.
POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25)


def beats(one, other):
    return one != other and one[0] >= other[0] and one[1] >= other[1]


@given(POINTS)
def test_the_front_is_every_entry_that_no_other_beats(points):
    unbeaten = {p for p in points if not any(beats(other, p) for other in points)}
    assert pareto.pareto(points) == sorted(unbeaten)


@given(POINTS.filter(bool))
def test_stairs_are_level_or_upright_and_no_point_is_beyond_them(points):
    front = pareto.pareto(points)
    corners = pareto.stairs(front, (-1, -1))
    assert set(front) <= set(corners)
    assert corners[0] == (-1, front[0][1])
    assert corners[-1] == (front[-1][0], -1)
    for (x1, y1), (x2, y2) in pairwise(corners):
        assert (x1 == x2 and y1 > y2) or (x1 < x2 and y1 == y2)
    for x, y in points:
        assert any(x <= at_x and y <= at_y for at_x, at_y in corners)


def kinds(rows):
    points = [(chart_marks.ap(row), row.fps_pose) for row in rows]
    return {front.kind: front.corners for front in pareto.fronts(rows, points, (0, 0))}


def test_measured_and_published_ap_and_annotated_boxes_have_fronts_of_their_own():
    rows = common_settings.plotted(report_rows.seed_measured())
    assert list(kinds(rows)) == [
        "measured AP and FPS",
        "published AP, measured FPS",
        "measured AP and FPS (gt boxes)",
    ]


def test_a_published_ap_neither_makes_nor_moves_the_front_of_measured_ap():
    measured = report_rows.scored(report_rows.top_down(0, "detected"), 0.7)
    better = report_rows.bottom_up(0, fps_pose=99.0)
    assert kinds([measured, better])[pareto.MEASURED] == kinds([measured])[pareto.MEASURED]
    assert pareto.MEASURED not in kinds([better])


def test_annotated_boxes_do_not_push_bottom_up_entries_off_their_front():
    rows = [report_rows.top_down(8, "gt", ap_published=report_rows.row().ap_published)]
    rows.append(report_rows.bottom_up(1))
    assert kinds(rows)[pareto.PUBLISHED][1] == (chart_marks.ap(rows[1]), rows[1].fps_pose)


def test_the_legend_names_the_fronts_that_are_drawn_and_no_others():
    picture = rendering.svg(charts.ap_fps_spec(report_rows.suite()))
    assert pareto.PUBLISHED in picture
    assert pareto.MEASURED not in picture
    assert "Pareto front" in picture


def test_labels_keep_clear_of_the_fronts():
    point, line = (100.0, 100.0), label_placement.around((100.0, 100.0), (600.0, 100.0), 2.0)
    (free,) = label_placement.place([point], ["a"], (600, 400))
    (moved,) = label_placement.place([point], ["a"], (600, 400), [line])
    assert line.overlap(free.box) > 0
    assert line.overlap(moved.box) == 0
