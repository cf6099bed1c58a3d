"""Shards of a run are one record when they are read, and nothing else is."""

import shutil

import msgspec
import pytest

import made_records
from posemark.core.errors import RecordError
from posemark.records import files, shards
from posemark.records.schema import BlockLine, End, PerfectLine, Shard
from posemark.report import common_settings, comparable, missing_evidence
from posemark.report.recommend.candidates import candidates
from posemark.report.results import load_rows

IDS = [[3, 1], [7, 5], [2]]
IMAGES = shards.digest_of(image for ids in IDS for image in ids)
MODE = {"mode": "accuracy"}


def header(number, of=3, images=IMAGES, **changes):
    shard = Shard(number, of, images)
    return made_records.header(**{"settings": MODE, "shard": shard, "run": f"r{number}"} | changes)


def put(folder, number, ids, head=None, lines=()):
    """Write the shard with these images, each with the annotated person, 10 pixels off."""
    frames = [
        made_records.frame(i, 1000, poses=made_records.people(made_records.annotation(i), 10.0))
        for i in ids
    ]
    lines = [*lines, *frames, BlockLine(len(frames), 0, 10**9, 0), End("shard")]
    path = shards.file_of(folder, Shard(number, 3, IMAGES))
    path.parent.mkdir(parents=True, exist_ok=True)
    return made_records.written(path, head or header(number), lines)


@pytest.fixture
def folder(tmp_path):
    """The folder of a complete record of three shards, with its truth in the run folder."""
    folder = tmp_path / f"small@gt{shards.FOLDER}"
    for number, ids in enumerate(IDS, 1):
        put(folder, number, ids)
    truth = made_records.truth(sorted(i for ids in IDS for i in ids))
    (tmp_path / "truth.json").write_bytes(msgspec.json.encode(truth))
    return folder


def test_all_shards_are_one_record(folder):
    record = shards.read(folder)
    assert [line.image_id for line in record.frames] == [3, 1, 7, 5, 2]
    assert (record.complete, record.header.shard, record.folder) == (True, None, folder.parent)
    assert min(each.name for each in folder.iterdir()) == "001-of-003.jsonl"


def test_a_record_with_a_missing_shard_is_not_complete(folder):
    shards.file_of(folder, Shard(2, 3, IMAGES)).unlink()
    record = shards.read(folder)
    assert [line.image_id for line in record.frames] == [3, 1, 2]
    assert not record.complete


def test_the_row_has_the_ap_of_one_record_with_the_same_frames_and_no_speed(folder, tmp_path):
    (row,) = load_rows([folder.parent])
    lines = [line for block in shards.read(folder).blocks for line in block.frames]
    one = tmp_path / "one"
    made_records.write(one, made_records.header(), [lines])
    (plain,) = load_rows([one])
    assert row.ap == plain.ap
    assert row.ap["AP"] is not None
    assert (row.frames, row.persons, row.images) == (plain.frames, plain.persons, plain.images)
    assert (row.verdict.kind, row.timed, row.fps_pose, row.fps_interval) == (
        *("unmeasured", False),
        *(None, None),
    )
    assert (row.latency_ms, row.stage_ms, row.blocks, row.timeline) == ({}, {}, 0, ())


def test_the_folder_itself_may_be_named(folder):
    assert load_rows([folder])[0].frames == 5


def test_a_copy_of_the_folder_is_the_same_run(folder, tmp_path):
    copy = shutil.copytree(folder.parent, tmp_path / "copy", ignore=lambda *_: ["copy"])
    (copy / folder.name / "003-of-003.jsonl").unlink()
    notes = []
    (row,) = load_rows([copy, folder], left_out=notes.append)
    assert row.frames == 5
    assert [str(copy / folder.name) in str(note) for note in notes] == [True]


def test_one_shard_is_an_ordinary_record(folder):
    (row,) = load_rows([shards.file_of(folder, Shard(1, 3, IMAGES))])
    assert row.frames == 2


def test_perfect_outputs_of_all_shards_count(folder):
    person = made_records.people(made_records.annotation(1))
    again = folder.with_name("other" + shards.FOLDER)
    put(again, 1, [3, 1], lines=[PerfectLine(1, person)])
    put(again, 2, [7], lines=[PerfectLine(7, made_records.people(made_records.annotation(7)))])
    assert [line.image_id for line in shards.read(again).perfect] == [1, 7]


@pytest.mark.parametrize(
    "changes",
    [
        {"of": 4},
        {"images": "other"},
        {"shard": None},
        {"decoder": 2},
        {"settings": MODE | {"flip": True}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_shard_of_another_run_is_refused_by_name(folder, changes):
    shards.file_of(folder, Shard(3, 3, IMAGES)).unlink()
    put(folder, 3, IDS[2], header(3, **changes))
    with pytest.raises(RecordError, match=r"003-of-003.jsonl: expected a shard of the same run"):
        shards.read(folder)


def test_images_that_would_count_twice_are_refused(folder):
    shards.file_of(folder, Shard(3, 3, IMAGES)).unlink()
    put(folder, 3, [7])
    with pytest.raises(RecordError, match="would count twice"):
        shards.read(folder)


def test_a_copy_of_a_shard_is_refused(folder):
    first = shards.file_of(folder, Shard(1, 3, IMAGES))
    first.with_name("copy.jsonl").write_bytes(first.read_bytes())
    with pytest.raises(RecordError, match="would count twice"):
        shards.read(folder)


def test_a_folder_without_shards_says_what_to_do(tmp_path):
    empty = tmp_path / f"x{shards.FOLDER}"
    empty.mkdir()
    with pytest.raises(RecordError, match=r"has none. Continue the run with --resume"):
        shards.read(empty)


def test_machines_are_named_together_only_if_they_differ(folder):
    assert shards.read(folder).header.facts.cpu == made_records.ENVIRONMENT["cpu"]
    shards.file_of(folder, Shard(3, 3, IMAGES)).unlink()
    put(folder, 3, IDS[2], header(3, environment=made_records.ENVIRONMENT | {"cpu": "Other"}))
    facts = shards.read(folder).header.facts
    assert (facts.cpu, facts.cores) == ("several machines (AMD EPYC 9V74, Other)", 4)


def test_a_shard_beyond_the_last_one_is_no_shard():
    with pytest.raises(ValueError, match="shard 4 of 3"):
        Shard(4, 3, IMAGES)


def test_records_and_shards_of_a_run_folder_are_found_together(folder):
    made_records.write(folder.parent, made_records.header("tiny@gt"), [[made_records.frame(3, 9)]])
    assert [each.name for each in shards.records_of(folder.parent)] == [
        f"small@gt{shards.FOLDER}",
        f"tiny@gt{files.SUFFIX}",
    ]


def test_a_record_without_speed_is_in_no_chart_and_in_no_recommendation(folder):
    frames = [made_records.frame(image, 9) for ids in IDS for image in ids]
    made_records.write(folder.parent, made_records.header("tiny@gt"), [frames])
    rows = load_rows([folder.parent])
    (group,) = comparable.groups(rows)
    assert [row.entry for row in group.rows] == ["tiny@gt"]
    (sentence,) = [each for each in comparable.reasons(rows) if "small@gt" in each]
    assert sentence.startswith("Speed was not measured, workers shared the images")
    assert [row.entry for row in common_settings.unplotted(rows)[common_settings.UNTIMED]] == [
        "small@gt"
    ]
    reasons = {each.row.entry: each.not_comparable for each in candidates(rows)}
    assert reasons == {"small@gt": common_settings.UNTIMED, "tiny@gt": ""}


def test_the_command_for_its_speed_measures_speed(folder):
    (row,) = load_rows([folder])
    assert "--engine" not in missing_evidence.command(row)
    assert "--mode accuracy --engine ray" in missing_evidence.run(row)
