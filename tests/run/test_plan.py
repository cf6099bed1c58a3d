"""From names on the command line to jobs: which jobs, which errors, which keys."""

from dataclasses import fields, replace
from itertools import combinations

import pytest

from posemark.core.errors import UsageError
from posemark.datasets.sample import Sample
from posemark.models import all_models
from posemark.run.options import Options
from posemark.run.plan import SEED, plan, suites
from posemark.run.prepare import prepare_job, require_distinct

DEFAULTS = Options(data="sample", threads=1)
COCO = replace(DEFAULTS, data="coco:/data")
LITE = "litehrnet-18-256x192"


def names(*texts, options=DEFAULTS):
    return [job.entry.name for job in plan(texts, options)]


# --- what a name means --------------------------------------------------------------------------


def test_the_seed_suite_is_the_blog_post_under_its_letters():
    jobs = plan(["seed"], DEFAULTS)
    assert "".join(job.entry.letter for job in jobs) == "abcdefghijklmnopqrstuvwxy"
    variants = [job.entry.variant for job in jobs]
    assert variants == ["detected", "gt"] * 9 + ["single"] + ["single", "multi"] * 3
    assert {job.entry.model for job in jobs} <= set(all_models())
    assert len({job.entry.name for job in jobs}) == 25
    assert not any(job.options.flip for job in jobs), "all without flip test, as in the post"


def variants_of(model):
    spec = all_models()[model]
    if spec.approach == "top-down":
        return ["detected", "gt"]
    return ["single", "multi"][: len(spec.method.scale_sets)]


def test_the_suite_of_all_has_every_model_in_every_variant():
    found = names("all")
    assert found == [f"{m}@{variant}" for m in all_models() for variant in variants_of(m)]
    letters = {job.entry.name: job.entry.letter for job in plan(["all"], DEFAULTS)}
    assert {e.name: e.letter for e in SEED}.items() <= letters.items()


@pytest.mark.parametrize("entry", SEED, ids=lambda e: e.letter)
def test_a_letter_is_its_entry(entry):
    assert [job.entry for job in plan([entry.letter], DEFAULTS)] == [entry]
    assert [job.entry for job in plan([entry.name], DEFAULTS)] == [entry]


def test_a_model_alone_runs_on_annotated_boxes_unless_others_are_given():
    assert names(LITE) == [f"{LITE}@gt"]
    assert names(LITE, options=replace(DEFAULTS, boxes="gt")) == [f"{LITE}@gt"]
    for boxes in ("simulated", "file:found.json"):
        (job,) = plan([LITE], replace(DEFAULTS, boxes=boxes))
        assert (job.entry.name, job.boxes) == (f"{LITE}@detected", boxes)


def test_a_glob_is_every_model_it_matches_and_none_else():
    lite = [m for m in all_models() if m.startswith("lite")]
    assert names("lite*") == [f"{m}@gt" for m in lite]
    assert names("lite*@detected") == [f"{m}@detected" for m in lite]
    assert names("*w32*@*") == [
        f"{m}@{variant}" for m in all_models() if "w32" in m for variant in variants_of(m)
    ]
    assert names("*") == [
        f"{m}@{'gt' if 'gt' in variants_of(m) else 'single'}" for m in all_models()
    ]


def test_a_bottom_up_model_alone_runs_at_one_scale_and_needs_no_boxes():
    for options in (DEFAULTS, COCO, replace(DEFAULTS, boxes="simulated")):
        (job,) = plan(["dekr-w32-512"], options)
        assert (job.entry.name, job.boxes) == ("dekr-w32-512@single", "none")
    (job,) = plan(["dekr-w32-512@multi"], DEFAULTS)
    assert job.entry.scales == (0.5, 1.0, 2.0)


def test_a_tag_chooses_the_weights_of_that_name_alone():
    first, second = plan([f"{LITE}.official@gt", LITE], DEFAULTS)
    assert (first.options.weights, second.options.weights) == ("official", "none")
    assert first.entry == second.entry
    settled = replace(DEFAULTS, runtime="torch", precision="fp32")
    assert first.options == replace(settled, weights="official")
    globbed = plan(["hrnet-*.mmpose"], DEFAULTS)
    assert {job.options.weights for job in globbed} == {"mmpose"}
    assert len(globbed) > 1


def test_jobs_come_in_the_order_named_and_each_once():
    assert names("q", "b", "a") == [e.name for letter in "qba" for e in SEED if e.letter == letter]
    assert names("b", "a", "hrnet-w32-256x192@gt", "b") == names("b", "a")
    assert names("seed", "all") == names("seed") + [
        n for n in names("all") if n not in names("seed")
    ]


# --- boxes --------------------------------------------------------------------------------------


def test_detected_entries_run_on_simulated_boxes_where_there_is_no_detector():
    assert [job.boxes for job in plan(["a", "b"], DEFAULTS)] == ["simulated", "gt"]


def test_annotated_entries_keep_their_boxes_beside_detected_ones():
    jobs = plan(["a", "b"], replace(COCO, boxes="file:found.json"))
    assert [job.boxes for job in jobs] == ["file:found.json", "gt"]


def test_detected_entries_on_real_images_need_a_file_of_boxes():
    for name in ("a", f"{LITE}@detected", "seed", "all"):
        with pytest.raises(UsageError, match=r"needs detected boxes.*file:.*or name \S+@gt"):
            plan([name], COCO)
    assert names("b", options=COCO) == ["hrnet-w32-256x192@gt"]


def test_a_detected_entry_contradicts_annotated_boxes():
    options = replace(DEFAULTS, boxes="gt")
    with pytest.raises(UsageError, match="hrnet-w32-256x192@detected .* contradicts --boxes gt"):
        plan(["a"], options)
    assert names("b", options=options) == ["hrnet-w32-256x192@gt"]


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("hrnet-w32-256x129", "hrnet-w32-256x192"),
        ("litehrnet-18", "litehrnet-18-256x192"),
        ("hrnet-w32-256x129@gt", "hrnet-w32-256x192"),
        ("hrnet-w32-256x129.official", "hrnet-w32-256x192"),
        ("sede", "seed"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name, nearest):
    with pytest.raises(UsageError, match=rf"'{name}' matches no entry.* Did you mean .*{nearest}"):
        plan([name], DEFAULTS)


@pytest.mark.parametrize("name", ["", "z", "0", "xyzzy*", "@gt", "A", "seed.official", "a@gt"])
def test_a_name_like_nothing_is_refused_and_shows_where_all_are(name):
    with pytest.raises(UsageError, match=r"matches no entry, suite or letter.*`posemark list`"):
        plan([name], DEFAULTS)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("files/tiny.onnx", "tiny.onnx: this is a model file; give its card"),
        ("files/TINY.XML", "TINY.XML: this is a model file; give its card"),
        ("files/tiny.pth", "tiny.pth: this is a checkpoint, the weights of a model without"),
    ],
)
def test_a_file_of_a_model_in_place_of_an_entry_is_explained(name, says):
    with pytest.raises(UsageError, match=says):
        plan([name], DEFAULTS)


def test_an_unknown_kind_of_boxes_is_named():
    with pytest.raises(
        UsageError, match=f"after '@', expected detected or gt .* example: {LITE}@detected"
    ):
        plan([f"{LITE}@yolo"], DEFAULTS)
    with pytest.raises(UsageError, match="after '@', expected single or multi for this model"):
        plan(["dekr-w32-512@gt"], DEFAULTS)


# --- keys ---------------------------------------------------------------------------------------

CHANGES = {
    "weights": None,  # the tag that was really loaded, see below
    "codec": "dark:3",
    "flip": True,
    "persons": "batched",
    "min_score": 0.25,
    "camera_fps": 30.0,
    "mode": "sustained",
    "smooth": True,
    "runtime": "onnxruntime",
    "precision": "fp16",
    "device": "cuda:1",
    "layout": "channels-last",
}


def key(weights=None, name=LITE, **changes):
    (job,) = plan([name], DEFAULTS)
    return replace(job, options=replace(job.options, **changes)).key(weights)


def test_a_key_is_the_entry_and_what_differs_from_its_defaults():
    assert key() == f"{LITE}@gt"
    assert key("official") == f"{LITE}.official@gt"
    assert key(name=f"{LITE}@detected") == f"{LITE}@detected"
    changes = {k: v for k, v in CHANGES.items() if k != "weights"}
    assert key("mine", **changes) == (
        f"{LITE}.mine@gt+dark3+flip+batched+min0.25+smooth+paced30+sustained"
        "+onnxruntime+fp16+cuda1+channels-last"
    )
    assert key(persons="batched", max_batch=4) == f"{LITE}@gt+batched4"


def test_keys_differ_whenever_settings_do():
    variants = [variant(chosen) for chosen in sets()]
    assert len(set(variants)) == len(variants)
    assert key(min_score=0.25) != key(min_score=0.5)
    assert key(codec="dark:3") != key(codec="dark:11") != key(codec="quarter")


def sets():
    """Return sets of changes: none, each alone, every pair, all."""
    return [c for size in (0, 1, 2, len(CHANGES)) for c in combinations(CHANGES, size)]


def variant(chosen):
    settings = {k: CHANGES[k] for k in chosen if k != "weights"}
    return key("mine" if "weights" in chosen else None, **settings)


def test_the_key_of_overlapped_frames_has_the_number_of_streams():
    assert key(mode="overlapped", threads=4).endswith("+overlapped4"), "one per thread"
    assert key(mode="overlapped", threads=4, streams=2).endswith("+overlapped2")


def test_keys_do_not_depend_on_how_much_is_measured():
    assert key(limit=3, budget=8.0, threads=2, until=0.02) == key()


@pytest.mark.parametrize("chosen", sets(), ids="+".join)
def test_keys_are_file_names(chosen):
    assert not set(variant(chosen)) & set('/\\:*?"<>| ')


def test_every_option_is_either_in_the_key_or_known_not_to_be():
    in_the_header = {"data", "boxes", "threads", "limit", "budget", "until", "calibrate"}
    in_the_header |= {"repeat", "machine"}
    with_another = {"max_batch", "streams"}  # with batched persons, with overlapped frames
    with_another |= {"max_people", "detector_size", "detector_runtime", "detector_precision"}
    assert {f.name for f in fields(Options)} == set(CHANGES) | in_the_header | with_another


def test_suites_hold_no_entry_twice():
    for entries in suites().values():
        assert len({e.name for e in entries}) == len(entries)


def test_two_entries_of_one_name_are_refused_before_anything_is_measured(tmp_path):
    job = plan([LITE], DEFAULTS)[0]
    other = replace(job, entry=replace(job.entry, card=str(tmp_path / "b.toml")))
    dataset = Sample(1)
    one = prepare_job(job, dataset, dataset.frames())
    with pytest.raises(UsageError, match=r"the model .* and .*b\.toml, and each record needs"):
        require_distinct([one, replace(one, job=other)])
    require_distinct([one])
