"""Hints at faster settings: from other settings of the same network, and only beyond noise."""

from dataclasses import replace

import report_rows
from posemark.report.faster_settings import sentences
from posemark.report.recommend.answer import Wishes, recommend


def run(runtime, fps, half=0.1, **changes):
    """Return a row of one network in a runtime."""
    made = report_rows.measured(network="net", runtime=runtime, entry=f"net@gt+{runtime}")
    interval = (fps * (1 - half), fps * (1 + half))
    return replace(made, fps_pose=fps, fps_interval=interval, **changes)


EAGER, FAST = run("torch", 2.0), run("openvino", 5.0)


def test_the_setting_and_the_gain_that_was_measured_are_named():
    said = sentences([EAGER, FAST], [EAGER, FAST])
    assert said[0] == "These were measured in torch fp32 (eager) and openvino fp32."
    assert said[1].startswith("On this machine openvino fp32 ran ")
    assert said[1].endswith(" 2.5 times as fast as torch fp32 (eager): 5.00 against 2.00 FPS.")


def test_one_setting_has_no_gain():
    assert sentences([EAGER], [EAGER]) == ("All of these were measured in torch fp32 (eager).",)


def test_no_gain_is_said_from_noise_from_other_work_or_from_undecided_rows():
    near = run("openvino", 2.3)  # 2.07 to 2.53 against 1.8 to 2.2
    others = [near, replace(FAST, network="other"), replace(FAST, boxes="another")]
    for other in others:
        assert len(sentences([EAGER, other], [EAGER, other])) == 1
    assert len(sentences([EAGER, FAST], [EAGER])) == 1


def test_it_is_said_where_speed_was_asked_for_and_nothing_fits():
    rows = [EAGER, FAST]
    assert "2.5 times as fast" in recommend(rows, Wishes(min_fps=100.0)).faster[1]
    assert recommend(rows, Wishes(min_fps=1.0)).faster == ()
    assert recommend(rows, Wishes(max_memory=1)).faster == ()
