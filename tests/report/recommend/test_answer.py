"""Recommendations: an example for every rule, and all rules against a plain oracle."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemark.report.recommend.answer import Wishes, page_data, recommend
from posemark.report.recommend.reasons import DOUBTED, ON_TRUTH
from posemark.report.result_row import Published, Verdict
from report_rows import bottom_up, row, seed, seed_measured


def entry(name, ap=0.7, ms=100.0, slope=0.0, boxes="simulated", **changes):
    """Return a row with a measured AP (0..1), milliseconds per frame, and more per person.

    Its AP is the same in every draw; other tests are about noise.
    """
    fields = {
        "entry": name,
        "letter": None,
        "weights": "official",
        "weights_licence": "MIT",
        "boxes": boxes,
        "ap": None if ap is None else {"AP": ap},
        "ap_draws": () if ap is None else (ap,) * 3,
        "ap_published": None,
        "fps_pose": 1000 / ms,
        "fps_interval": None,
        "intercept_ms": ms,
        "ms_per_person": slope,
        "most_people": 9,
        "peak_memory": None,
        "images": "same",
        "verdict": Verdict(),
    }
    return replace(row(), **fields | changes)


def published(name, ap, **changes):
    """Return a row with a published AP only."""
    known = Published(ap, "detected", True, "a paper") if ap is not None else None
    return entry(name, None, ap_published=known, **changes)


def names(choices):
    return [each.name for each in choices]


def shortlist(rows, **wishes):
    return names(recommend(rows, Wishes(**wishes)).shortlist)


def why(rows, constraint, **wishes):
    """Return the sentences of one constraint, by entry."""
    excluded = recommend(rows, Wishes(**wishes)).excluded
    return {each.name: each.why for each in excluded if each.constraint == constraint}


FAST, MIDDLE, BEST = entry("fast", 0.6, 20), entry("middle", 0.7, 50), entry("best", 0.75, 200)
THREE = [FAST, MIDDLE, BEST]


def test_without_wishes_the_shortlist_is_the_front_with_the_most_accurate_first():
    answer = recommend([*THREE, entry("worse", 0.69, 60)], Wishes())
    assert names(answer.shortlist) == ["best", "middle", "fast"]
    assert [(each.ap, each.fps) for each in answer.shortlist] == [(0.75, 5), (0.7, 20), (0.6, 50)]
    assert names(answer.beaten) == ["worse"]
    assert (answer.excluded, answer.gains, answer.nearest) == ((), {}, {})


def test_fitting_entries_with_an_invalid_speed_are_listed_apart_and_beat_no_other():
    contended = {"verdict": Verdict("contended", ("other work",))}
    busy = [entry("busy", 0.8, 10, **contended), entry("slower", 0.7, 20, **contended)]
    truth = [
        entry("drawn", 0.9, 10, boxes="gt"),
        entry("busy-drawn", 0.9, 9, boxes="gt", **contended),
    ]
    answer = recommend([*busy, *truth, *THREE], Wishes())
    assert {title: names(own) for title, own in answer.lists.items()} == {
        "": ["best", "middle", "fast"],
        ON_TRUTH: ["drawn"],
        DOUBTED: ["busy", "slower"],
        f"{DOUBTED}; {ON_TRUTH}": ["busy-drawn"],
    }
    assert {each.name: each.beaten_by for each in answer.beaten} == {"slower": "busy"}
    assert [each.name for each in answer.fitting if not each.speed_valid] == [
        *("busy", "slower", "busy-drawn")
    ]


@pytest.mark.parametrize(
    ("ap", "ms", "how"),
    [
        (0.69, 60, "better in both"),
        (0.7, 60, "as accurate and faster"),
        (0.69, 50, "as fast and more accurate"),
    ],
)
def test_what_fits_but_is_beaten_says_by_which_and_how(ap, ms, how):
    beaten = recommend([MIDDLE, entry("worse", ap, ms)], Wishes()).beaten
    assert [(each.name, each.beaten_by) for each in beaten] == [("worse", "middle")]
    assert beaten[0].reasons[0] == f"also fits, but middle came out {how}"


def test_the_minimum_speed_is_a_speed_that_fits():
    assert shortlist(THREE, min_fps=20) == ["middle", "fast"]
    assert why(THREE, "fps", min_fps=20) == {"best": "5.00 FPS, wanted 20"}


def test_speed_is_judged_at_the_people_of_the_app():
    rows = [entry("top-down", 0.7, 10, slope=40), entry("bottom-up", 0.7, 100, slope=1)]
    assert shortlist(rows, people=1) == ["top-down"]
    assert shortlist(rows, people=8) == ["bottom-up"]
    assert why(rows, "fps", people=9, min_fps=9) == {
        "top-down": "2.70 FPS with 9 people, wanted 9",
    }


def test_speed_beyond_the_people_of_the_run_is_marked():
    reasons = why([entry("a", 0.7, 10, slope=1)], "fps", people=30, min_fps=100)["a"]
    assert reasons.startswith("25.0 FPS with 30 people (extrapolated: at most 9 in a frame")
    fitting = recommend([entry("a", 0.7, 10, slope=1)], Wishes(people=30)).shortlist[0]
    assert "extrapolated" in fitting.reasons[1]
    within = recommend([entry("a", 0.7, 10, slope=1)], Wishes(people=9)).shortlist[0]
    assert within.reasons[1] == "52.6 FPS with 9 people"


def test_an_unknown_speed_excludes_even_without_a_wish():
    flat = entry("flat", intercept_ms=None, ms_per_person=None)
    assert shortlist([flat]) == ["flat"]
    assert "its time over people is unknown" in why([flat], "fps", people=2)["flat"]
    assert why([entry("timeless", fps_pose=None)], "fps") == {"timeless": "no time measured"}


def test_ap_may_fall_by_the_points_that_are_allowed_and_no_more():
    rows = [entry("best", 0.764, 200), entry("exact", 0.744, 100), entry("low", 0.7439, 50)]
    assert shortlist(rows, max_ap_loss=2) == ["best", "exact"]
    assert why(rows, "ap", max_ap_loss=2) == {"low": "AP 74.4, 2.0 below the best, wanted 2"}
    assert shortlist(rows, max_ap_loss=0) == ["best"]


def test_the_best_ap_counts_even_if_that_row_fits_nothing_else():
    assert why(THREE, "ap", max_ap_loss=6, min_fps=10) == {
        "fast": "AP 60.0, 15.0 below the best, wanted 6"
    }
    assert shortlist(THREE, max_ap_loss=6, min_fps=10) == ["middle"]


def test_measured_ap_is_never_mixed_with_published_ap():
    rows = [MIDDLE, published("paper", 0.9), published("nothing", None)]
    assert shortlist(rows) == ["middle"]
    assert why(rows, "ap") == {
        "paper": "no AP measured here (published 90.0)",
        "nothing": "no AP measured here",
    }


def test_published_ap_counts_where_none_was_measured_and_the_answer_says_so():
    rows = [published("paper", 0.9), published("nothing", None)]
    answer = recommend(rows, Wishes())
    assert names(answer.shortlist) == ["paper"]
    as_published = "APs are as published (boxes: detected; flip test)"
    assert f"No AP was measured here, so {as_published}" in answer.notes[0]
    assert "the speed was measured here (no flip test)" in answer.notes[0]
    assert why(rows, "ap") == {"nothing": "no AP measured or published for it"}


def test_ap_over_other_images_is_no_ap():
    rows = [FAST, MIDDLE, replace(BEST, images="fewer", frames=240, ap_images=120)]
    assert shortlist(rows) == ["middle", "fast"]
    assert why(rows, "ap") == {
        "best": "its AP is over other images or sigmas than most (120 images)"
    }


def test_rows_on_annotated_boxes_come_last_and_beat_no_other():
    rows = [entry("gt", 0.9, 10, boxes="gt"), entry("gt worse", 0.8, 20, boxes="gt"), MIDDLE]
    answer = recommend(rows, Wishes(max_ap_loss=20))
    assert names(answer.shortlist) == ["middle", "gt"]
    assert names(answer.beaten) == ["gt worse"]
    assert [each.on_truth for each in answer.shortlist] == [False, True]
    assert not any("detector" in reason for each in answer.fitting for reason in each.reasons)
    assert "The best AP is 70.0 (middle), on ground-truth boxes 90.0 (gt)." in answer.notes
    assert shortlist(rows, max_ap_loss=0) == ["middle", "gt"]


def test_commercial_excludes_all_that_is_not_permissive_with_its_reason():
    rows = [
        MIDDLE,
        entry("copyleft", 0.8, licence="AGPL-3.0"),
        entry("closed", 0.8, weights_licence="CC-BY-NC-4.0"),
        entry("unknown", 0.8, weights_licence=None),
        entry("formula", 0.65, 10, weights="none"),
    ]
    assert shortlist(rows, commercial=True) == ["middle", "formula"]
    reasons = why(rows, "licence", commercial=True)
    assert list(reasons) == ["copyleft", "closed", "unknown"]
    assert "obligations" in reasons["copyleft"]
    formula = recommend(rows, Wishes(commercial=True)).shortlist[1]
    assert "weights to be chosen: check their licence" in formula.reasons[2]


def test_memory_must_be_known_and_small_enough():
    rows = [
        entry("small", 0.7, peak_memory=800_000_000),
        entry("large", 0.8, peak_memory=1_200_000_001),
        entry("unknown", 0.9),
    ]
    assert shortlist(rows, max_memory=1_200_000_000) == ["small"]
    assert why(rows, "memory", max_memory=1_200_000_000) == {
        "large": "1.20 GB, wanted 1.20 GB",
        "unknown": "peak memory unknown, as the run used --no-isolate: run again without it",
    }
    assert recommend(rows, Wishes(max_memory=800_000_000)).shortlist[0].reasons[2] == "800 MB"


def test_a_flawed_speed_may_be_chosen_but_says_so():
    noisy = replace(MIDDLE, verdict=Verdict("noisy", ("interval ±8.3%", "else fine")))
    assert recommend([noisy], Wishes()).shortlist[0].reasons[-1] == "noisy: interval ±8.3%"


def test_only_the_largest_group_of_comparable_rows_is_judged():
    bad = entry("bad", 0.9, verdict=Verdict("incomparable", ("resumed on 4 cores",)))
    rows = [replace(BEST, machine="Jetson Orin, 6 cores"), bad, FAST, MIDDLE]
    assert shortlist(rows, max_ap_loss=0) == ["middle"]
    reasons = why(rows, "comparable", min_fps=1000)
    assert reasons["best"].startswith("measured under other conditions: Jetson Orin, 6 cores")
    assert reasons["bad"] == "incomparable: resumed on 4 cores"
    assert list(why(rows, "fps", min_fps=1000)) == ["fast", "middle"]


def test_a_row_is_listed_under_every_constraint_that_it_violates():
    rows = [entry("bad", 0.5, 1000, licence="GPL-3.0", peak_memory=10**10), MIDDLE]
    wishes = Wishes(min_fps=5, max_ap_loss=1, commercial=True, max_memory=10**9)
    broken = [each.constraint for each in recommend(rows, wishes).excluded if each.name == "bad"]
    assert broken == ["fps", "ap", "licence", "memory"]


def test_every_wish_shows_what_the_shortlist_would_gain_without_it():
    answer = recommend(THREE, Wishes(min_fps=10, max_ap_loss=6))
    assert names(answer.shortlist) == ["middle"]
    assert answer.gains == {"fps": ("best",), "ap": ("fast",)}


def test_where_nothing_fits_each_wish_names_what_comes_nearest():
    wishes = Wishes(min_fps=60, max_ap_loss=1, max_memory=10**9)
    sizes = zip(THREE, (9 * 10**8, 8 * 10**8, None), strict=True)
    rows = [replace(each, peak_memory=size) for each, size in sizes]
    nearest = recommend(rows, wishes).nearest
    assert nearest == {
        "fps": "fast: 50.0 FPS",
        "ap": "best: AP 75.0, the best",
        "memory": "middle: 800 MB",
    }
    only_slow = Wishes(min_fps=60, max_ap_loss=6)  # fast violates both, best only the first
    assert recommend(THREE, only_slow).nearest["fps"] == "middle: 20.0 FPS"


def test_a_licence_that_no_entry_has_names_the_nearest_with_its_reason():
    rows = [entry("closed", licence="CMU non-commercial"), entry("copyleft", licence="GPL-3.0")]
    assert recommend(rows, Wishes(commercial=True)).nearest == {
        "licence": "copyleft: code licence GPL-3.0 is copyleft: commercial use comes with "
        "obligations"
    }


def test_nothing_comparable_is_said_and_no_error():
    answer = recommend([replace(MIDDLE, verdict=Verdict("incomparable"))], Wishes(min_fps=1))
    assert (answer.shortlist, len(answer.notes)) == ((), 1)
    assert answer.notes[0].startswith("No result here can be compared with another")


def test_without_people_the_number_of_people_in_the_frames_is_stated():
    rows = [replace(MIDDLE, persons=1000, frames=500), replace(FAST, persons=2000, frames=500)]
    note = "FPS is with the people of these frames, 2.00\N{EN DASH}4.00 on average; see --people."
    assert [note in recommend(rows, Wishes(people=n)).notes for n in (None, 2)] == [True, False]


def test_entries_of_equal_name_are_distinguished():
    rows = [replace(MIDDLE, runtime="torch"), replace(MIDDLE, runtime="onnxruntime", fps_pose=40)]
    answer = recommend(rows, Wishes())
    assert names(answer.shortlist) == ["middle, onnxruntime"]
    assert answer.beaten[0].beaten_by == "middle, onnxruntime"


def test_the_posts_entries_are_answered_as_published():
    answer = recommend(seed(), Wishes(min_fps=1, people=5, max_ap_loss=3, commercial=True))
    assert names(answer.shortlist) == ["g dark-w32-256x192@detected", "b hrnet-w32-256x192@gt"]


def test_the_page_gets_plain_values_of_every_row():
    rows = [*seed_measured(), published("paper", 0.9), replace(MIDDLE, machine="another")]
    data = page_data(rows)
    assert json.loads(json.dumps(data)) == data
    assert len(data) == len(rows)
    own, first = rows[0], data[0]
    assert (first["ap"], first["ap_source"], first["fps"]) == (0.733, "measured", own.fps_pose)
    assert (first["base"], first["slope"]) == (own.intercept_ms, own.ms_per_person)
    assert (first["licence"], first["on_truth"]) == ("unknown", False)
    assert data[1]["on_truth"]
    assert data[-1]["not_comparable"].startswith("measured under other conditions")
    assert (data[-2]["ap"], data[-2]["ap_why"]) == (None, "no AP measured here (published 90.0)")
    assert page_data([bottom_up(0)])[0]["licence_why"].startswith("code licence MIT")


# The oracle: the same rules over plain dictionaries, by loops and comparisons.

FACTS = st.fixed_dictionaries(
    {
        "sound": st.sampled_from([True, True, True, False]),
        "gt": st.booleans(),
        "measured": st.sampled_from([None, 0.5, 0.6, 0.62, 0.7]),
        "published": st.sampled_from([None, 0.55, 0.65, 0.9]),
        "line": st.sampled_from([None, (50.0, 0.0), (10.0, 20.0), (90.0, 2.0), (5.0, 19.0)]),
        "machine": st.sampled_from("AAAB"),
        "images": st.sampled_from("SSST"),
        "fps_pose": st.sampled_from([None, 5.0, 10.0, 20.0, 40.0]),
        "licence": st.sampled_from(["MIT", "GPL-3.0", ""]),
        "weights": st.sampled_from(["none", "official"]),
        "weights_licence": st.sampled_from(["Apache-2.0", "CC-BY-NC-4.0", None]),
        "peak_memory": st.sampled_from([None, 500, 1000, 2000]),
    }
)
WISHES = st.builds(
    Wishes,
    min_fps=st.sampled_from([None, 8.0, 10.0, 30.0]),
    people=st.sampled_from([None, 1, 5]),
    max_ap_loss=st.sampled_from([None, 0.0, 2.0, 10.0]),
    commercial=st.booleans(),
    max_memory=st.sampled_from([None, 500, 1500]),
)


def as_row(index, facts):
    """Return a row: some facts are turned into fields, the others are fields already."""
    rest = dict(facts)
    sound, gt, measured, known, line = (
        rest.pop(name) for name in ("sound", "gt", "measured", "published", "line")
    )
    return entry(
        str(index),
        measured,
        boxes="gt" if gt else "simulated",
        verdict=Verdict() if sound else Verdict("incomparable", ("why",)),
        ap_published=Published(known, "detected", True, "paper") if known else None,
        intercept_ms=line and line[0],
        ms_per_person=line and line[1],
        **rest,
    )


def most_common(values):
    """Return the most frequent value, the first if several are; None without values."""
    return max(values, key=values.count, default=None)


def field_of(all_facts):
    """Return (index, facts, AP) of the group that is judged."""
    sound = [(at, facts) for at, facts in enumerate(all_facts) if facts["sound"]]
    machine = most_common([facts["machine"] for _, facts in sound])
    group = [(at, facts) for at, facts in sound if facts["machine"] == machine]
    measured = [facts for _, facts in group if facts["measured"] is not None]
    images = most_common([facts["images"] for facts in measured])
    found = []
    for at, facts in group:
        own = facts["measured"] if facts["images"] == images else None
        found.append((at, facts, own if measured else facts["published"]))
    return found


def speed_of(facts, people):
    if people is None:
        return facts["fps_pose"]
    if facts["line"] is None:
        return None
    return 1000 / (facts["line"][0] + facts["line"][1] * people)


def fits(facts, ap, fps, best, wishes):
    if ap is None or fps is None or (wishes.min_fps is not None and fps < wishes.min_fps):
        return False
    if wishes.max_ap_loss is not None and round(100 * (best - ap), 6) > wishes.max_ap_loss:
        return False
    free = facts["weights"] == "none" or facts["weights_licence"] == "Apache-2.0"
    if wishes.commercial and not (free and facts["licence"] == "MIT"):
        return False
    most, memory = wishes.max_memory, facts["peak_memory"]
    return most is None or (memory is not None and memory <= most)


def oracle(all_facts, wishes):
    """Return the names of the shortlist in order, and of all entries that fit."""
    field = field_of(all_facts)
    kept = []
    for at, facts, ap in field:
        peers = [a for _, other, a in field if other["gt"] == facts["gt"] and a is not None]
        fps = speed_of(facts, wishes.people)
        if fits(facts, ap, fps, max(peers, default=None), wishes):
            kept.append((facts["gt"], -ap, -fps, at))
    front = []
    for own in kept:
        better = [o for o in kept if o[0] == own[0] and o[1] <= own[1] and o[2] <= own[2]]
        if all(other[1:3] == own[1:3] for other in better):
            front.append(own)
    return [str(at) for *_, at in sorted(front)], {str(at) for *_, at in kept}


@settings(max_examples=400, deadline=None)
@given(st.lists(FACTS, max_size=9), WISHES)
def test_the_answer_is_that_of_the_oracle(all_facts, wishes):
    rows = [as_row(at, facts) for at, facts in enumerate(all_facts)]
    answer = recommend(rows, wishes)
    front, kept = oracle(all_facts, wishes)
    assert names(answer.shortlist) == front
    assert {*names(answer.shortlist), *names(answer.beaten)} == kept
    assert {each.name for each in answer.excluded} == {row.entry for row in rows} - kept
    nothing = {"fps": "min_fps", "ap": "max_ap_loss", "memory": "max_memory"}
    less = {name: replace(wishes, **{field: None}) for name, field in nothing.items()}
    less["licence"] = replace(wishes, commercial=False)
    for constraint, fewer in less.items():
        gained = [name for name in oracle(all_facts, fewer)[0] if name not in front]
        assert answer.gains.get(constraint) == (None if fewer == wishes else tuple(gained))
