"""The time a run will take, in words."""

import pytest

from posemark.cli import expected_time
from posemark.cli.expected_time import Plan, announcement, in_words, round_limit
from posemark.run.measurement import Standing

HOUR = 3600


def plan(entries=1, frames=5000, ends=False, until=False, time=None):
    return Plan(entries, frames, ends, until, time)


def said(plan, *seconds, unable=()):
    standings = {n: Standing(seconds_left=each) for n, each in enumerate(seconds)}
    return announcement(plan, standings, list(unable))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (75, "75 s"),
        (119, "119 s"),
        (125, "2 min"),
        (5000, "83 min"),
        (9 * HOUR, "9 hours"),
        (40 * HOUR, "40 hours"),
        (4 * 24 * HOUR, "4 days"),
    ],
)
def test_a_time_is_rounded_to_what_people_say(seconds, words):
    assert in_words(seconds) == words


def test_days_come_with_a_shorter_run_that_fits_into_a_night():
    first, second = said(plan(), 4 * 24 * HOUR)
    assert first == "expected: about 4 days"
    assert second == (
        "all 5,000 frames of each entry are measured; --limit 500 takes about 10 hours, "
        "--within 1h divides one hour among the entries"
    )


def test_hours_come_with_a_run_of_an_hour_at_most():
    _, second = said(plan(), 2 * HOUR, 3 * HOUR)
    assert "--limit 1000 takes about 60 min" in second


@pytest.mark.parametrize(
    "changes", [{"ends": True}, {"until": True}], ids=["has an end", "ends by its precision"]
)
def test_who_gave_an_end_gets_no_advice(changes):
    (line,) = said(plan(**changes), 50 * HOUR)
    assert ("at most" in line) is changes.get("until", False)


def test_a_short_run_needs_no_advice():
    assert said(plan(2), 300, 300) == ["expected: about 10 min"]


def test_frames_of_hours_leave_only_the_common_time():
    _, second = said(plan(), 5000 * 10 * HOUR)
    assert "--limit" not in second
    assert "--within 1h" in second


def test_of_a_part_of_the_entries_it_is_said_which_part():
    assert said(plan(25), 300, 300) == ["expected: about 10 min for 2 of 25 entries"]


def test_a_run_without_end_is_not_guessed():
    assert said(plan(2), 300, None) == []


def test_a_common_time_says_who_will_stay_short():
    assert said(plan(3, time=420), 1e6, 10, unable=["slow@detected", "slow@multi"]) == [
        "expected: 7 min in all, as given by --within",
        "the time is too short for 5 blocks of: slow@detected, slow@multi",
    ]


@pytest.mark.parametrize("most", [9.9, 10, 19, 20, 49, 50, 99, 100, 520, 1000, 7e6])
def test_a_limit_is_a_round_number_that_is_not_above_it(most):
    found = round_limit(most)
    assert found <= most
    assert most < 10 or most < 2.5 * found
    assert str(found).rstrip("0") in ("", "1", "2", "5")


def test_pace_is_the_rate_since_the_first_images_and_the_time_left_at_it(monkeypatch):
    moments = iter([10, 10, 12, 14])
    monkeypatch.setattr(expected_time, "now_ns", lambda: next(moments) * 10**9)
    pace = expected_time.Pace()
    assert pace.after(done=64, left=150) == "time left unknown"
    assert pace.after(done=114, left=100) == "25 images/s, about 4 s left"
    assert pace.after(done=164, left=0) == "25 images/s, about 1 s left"
