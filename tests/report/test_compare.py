"""Comparing two runs of an entry: pairing, refusals, and the verdict on a change."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import made_records as records
from posemark.measure.speed_interval import Interval
from posemark.records.schema import FrameLine, Source
from posemark.report import compare
from posemark.report.compare import Change, Comparison
from posemark.report.result_row import Verdict

BLOCKS, FRAMES = 40, 8
PEOPLE = np.random.default_rng(7).integers(1, 6, BLOCKS * FRAMES)


def blocks(times, count=BLOCKS):
    """Return blocks of frames in which image k takes times[k] nanoseconds."""
    lines = [
        records.frame(at, max(1000, int(ns)), boxes=int(PEOPLE[at % len(PEOPLE)]))
        for at, ns in enumerate(times)
    ]
    return [lines[at::count] for at in range(count)]


def steady(factor=1.0):
    """Return times of frames that take 10 ms plus 20 ms per person."""
    return (10 + 20 * PEOPLE) * 1e6 * factor


def noisy(seed, share, factor=1.0):
    """Return such times with noise: one factor per block and one per frame, equally large."""
    chance = np.random.default_rng(seed)
    of_block = np.tile(chance.normal(1, share, BLOCKS), FRAMES)
    return steady(factor) * of_block * chance.normal(1, share, BLOCKS * FRAMES)


@pytest.fixture
def pair(tmp_path):
    """Return the change between two records of blocks of frames; each side has its options."""

    def make(base, new, base_options=None, new_options=None, margin=compare.ALIKE):
        sides = []
        for name, lines, options in (("base", base, base_options), ("new", new, new_options)):
            head, rest = {}, {}
            for key, value in (options or {}).items():
                (rest if key in ("sentinel_ns", "killed", "resumed") else head)[key] = value
            folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
            sides.append([records.made(folder, records.header(**head), lines, **rest)])
        return compare.compare(*sides, margin).changes[0]

    return make


def test_two_equal_runs_have_not_changed(pair):
    change = pair(blocks(steady()), blocks(steady()))
    assert (change.call, change.ratio) == ("no change", 1.0)
    assert (change.time.low, change.time.high) == pytest.approx((1, 1))
    assert change.fps[0] == change.fps[1] == pytest.approx(1e9 / steady().mean())
    assert (change.frames, change.unpaired) == (BLOCKS * FRAMES, (0, 0))


# At 1 % the least change that is reported protects as well; at 9 % only the interval does.
@pytest.mark.parametrize("share", [0.01, 0.09])
def test_at_most_one_of_twenty_pairs_of_equal_runs_is_called_changed(pair, share):
    calls = [
        pair(blocks(noisy(2 * seed, share)), blocks(noisy(2 * seed + 1, share))).call
        for seed in range(40)
    ]
    assert sum(call in ("slower", "faster") for call in calls) <= 2


def test_five_per_cent_are_found_in_nineteen_of_twenty_pairs(pair):
    changes = [
        pair(blocks(noisy(2 * seed, 0.01)), blocks(noisy(2 * seed + 1, 0.01, factor=1.05)))
        for seed in range(40)
    ]
    assert sum(change.call == "slower" for change in changes) >= 38
    assert np.mean([change.ratio for change in changes]) == pytest.approx(1.05, abs=0.003)


def test_a_faster_run_is_called_faster(pair):
    change = pair(blocks(noisy(0, 0.01)), blocks(noisy(1, 0.01, factor=0.8)))
    assert change.call == "faster"
    assert change.fps[1] / change.fps[0] == pytest.approx(1 / change.ratio)


def test_a_proven_change_too_small_to_mean_anything_is_none(pair):
    change = pair(blocks(steady()), blocks(steady(1.015)))
    assert change.time.low > 1
    assert change.call == "no change"
    assert "significant, but below 2%" in change.why[0]


def test_noise_wider_than_the_margin_is_inconclusive(pair):
    loud = blocks(noisy(0, 0.3)), blocks(noisy(1, 0.3))
    assert pair(*loud).call == "inconclusive"
    assert "beyond ±5%" in pair(*loud).why[0]
    assert pair(*loud, margin=0.5).call == "no change"
    some = blocks(noisy(78, 0.09)), blocks(noisy(79, 0.09))
    for change in (pair(*some), pair(*some[::-1])):
        assert (change.time.low > 0.95) != (change.time.high < 1.05)  # one end is beyond
        assert change.call == "inconclusive"


@pytest.mark.parametrize("side", [0, 1])
def test_load_that_comes_and_goes_leaves_the_sentinel_where_it_was_and_decides_nothing(pair, side):
    loaded = {"sentinel_ns": [records.SENTINEL_NS * (2 if at % 4 == 0 else 1) for at in range(40)]}
    options = [loaded if at == side else None for at in range(2)]
    change = pair(blocks(noisy(0, 0.01)), blocks(noisy(1, 0.01, factor=1.2)), *options)
    assert change.sentinel == 1
    assert change.verdicts[side].kind == "contended"
    assert change.call == "inconclusive"
    assert "the machine was disturbed" in change.why[0]
    comparison = Comparison((change,), (), ())
    assert compare.slower_by(comparison, 0.05) == []
    assert compare.undecided(comparison, 0.05) == [change.entry]


def test_four_blocks_give_no_interval_but_a_ratio(pair):
    times = steady()[:16]
    change = pair(blocks(times, 4), blocks(1.5 * times, 4))
    assert (change.call, change.time) == ("inconclusive", None)
    assert change.ratio == pytest.approx(1.5)
    assert change.why[0] == "no interval: 4 blocks with pairs, 5 are needed"


def made(tmp_path, name, lines, **options):
    return records.made(tmp_path / name, records.header(), lines, **options)


def frames(*pairs):
    return [records.frame(image, ns) for image, ns in pairs]


def test_frames_are_paired_by_image_in_blocks_of_base(tmp_path):
    base = made(tmp_path, "base", [frames((1, 100), (2, 200)), frames((3, 300)), frames((4, 400))])
    new = made(tmp_path, "new", [frames((4, 41), (2, 21)), frames((9, 91), (1, 11))])
    assert compare.paired(base, new) == [[(100, 11), (200, 21)], [(400, 41)]]


def test_the_second_time_an_image_came_belongs_to_its_second_time(tmp_path):
    base = made(
        tmp_path, "base", [frames((1, 100), (2, 200)), frames((1, 101), (2, 201), (1, 102))]
    )
    new = made(tmp_path, "new", [frames((1, 10), (1, 11), (2, 20))])
    assert compare.paired(base, new) == [[(100, 10), (200, 20)], [(101, 11)]]


def test_failed_frames_have_no_partner_and_do_not_count_as_a_time(tmp_path):
    failed = FrameLine(1, error="no people"), FrameLine(3, error="torn")
    base = made(tmp_path, "base", [[failed[0], *frames((2, 200))], frames((1, 100), (3, 300))])
    new = made(tmp_path, "new", [frames((1, 10)), [failed[1], *frames((2, 20))]])
    assert compare.paired(base, new) == [[(200, 20)], [(100, 10)]]


def test_frames_of_the_block_that_a_killed_run_was_in_count(tmp_path):
    lines = [frames((1, 100)), frames((2, 200))]
    base = made(tmp_path, "base", lines, killed=True)
    assert base.blocks[-1].readings is None
    assert compare.paired(base, made(tmp_path, "new", lines)) == [[(100, 100)], [(200, 200)]]


def test_a_killed_run_is_compared_over_what_it_finished(pair):
    whole = blocks(steady())
    change = pair(whole, blocks(steady(1.1))[:30], new_options={"killed": True})
    assert (change.call, change.frames, change.unpaired) == ("slower", 30 * FRAMES, (80, 0))
    assert any("80 frames in only one of the runs" in line for line in compare.remarks(change))


def test_frames_that_a_camera_dropped_have_no_partner(pair):
    paced = {"settings": {"mode": "paced", "camera_fps": 30.0}}
    seen = [[replace_skipped(line) for line in block[::2]] for block in blocks(steady(1.3))]
    change = pair(blocks(steady()), seen, paced, paced)
    assert (change.call, change.frames) == ("slower", BLOCKS * FRAMES // 2)
    assert change.unpaired == (BLOCKS * FRAMES // 2, 0)


def replace_skipped(line):
    return FrameLine(line.image_id, line.boxes, 0, line.stages, line.frame_ns, skipped=1)


def test_no_image_in_both_is_incomparable(pair):
    other = [[records.frame(1000 + line.image_id, 10**7) for line in b] for b in blocks(steady())]
    change = pair(blocks(steady()), other)
    assert (change.call, change.why) == ("incomparable", ("No image was measured in both runs.",))
    assert (change.time, change.ratio, change.fps) == (None, None, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"environment": records.ENVIRONMENT | {"cpu": "Intel N100"}}, "several machines"),
        ({"environment": records.ENVIRONMENT | {"cores": 4}}, "several machines"),
        ({"settings": {"threads": 1}}, "1 thread: new"),
        ({"data": Source("sample", "fedcba9876543210")}, "fedcba9876543210"),
        ({"boxes": Source("simulated", "fedcba98")}, "gt: base; simulated: new"),
        ({"settings": {"min_score": 0.5}}, "several sets of boxes"),
        ({"settings": {"mode": "sustained"}}, "sustained: new"),
    ],
    ids=["cpu", "cores", "threads", "data", "boxes", "min_score", "mode"],
)
def test_other_work_or_another_machine_is_refused(pair, options, words):
    change = pair(blocks(steady()), blocks(steady(2)), new_options=options)
    assert change.call == "incomparable"
    assert words in change.why[0]
    assert "base" in change.why[0]
    assert (change.time, change.ratio, change.fps) == (None, None, None)


def test_a_record_whose_own_verdict_is_incomparable_is_refused(pair):
    moved = {"resumed": records.ENVIRONMENT | {"cores": 4}}
    change = pair(blocks(steady()), blocks(steady()), new_options=moved)
    assert change.call == "incomparable"
    assert "resumed in another environment" in change.why[0]
    assert change.verdicts[1].kind == "incomparable"


def test_what_is_compared_is_shown_and_not_refused(pair):
    changed = {
        "settings": {"runtime": "onnxruntime", "precision": "int8"},
        "environment": records.ENVIRONMENT | {"libraries": {"torch": "2.7.0", "onnx": "1.2"}},
        "posemark": "0.5",
        "decoder": 2,
        "weights": Source("official", "9f8e7d6c5b4a"),
    }
    change = pair(blocks(steady()), blocks(steady(0.5)), new_options=changed)
    assert change.call == "faster"
    assert change.settings == (
        "runtime: torch -> onnxruntime",
        "precision: fp32 -> int8",
        "decoder: 1 -> 2",
        "weights: none (formula-) -> official (9f8e7d6c)",
        "posemark: 0.4 -> 0.5",
        "torch: 2.6.0 -> 2.7.0",
        "numpy: 2.1.0 -> none",
        "onnx: none -> 1.2",
    )


def test_packages_that_only_a_bundle_or_only_a_run_notes_are_no_difference(pair):
    """A bundle notes what it uses; `posemark run` notes all of PoseMark's packages."""
    libraries = {"torch": None, "numpy": "1.19.5", "opencv": "4.1.1"}
    changed = {"environment": records.ENVIRONMENT | {"libraries": libraries, "edge": {}}}
    change = pair(blocks(steady()), blocks(steady()), new_options=changed)
    assert change.settings == ("torch: 2.6.0 -> none", "numpy: 2.1.0 -> 1.19.5")


def moved(share):
    return {"sentinel_ns": round(records.SENTINEL_NS * (1 + share))}


@pytest.mark.parametrize(
    ("factor", "sentinel", "call"),
    [
        (1.10, 0.10, "inconclusive"),  # the machine may explain all of it
        (1.10, -0.12, "inconclusive"),
        (1.00, 0.10, "inconclusive"),  # the machine may hide it
        (1.30, 0.10, "slower"),  # the machine explains a third
        (0.70, 0.10, "faster"),
        (1.10, 0.02, "slower"),  # no relevant change of the machine
    ],
)
def test_a_machine_in_another_state_takes_the_call_away(pair, factor, sentinel, call):
    change = pair(blocks(steady()), blocks(steady(factor)), new_options=moved(sentinel))
    assert change.sentinel == pytest.approx(1 + sentinel)
    assert change.call == call
    wordings = {"inconclusive": "changed by {}: the machine was not in the same state"}
    words = wordings.get(call, "changed by {}, which is less").format(compare.signed(1 + sentinel))
    assert words in change.why[0] if abs(sentinel) > 0.03 else change.why == ()


def test_what_little_the_interval_leaves_beyond_the_sentinel_is_not_enough(pair):
    base, new = blocks(noisy(0, 0.05)), blocks(noisy(1, 0.05, factor=1.1))
    settled = pair(base, new)
    beyond = settled.ratio - 1 - settled.time.half_width * settled.ratio
    assert beyond > compare.SENTINEL_MOVED
    assert pair(base, new, new_options=moved(beyond - 0.005)).call == "slower"
    assert pair(base, new, new_options=moved(beyond + 0.005)).call == "inconclusive"


def test_the_sentinel_is_compared_by_its_median(pair):
    stumbled = [5 * records.SENTINEL_NS] * 3 + [records.SENTINEL_NS] * (BLOCKS - 3)
    change = pair(blocks(steady()), blocks(steady(1.1)), {"sentinel_ns": stumbled})
    assert (change.sentinel, change.call) == (1.0, "slower")


def test_both_verdicts_are_kept_and_flaws_are_reported(pair):
    stumbled = [2 * records.SENTINEL_NS if at % 4 == 0 else records.SENTINEL_NS for at in range(40)]
    change = pair(blocks(steady()), blocks(steady(1.1)), new_options={"sentinel_ns": stumbled})
    assert [each.kind for each in change.verdicts] == ["valid", "contended"]
    assert any(line.startswith("new is contended: sentinel") for line in change.why)


def posed(count, shift):
    """Return frames with one person each, found this many pixels off."""
    lines = [
        records.frame(at, 10**7, poses=records.people(records.annotation(at), shift))
        for at in range(count)
    ]
    return [lines[at::6] for at in range(6)]


def test_ap_is_compared_over_the_same_images_only(pair):
    real = {"weights": Source("official", "9f8e")}
    change = pair(posed(12, 0.0), posed(12, 30.0), real, real)
    assert change.ap[0] == pytest.approx(1.0)
    assert change.ap_difference == pytest.approx(change.ap[1] - 1)
    assert change.ap_difference < -0.1
    fewer = pair(posed(12, 0.0), posed(11, 30.0), real, real)
    assert fewer.ap[1] is not None
    assert (fewer.ap_difference, fewer.call) == (None, "no change")


def test_without_real_weights_there_is_no_ap(pair):
    change = pair(blocks(steady()), blocks(steady()))
    assert (change.ap, change.ap_difference) == ((None, None), None)


def test_entries_are_paired_by_name_and_the_others_are_listed(tmp_path):
    lines = blocks(steady())

    def side(name, entries):
        return [records.made(tmp_path / name, records.header(each), lines) for each in entries]

    found = compare.compare(side("base", ["a@gt", "b@gt"]), side("new", ["c@gt", "b@gt"]))
    assert [change.entry for change in found.changes] == ["b@gt"]
    assert (found.only_base, found.only_new) == (("a@gt",), ("c@gt",))
    assert compare.alone(found) == ["only in base: a@gt", "only in new: c@gt"]


def test_a_folder_or_a_file_can_be_compared(tmp_path):
    for entry in ("a@gt", "b@gt"):
        path = records.write(tmp_path, records.header(entry), blocks(steady()))
    assert [each.header.entry for each in compare.load(tmp_path)] == ["a@gt", "b@gt"]
    assert [each.header.entry for each in compare.load(path)] == ["b@gt"]


CHANGE = Change(
    entry="small@gt",
    call="slower",
    why=(),
    settings=("runtime: torch -> onnxruntime",),
    frames=320,
    unpaired=(0, 0),
    fps=(12.345, 11.4),
    ratio=1.083,
    time=Interval(1.083, 1.07, 1.095),
    sentinel=1.0,
    verdicts=(Verdict(), Verdict()),
    ap=(0.74, 0.7312),
    ap_difference=-0.0088,
)


def gated(*changes, gate=0.05):
    """Return the entries that fail the gate, and those for which it is undecided."""
    comparison = Comparison(changes, (), ())
    failed, unsaid = compare.slower_by(comparison, gate), compare.undecided(comparison, gate)
    return SimpleNamespace(failed=failed, unsaid=unsaid)


def test_a_gate_fails_what_is_slower_by_at_least_as_much():
    assert gated(CHANGE).failed == ["small@gt"]
    assert gated(CHANGE, gate=0.083).failed == ["small@gt"]
    assert gated(CHANGE, gate=0.09).failed == []
    assert gated(replace(CHANGE, call="inconclusive")).failed == []
    assert gated(replace(CHANGE, call="faster", ratio=0.8)).failed == []


def test_a_gate_cannot_judge_through_more_noise_than_it_allows():
    wide = Interval(1.0, 0.955, 1.05)
    assert gated(replace(CHANGE, time=wide), gate=wide.half_width).unsaid == ["small@gt"]
    assert gated(replace(CHANGE, time=wide), gate=0.051).unsaid == []
    assert gated(replace(CHANGE, time=None)).unsaid == ["small@gt"]
    assert gated(CHANGE).unsaid == []


def test_a_gate_cannot_judge_what_ran_on_a_machine_in_another_state():
    assert gated(replace(CHANGE, sentinel=1.2)).unsaid == ["small@gt"]


def test_a_change_too_small_to_show_has_no_sign_of_a_fall():
    assert [compare.signed(ratio) for ratio in (0.9999, 1.0, 1.0521)] == [
        *("+0.0%", "+0.0%", "+5.2%")
    ]


def test_markdown_holds_a_line_an_entry_and_what_must_be_known():
    text = compare.markdown(Comparison((CHANGE,), ("gone@gt",), ()))
    assert "| small@gt | slower | +8.3% | +7.0 to +9.5% | 12.3 -> 11.4 | 73.1 (-0.9) |" in text
    assert "- small@gt: runtime: torch -> onnxruntime" in text
    assert "- only in base: gone@gt" in text
    assert text.endswith(f"{compare.LEGEND}\n")


def test_names_cannot_break_out_of_the_markdown_table():
    evil = replace(CHANGE, entry="a|b\n| <img src=x>@gt")
    text = compare.markdown(Comparison((evil,), (), ()))
    assert "a\\|b \\| &lt;img src=x>@gt" in text
