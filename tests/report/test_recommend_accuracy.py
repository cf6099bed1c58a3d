"""Answers that the noise of AP or speed leaves open, and entries that are not the nearest."""

from dataclasses import replace

import pytest

from posemark.report.missing_evidence import accuracy_command, command, images_for
from posemark.report.recommend.answer import Undecided, Wishes, page_data, recommend
from posemark.report.result_row import Published, Verdict
from report_rows import row


def entry(name, aps=(0.7,), **changes):
    """Return a row whose measured AP is the first number; all numbers are its draws."""
    fields = {
        "entry": name,
        "model": name.partition("@")[0],
        "letter": None,
        "weights": "official",
        "weights_licence": "MIT",
        "boxes": "simulated",
        "ap": {"AP": aps[0]},
        "ap_draws": tuple(aps) if len(aps) > 1 else (),
        "ap_images": 100,
        "ap_published": None,
        "fps_pose": 10.0,
        "fps_interval": None,
        "intercept_ms": 100.0,
        "ms_per_person": 0.0,
        "peak_memory": None,
        "images": "same",
        "verdict": Verdict(),
    }
    return replace(row(), **fields | changes)


BEST = entry("best@gt", (0.75, 0.74, 0.74, 0.76, 0.76), fps_pose=5.0)
STEADY = entry("steady@gt", (0.72, 0.71, 0.71, 0.73, 0.73))  # 3 points below in every draw
WANDERING = entry("wandering@gt", (0.72, 0.73, 0.73, 0.71, 0.71))  # 1 to 5 points below


def answers(rows, **wishes):
    """Return fits, undecided or out, by entry."""
    answer = recommend(rows, Wishes(**wishes))
    verdicts = {each.name: "out" for each in answer.excluded}
    verdicts |= {each.name: "undecided" for each in answer.undecided}
    return verdicts | {each.name: "fits" for each in answer.fitting}


@pytest.mark.parametrize(
    ("wish", "steady", "wandering"),
    [
        (0.5, "out", "out"),
        (2.5, "out", "undecided"),
        (3.5, "fits", "undecided"),
        (5.5, "fits", "fits"),
    ],
)
def test_ap_is_decided_if_the_difference_is_on_one_side(wish, steady, wandering):
    found = answers([BEST, STEADY, WANDERING], max_ap_loss=wish)
    assert found == {"best@gt": "fits", "steady@gt": steady, "wandering@gt": wandering}


def test_the_difference_is_paired_over_the_images():
    ends = page_data([BEST, STEADY])[1]["loss"]
    assert ends == pytest.approx([3, 3])  # although each alone varies by two points
    assert page_data([BEST, STEADY])[0]["loss"] == [0, 0]


def test_what_is_open_says_how_close_and_what_decides():
    (found,) = recommend([BEST, WANDERING], Wishes(max_ap_loss=2.5)).undecided
    assert (found.name, found.constraint) == ("wandering@gt", "ap")
    assert found.why == "AP 72.0, 3.0 below the best, 1.0 to 5.0: too close to 2.5"
    first, second = found.command.split(" && ")
    limits = [int(each.rpartition(" --limit ")[2]) for each in (first, second)]
    # Half of the interval, two points, is four times the distance of half a point.
    assert limits[0] == limits[1] == pytest.approx(100 * 4**2, abs=2)
    assert first.startswith("posemark run wandering@gt --data ")
    assert second.startswith("posemark run best@gt --data ")


def test_without_a_wish_for_ap_its_noise_decides_nothing():
    assert answers([BEST, WANDERING]) == {"best@gt": "fits", "wandering@gt": "fits"}


def test_too_few_images_decide_nothing_but_which_was_best_here():
    few = entry("few@gt", (0.7,), ap_images=4)
    best = entry("best@gt", (0.75,), ap_images=4)
    assert answers([best, few], max_ap_loss=10) == {"best@gt": "fits", "few@gt": "undecided"}
    (found,) = recommend([best, few], Wishes(max_ap_loss=10)).undecided
    assert (
        found.why
        == "AP 70.0, 5.0 below the best, but over too few images with people to be certain"
    )
    assert found.command.endswith(" --limit 40")


def test_published_aps_have_no_interval_and_are_taken_as_they_are():
    rows = [
        replace(each, ap=None, ap_draws=(), ap_published=Published(ap, "detected", True, "paper"))
        for each, ap in ((BEST, 0.75), (WANDERING, 0.72))
    ]
    assert answers(rows, max_ap_loss=2.5) == {"best@gt": "fits", "wandering@gt": "out"}
    assert answers(rows, max_ap_loss=3) == {"best@gt": "fits", "wandering@gt": "fits"}


def test_another_wish_that_is_broken_excludes_whatever_ap_is():
    rows = [BEST, replace(WANDERING, fps_pose=3.0)]
    assert answers(rows, max_ap_loss=2.5, min_fps=4) == {"best@gt": "fits", "wandering@gt": "out"}


def test_speed_and_ap_may_both_be_open():
    rows = [BEST, replace(WANDERING, fps_interval=(9.0, 11.0))]
    found = recommend(rows, Wishes(max_ap_loss=2.5, min_fps=9.5)).undecided
    assert [each.constraint for each in found] == ["fps", "ap"]
    assert found[0].command == command(rows[1])


def test_images_that_would_decide():
    few = entry("few", (0.7,), ap_images=4)
    assert images_for(WANDERING, 3.0, (1.0, 4.5), 2.0) == 401  # for an interval of half the width
    assert images_for(WANDERING, 3.0, (2.9, 3.1), 2.0) == 101  # already decided
    assert images_for(WANDERING, 3.0, (1.0, 5.0), 3.0) is None
    assert images_for(few, 3.0, None, 2.0) == 40
    assert "--limit" not in accuracy_command(WANDERING, BEST, None)


def noisy(name, low, high, **changes):
    verdict = Verdict("noisy", ("interval \N{PLUS-MINUS SIGN}20%",))
    return entry(name, verdict=verdict, fps_interval=(low, high), **changes)


@pytest.mark.parametrize(
    ("wish", "expected"), [(7.9, "fits"), (8.1, "undecided"), (12, "undecided"), (12.1, "out")]
)
def test_a_noisy_speed_is_decided_where_its_whole_interval_is_on_one_side(wish, expected):
    assert answers([noisy("a", 8.0, 12.0)], min_fps=wish) == {"a": expected}


def test_a_noisy_speed_says_so_where_it_fits():
    (found,) = recommend([noisy("a", 8.0, 12.0)], Wishes(min_fps=5)).shortlist
    assert found.reasons[-1] == "noisy: interval \N{PLUS-MINUS SIGN}20%"


@pytest.mark.parametrize(
    "changes",
    [
        {"blocks": 4},
        {"frames": 9},
        {"fps_interval": None},
        {"verdict": Verdict("contended")},
        {"verdict": Verdict("throttled")},
        {"verdict": Verdict("drifting")},
    ],
)
def test_no_other_doubt_is_decided_by_an_interval(changes):
    made = replace(noisy("a", 8.0, 12.0), **changes)
    assert answers([made], min_fps=1000) == {"a": "undecided"}
    assert answers([replace(made, line_spread=None)], min_fps=1000, people=2) == {"a": "undecided"}


DISTURBED = [
    entry("contended", fps_pose=900.0, verdict=Verdict("contended")),
    entry("one frame", fps_pose=800.0, frames=1, blocks=1),
    noisy("noisy", 650.0, 750.0, fps_pose=700.0),
]


def test_what_comes_nearest_has_a_valid_speed():
    answer = recommend([*DISTURBED, entry("valid")], Wishes(min_fps=1000))
    assert answer.nearest == {"fps": "valid: 10.0 FPS"}


def test_where_no_speed_is_valid_nothing_comes_near():
    rows = [replace(each, peak_memory=10**8) for each in DISTURBED]
    answer = recommend(rows, Wishes(min_fps=1000, max_memory=10))
    assert answer.nearest["fps"] == "nothing is decided yet"
    assert answer.nearest["memory"].endswith(": 100 MB"), "which no noise could turn"


def test_what_may_be_faster_is_said_only_where_speed_is_what_is_missing():
    assert recommend([entry("valid")], Wishes(min_fps=1000)).faster
    assert not recommend([entry("valid")], Wishes(min_fps=1, max_memory=1)).faster


def test_an_undecided_ap_does_not_come_nearest():
    rows = [BEST, STEADY, replace(WANDERING, fps_pose=40.0)]
    assert (
        recommend(rows, Wishes(min_fps=50, max_ap_loss=2.5)).nearest["fps"] == "best@gt: 5.00 FPS"
    )


def test_both_kinds_of_openness_are_plain():
    (found,) = recommend([noisy("a", 8.0, 12.0)], Wishes(min_fps=9)).undecided
    assert isinstance(found, Undecided)
    assert found.why == "10.0 FPS, 8.00 to 12.0: too close to 9"
