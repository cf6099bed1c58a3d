"""Very many images: how they are found, divided, annotated and kept, without Ray."""

import json
from dataclasses import asdict

import pytest

from posemark.core.errors import DataError, RunError, UsageError
from posemark.datasets.sample import Sample
from posemark.predict.many import annotator, plan, sources
from posemark.predict.many.ledger import Entry, Ledger, is_set
from posemark.run.load import prepare
from posemark.scale.node_inputs import expected_of

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


@pytest.fixture(scope="module")
def images():
    """The encoded images of four drawn scenes."""
    return [frame.read() for frame in Sample().frames()[:4]]


def table(path, columns, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path, **options)
    return path


# --- where images are ---------------------------------------------------------------------------


def test_folders_are_walked_in_order_and_only_wanted_files_are_found(tmp_path):
    for name in ("b/2.PNG", "b/1.jpg", "a/x.jpeg", "a/notes.txt", "z.parquet", "c/d/e.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    found = [
        [(path.rpartition("/")[2], size) for path, size in each]
        for each in sources.files_under(str(tmp_path))
    ]
    assert found == [
        [("z.parquet", 2)],
        [("x.jpeg", 2)],
        [("1.jpg", 2), ("2.PNG", 2)],
        [("e.jpg", 2)],
    ]


def test_an_address_of_files_is_the_same_as_their_path(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"12")
    paths, addresses = (
        list(sources.files_under(root)) for root in (str(tmp_path), f"file://{tmp_path}")
    )
    assert paths == addresses == [[(str(tmp_path / "x.jpg"), 2)]]


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: there is no such file or folder"):
        list(sources.files_under(str(tmp_path / "nowhere")))
    with pytest.raises(UsageError, match="nosuch://x: this address cannot be opened"):
        list(sources.files_under("nosuch://x"))


@pytest.mark.parametrize(
    "columns",
    [
        lambda images: {"bytes": images, "id": ["a", "b", "c", "d"]},
        lambda images: {
            "image": [{"bytes": i, "path": n} for i, n in zip(images, "abcd", strict=True)]
        },
        lambda images: {"jpg": images, "__key__": ["a", "b", "c", "d"], "other": [1, 2, 3, 4]},
    ],
    ids=["bytes", "struct", "webdataset"],
)
def test_images_in_parquet_are_read_with_their_names(tmp_path, images, columns):
    path = table(tmp_path / "x.parquet", columns(images), row_group_size=3)
    assert sources.rows_of(str(path), str(path)) == [3, 1]
    found = list(sources.rows_read(str(path), str(path), [0, 1]))
    assert [each.read for each in found] == images
    assert [each.name for each in found] == ["a", "b", "c", "d"]


def test_images_without_names_have_the_number_of_their_row(tmp_path, images):
    path = table(tmp_path / "x.parquet", {"image": images}, row_group_size=3)
    found = [each.name for each in sources.rows_read(str(path), str(path), [1])]
    assert found == [f"{path}#3"]


def test_a_parquet_file_without_images_is_refused_with_its_columns(tmp_path):
    path = table(tmp_path / "x.parquet", {"text": ["a"]})
    with pytest.raises(
        DataError, match="expected a column of encoded images .* got the columns text"
    ):
        sources.rows_of(str(path), str(path))
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="this Parquet file cannot be read"):
        sources.rows_of(str(path), str(path))


# --- the plan -----------------------------------------------------------------------------------


def test_every_image_is_in_one_shard_and_shards_grow(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "SMALL_SHARDS", 2)
    monkeypatch.setattr(plan, "SMALL", 3)
    monkeypatch.setattr(plan, "LARGE", 5)
    for number in range(13):
        (tmp_path / f"{number:02}.jpg").write_bytes(b"")
    shards = list(plan.shards_of([str(tmp_path)]))
    assert [each.images for each in shards] == [3, 3, 5, 2]
    assert [each.number for each in shards] == [0, 1, 2, 3]
    names = [path.rpartition("/")[2] for each in shards for path in each.paths]
    assert names == [f"{number:02}.jpg" for number in range(13)]


def test_row_groups_are_joined_but_never_divided(tmp_path, images, monkeypatch):
    monkeypatch.setattr(plan, "SMALL", 2)
    path = table(tmp_path / "x.parquet", {"image": images}, row_group_size=1)
    table(tmp_path / "y.parquet", {"image": images}, row_group_size=4)
    shards = list(plan.shards_of([str(tmp_path)]))
    assert [(each.row_groups, each.images) for each in shards] == [
        ([0, 1], 2),
        ([2, 3], 2),
        ([0], 4),
    ]
    assert shards[0].paths == [str(path)]


def test_a_plan_is_stored_and_used_again_even_if_images_are_added(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "SMALL", 2)
    monkeypatch.setattr(plan, "ROWS", 2)
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(5):
        (photos / f"{number}.jpg").write_bytes(b"")
    first = plan.made(out, [str(photos)], {"model": "m"})
    assert (first.shards, first.images, len(first.files)) == (3, 5, 2)
    (photos / "0a.jpg").write_bytes(b"")
    assert plan.made(out, [str(photos)], {"model": "m"}) == first
    rows = [row for path in first.files for row in parquet.read_table(path).to_pylist()]
    assert [row["number"] for row in rows] == [0, 1, 2]
    last = first.files[1].read_bytes()
    first.files[1].write_bytes(last[:99])
    with pytest.raises(DataError, match="0000001.parquet: this file of the plan cannot be read"):
        plan.made(out, [str(photos)], {"model": "m"})
    first.files[1].unlink()
    with pytest.raises(DataError, match="expected 3 shards in the plan, but there are 2"):
        plan.made(out, [str(photos)], {"model": "m"})
    with pytest.raises(UsageError, match="cannot be resumed, because model was 'm' and is 'n'"):
        plan.made(out, [str(photos)], {"model": "n"})


@pytest.mark.parametrize("content", [b"", b"{}", b'{"shards":-1,"images":2,"of":{}}', b"[" * 9999])
def test_a_damaged_plan_is_named(tmp_path, content):
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(DataError, match="plan.json: expected the description of a plan"):
        plan.made(tmp_path, ["x"], {})


def test_without_an_image_there_is_no_plan(tmp_path):
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(UsageError, match="no image .* and no Parquet file is there"):
        plan.made(tmp_path / "out", [str(tmp_path)], {})


# --- the ledger ---------------------------------------------------------------------------------


def entry(shard, **changes):
    return Entry(**{**asdict(Entry(shard, 10, 1, 20, 5, 100, 50)), **changes})


def test_a_ledger_survives_a_torn_line_and_counts_each_shard_once(tmp_path):
    ledger = Ledger(tmp_path, 20)
    for shard in (3, 17, 3):
        ledger.add(entry(shard))
    ledger.close()
    with ledger.path.open("ab") as file:
        file.write(b'{"shard":5,"ima')
    again = Ledger(tmp_path, 20)
    assert [number for number in range(20) if is_set(again.finished, number)] == [3, 17]
    assert (again.total.shard, again.total.images, again.total.people) == (2, 20, 40)
    again.add(entry(5))
    again.close()
    lines = [json.loads(line)["shard"] for line in ledger.path.read_text().splitlines()]
    assert lines == [3, 17, 5]


def test_two_runs_cannot_share_a_ledger(tmp_path):
    ledger = Ledger(tmp_path, 3)
    with pytest.raises(RunError, match="another run is writing into this folder"):
        Ledger(tmp_path, 3)
    ledger.close()


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n", b'{"shard":900,"images":1}\n'])
def test_a_damaged_line_is_named(tmp_path, line):
    (tmp_path / "ledger.jsonl").write_bytes(line)
    with pytest.raises(DataError, match="ledger.jsonl: line 1 is no entry"):
        Ledger(tmp_path, 3)


def test_the_ledger_of_a_billion_images_fits_into_memory(tmp_path):
    shards = 10**9 // plan.LARGE
    ledger = Ledger(tmp_path, shards)
    assert len(ledger.finished) < 130_000
    ledger.add(entry(shards - 1))
    assert ledger.has(shards - 1)
    ledger.close()


# --- the worker ---------------------------------------------------------------------------------


def test_a_shard_has_a_row_for_every_image_with_the_poses_of_an_application(
    tmp_path, images, monkeypatch
):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    prepared = prepare("openpose-coco", "none")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, content in enumerate(images[:2]):
        (folder / f"{number}.png").write_bytes(content)
    (folder / "broken.png").write_bytes(b"no image")
    task = annotator.Task(prepared, expected_of(prepared), tmp_path / "out")
    worker = annotator.Annotator(task, lambda _: b"")
    (shard,) = plan.shards_of([str(folder)])
    result = worker.annotate(vars(shard))
    assert result["why"] == ""
    assert (result["images"], result["failed"]) == (3, 1)
    assert result["bytes_in"] == sum(map(len, images[:2])) + len(b"no image")
    path = annotator.file_of(tmp_path / "out", 0)
    assert result["bytes_out"] == path.stat().st_size
    written = parquet.read_table(path)
    rows = written.to_pylist()
    assert [row["image"].rpartition("/")[2] for row in rows] == ["0.png", "1.png", "broken.png"]
    assert written.schema.metadata[b"keypoints"].startswith(b"nose,left_eye")
    assert rows[2]["scores"] is None
    assert "broken.png" in rows[2]["error"]
    assert rows[0]["error"] is None
    assert (rows[0]["width"], rows[0]["height"]) > (0, 0)


def test_a_shard_that_cannot_be_read_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    prepared = prepare("openpose-coco", "none")
    task = annotator.Task(prepared, expected_of(prepared), tmp_path / "out")
    worker = annotator.Annotator(task, lambda _: b"")
    shard = plan.Shard(7, str(tmp_path), [str(tmp_path / "gone.parquet")], [0], 3)
    result = worker.annotate(vars(shard))
    assert (result["shard"], result["images"]) == (7, 0)
    assert "gone.parquet: this Parquet file cannot be read" in result["why"]
