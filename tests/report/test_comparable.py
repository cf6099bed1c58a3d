from dataclasses import replace

import pytest

import report_rows
from posemark.report import common_settings, comparable

OTHERWISE = {
    "machines": {"machine": "Apple M4, 10 cores"},
    "thread counts": {"threads": 8},
    "data sets": {"data": "sample"},
    "modes": {"mode": "sustained"},
}


def with_fingerprint(row, **changes):
    return replace(row, fingerprint=row.fingerprint | changes)


def entries(groups):
    return [[row.letter for row in group.rows] for group in groups]


@pytest.fixture
def rows():
    return [
        replace(row, letter=letter)
        for row, letter in zip(report_rows.suite(), "abcde", strict=False)
    ]


def test_rows_of_one_run_are_one_group_and_need_no_reason():
    rows = report_rows.seed_measured()
    (group,) = comparable.groups(rows)
    assert group.rows == rows
    assert group.title == ("Intel Xeon, 2 cores · 2 threads · coco-val2017 · protocol 2 · burst")
    assert comparable.reasons(rows) == []


@pytest.mark.parametrize("condition", OTHERWISE)
def test_whatever_changes_speed_makes_another_group_and_a_reason(rows, condition):
    rows[1], rows[3] = (replace(rows[at], **OTHERWISE[condition]) for at in (1, 3))
    assert entries(comparable.groups(rows)) == [["a", "c", "e"], ["b", "d"]]
    (reason,) = comparable.reasons(rows)
    assert reason.startswith(f"Speeds of several {condition} are not compared. ")
    assert ": a, c, e; " in reason
    assert reason.endswith(": b, d.")


@pytest.mark.parametrize(("name", "plural"), [("data", "data sets"), ("protocol", "protocols")])
def test_hashes_and_versions_count_like_names(rows, name, plural):
    rows[0] = with_fingerprint(rows[0], **{name: "another"})
    groups = comparable.groups(rows)
    assert entries(groups) == [["b", "c", "d", "e"], ["a"]]
    (reason,) = comparable.reasons(rows)
    assert f"of several {plural} " in reason
    assert "another" in reason
    assert "another" in groups[1].title, "what distinguishes two of one name"


def test_a_hash_is_printed_only_where_names_are_alike(rows):
    rows[0] = replace(with_fingerprint(rows[0], data="another"), data="sample")
    assert [group.title for group in comparable.groups(rows)] == ["coco-val2017", "sample"]
    assert comparable.reasons(rows) == [
        "Speeds of several data sets are not compared. coco-val2017: b, c, d, e; sample: a."
    ]


def test_cameras_of_different_rates_are_two_groups(rows):
    rows = [replace(row, mode="paced", camera_fps=15.0 + 15 * (row.letter == "c")) for row in rows]
    groups = comparable.groups(rows)
    assert [group.title for group in groups] == ["paced at 15 FPS", "paced at 30 FPS"]
    assert entries(groups) == [["a", "b", "d", "e"], ["c"]]


def test_the_largest_group_comes_first_and_of_equal_ones_the_earlier(rows):
    rows = [replace(row, threads=1 + "abcde".index(row.letter) % 3) for row in rows]
    assert entries(comparable.groups(rows)) == [["a", "d"], ["b", "e"], ["c"]]
    titles = [group.title for group in comparable.groups(rows)]
    assert titles == ["1 thread", "2 threads", "3 threads"]


@pytest.mark.parametrize(
    "change",
    [{"boxes": "gt"}, {"weights": "other"}, {"runtime": "openvino"}, {"flip": True}],
    ids=str,
)
def test_what_a_chart_is_there_to_compare_makes_no_group(rows, change):
    rows[0] = replace(rows[0], **change)
    assert len(comparable.groups(rows)) == 1


def test_an_incomparable_row_is_in_no_group_and_says_why(rows):
    rows[2] = report_rows.judged(rows[2], "incomparable", machine="another")
    assert entries(comparable.groups(rows)) == [["a", "b", "d", "e"]]
    assert comparable.reasons(rows) == [
        f"{rows[2].entry} is not compared with any other result: "
        "resumed in another environment: cores was 2, is 4."
    ]


@pytest.mark.parametrize(
    ("change", "refusal", "words"),
    [
        (
            {"images": "0" * 16, "ap_images": 30},
            "over different images",
            "500 images of coco-val2017: k, l, m; 30 images of coco-val2017: n. To compare them, "
            "run these entries over the same images: with the same --data and a --limit that each "
            "of them reaches.",
        ),
        (
            {"images": "0" * 16},
            "over different images",
            "500 images of coco-val2017 (0000000000000000): n. To compare them, ",
        ),
        (
            {"sigmas": "wide", "data": "crowd"},
            "with different tolerances (sigmas) of key points",
            "those of coco-val2017: k, l, m; those of crowd: n. To compare them, run these entries "
            "on the same data set.",
        ),
    ],
    ids=["count", "same count", "sigmas"],
)
def test_measured_aps_need_the_same_images_and_sigmas(change, refusal, words):
    rows = [
        replace(row, letter=letter)
        for row, letter in zip(report_rows.mixed()[-4:], "klmn", strict=True)
    ]
    fields = {name: value for name, value in change.items() if name != "sigmas"}
    rows[-1] = with_fingerprint(
        replace(rows[-1], **fields),
        sigmas=change.get("sigmas", rows[-1].fingerprint["sigmas"]),
    )
    assert comparable.other_images(rows) == [rows[-1]]
    reason = comparable.reasons(rows)[-1]
    assert reason.startswith(f"APs that were measured {refusal} are not compared. ")
    assert words in reason
    (why,) = (why for why, found in common_settings.unplotted(rows).items() if rows[-1] in found)
    assert "other images" in why
    assert rows[-1] not in common_settings.plotted(rows)


def test_images_of_rows_without_a_measured_ap_do_not_matter():
    rows = report_rows.suite()
    rows[0] = with_fingerprint(rows[0], images="another", sigmas="another")
    assert comparable.reasons(rows) == []
    assert comparable.other_images(rows) == []


def test_sentences_stay_short_whatever_differs():
    rows = [replace(row, threads=at) for at, row in enumerate(report_rows.seed(), 1)]
    (reason,) = comparable.reasons(rows)
    assert reason.endswith("4 threads: d; 21 more.")
    halves = [replace(row, threads=1 + (at > 11)) for at, row in enumerate(report_rows.seed())]
    (reason,) = comparable.reasons(halves)
    assert reason.endswith("2 threads: 13 entries; 1 thread: 12 entries.")


def test_nothing_has_no_group():
    assert comparable.groups([]) == []
    assert comparable.reasons([]) == []


def test_warnings_are_reasons_flips_doubts_and_flaws_in_this_order(rows):
    rows[0] = replace(rows[0], machine="another", flip=True, complete=False)
    rows[1] = report_rows.judged(rows[1], "contended")
    machines, flips, contended, broken = common_settings.warnings(rows)
    assert machines.startswith("Speeds of several machines")
    assert flips.startswith("Rows with and without flip test")
    assert contended == "Speed contended, other programs used the machine's time: b."
    assert broken.endswith("the run stopped early.")


def test_a_warning_names_the_first_of_many_rows():
    rows = [report_rows.judged(row, "contended") for row in report_rows.seed()]
    (warning,) = (
        line for line in common_settings.warnings(rows) if line.startswith("Speed contended")
    )
    assert warning.endswith(f": a, b, c, d, e and {len(rows) - 5} more.")
    (warning,) = (
        line for line in common_settings.warnings(rows[:6]) if line.startswith("Speed contended")
    )
    assert warning.endswith(": a, b, c, d, e, f.")


def test_of_images_the_hash_alone_decides():
    rows = report_rows.mixed()
    rows[-1] = replace(rows[-1], ap_images=499)
    assert comparable.other_images(rows) == []
    assert comparable.reasons(rows) == []
