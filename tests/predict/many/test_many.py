"""Very many images: how they are found, divided, annotated and kept, without Ray."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from posemark.core.errors import DataError, RunError, UsageError
from posemark.datasets.sample import Sample
from posemark.predict.many import annotator, plan, sources
from posemark.predict.many.ledger import Entry, Ledger, has_finished, is_set
from posemark.predict.many.pose_table import file_of
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
        for each in sources.files_under(str(tmp_path), set())
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
        list(sources.files_under(root, set())) for root in (str(tmp_path), f"file://{tmp_path}")
    )
    assert paths == addresses == [[(str(tmp_path / "x.jpg"), 2)]]


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: there is no such file or folder"):
        list(sources.files_under(str(tmp_path / "nowhere"), set()))
    with pytest.raises(UsageError, match="nosuch://x: this address cannot be opened"):
        list(sources.files_under("nosuch://x", set()))


def test_links_that_lead_into_their_own_folder_find_no_image_twice(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_bytes(b"12")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("c")
    found = [each for each in sources.files_under(str(tmp_path), set()) for each in each]
    assert found == [(str(tmp_path / "a" / "x.jpg"), 2)]


@pytest.mark.parametrize("name", [b"\xff.jpg", b"\xff"])
def test_a_name_that_is_not_utf8_is_named(tmp_path, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    try:
        path.mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    words = r"\\xff.*: this name is not UTF-8, .* Rename it"
    with pytest.raises(DataError, match=words):
        list(sources.files_under(str(tmp_path), set()))
    with pytest.raises(UsageError, match=words):
        list(sources.files_under(str(path), set()))


def test_a_file_of_another_kind_is_refused(tmp_path):
    video = tmp_path / "walk.mp4"
    video.write_bytes(b"12")
    for root in (str(video), "/dev/null"):
        with pytest.raises(DataError, match="expected an image .* For videos, leave --engine ray"):
            list(sources.files_under(root, set()))


def test_inputs_with_images_in_common_are_refused(tmp_path):
    (tmp_path / "photos" / "a").mkdir(parents=True)
    (tmp_path / "same").symlink_to("photos")
    photos, inside = str(tmp_path / "photos"), str(tmp_path / "photos" / "a")
    for roots in ([photos, photos], [photos, inside], [inside, f"file://{tmp_path}/same/"]):
        with pytest.raises(UsageError, match="these inputs have images in common"):
            sources.require_apart(roots, tmp_path / "out")
    with pytest.raises(UsageError, match="out: this folder is in .*photos, all folders"):
        sources.require_apart([photos], tmp_path / "photos" / "a" / "out")
    sources.require_apart([photos, f"{photos}2"], tmp_path / "photos3")


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
    found = list(sources.rows_read(str(path), str(path), [0, 1], 4))
    assert [each.read for each in found] == images
    assert [each.name for each in found] == ["a", "b", "c", "d"]


def test_images_without_names_have_the_number_of_their_row(tmp_path, images):
    path = table(tmp_path / "x.parquet", {"image": images}, row_group_size=3)
    found = [each.name for each in sources.rows_read(str(path), str(path), [1], 1)]
    assert found == [f"{path}#3"]


def test_a_parquet_file_without_images_is_refused_with_its_columns(tmp_path):
    path = table(tmp_path / "x.parquet", {"text": ["a"]})
    with pytest.raises(
        DataError, match="expected a column of encoded images .* got text. Rename the column"
    ):
        sources.rows_of(str(path), str(path))
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="this Parquet file cannot be read"):
        sources.rows_of(str(path), str(path))


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (["a.jpg"], "string"),  # as in our own files of poses, too
        ([7], "int64"),
        ([[b"x"]], "list<"),
        ([{"path": "a.jpg"}], "struct<path: string>"),
        ([{"path": "a.jpg", "bytes": "x"}], "struct<path: string, bytes: string>"),
    ],
)
def test_a_column_without_encoded_images_is_refused(tmp_path, values, got):
    path = table(tmp_path / "x.parquet", {"image": values})
    with pytest.raises(DataError, match=f"expected encoded images in the column image.* got {got}"):
        sources.rows_of(str(path), str(path))


@pytest.mark.parametrize(
    "kind",
    [pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())],
    ids=str,
)
def test_every_kind_of_bytes_is_read(tmp_path, kind):
    path = table(tmp_path / "x.parquet", {"image": pa.array([b"x", b"y"], pa.binary()).cast(kind)})
    found = sources.rows_read(str(path), str(path), [0], sources.rows_of("", str(path))[0])
    assert [each.read for each in found] == [b"x", b"y"]


def test_two_columns_of_images_of_one_name_are_refused(tmp_path):
    path = tmp_path / "x.parquet"
    columns = [pa.array([b"x"]), pa.array([b"y"])]
    parquet.write_table(pa.Table.from_arrays(columns, names=["image", "image"]), path)
    with pytest.raises(DataError, match="got 2 columns of this name"):
        sources.rows_of(str(path), str(path))


@pytest.mark.parametrize(("rows", "groups"), [(1, [0]), (3, [0]), (2, [0, 1])])
def test_a_parquet_file_that_has_changed_since_the_plan_is_refused(tmp_path, rows, groups):
    path = table(tmp_path / "x.parquet", {"image": [b"x"] * rows})
    with pytest.raises(DataError, match="has changed since its images were listed"):
        list(sources.rows_read(str(path), str(path), groups, 2 * len(groups)))


def test_a_row_group_that_is_damaged_is_named(tmp_path, images):
    path = table(tmp_path / "x.parquet", {"image": images})
    content = bytearray(path.read_bytes())
    content[100:-1000] = bytes(len(content) - 1100)
    path.write_bytes(content)
    with pytest.raises(DataError, match="row group 0 of this Parquet file cannot be read"):
        list(sources.rows_read(str(path), str(path), [0], len(images)))


def test_a_value_that_a_small_file_repeats_is_in_memory_once(tmp_path):
    size = 4 << 20
    options = {"compression": "zstd", "use_dictionary": True, "dictionary_pagesize_limit": 2 * size}
    path = table(tmp_path / "x.parquet", {"image": [bytes(size)] * 40}, **options)
    assert path.stat().st_size < size / 100
    before, highest = pa.total_allocated_bytes(), 0
    for _ in sources.rows_read(str(path), str(path), [0], 40):
        highest = max(highest, pa.total_allocated_bytes() - before)
    assert highest < 4 * size, "the dictionary, and one row of it"


def test_single_images_that_are_gone_are_named(tmp_path):
    (tmp_path / "y.jpg").write_bytes(b"y")
    paths = [str(tmp_path / name) for name in ("x.jpg", "y.jpg")]
    gone, there = sources.files_read(str(tmp_path), paths)
    assert "x.jpg: cannot be read" in str(gone.read)
    assert there.read == b"y"
    (only,) = sources.files_read(str(tmp_path), paths[:1])
    assert only.name == paths[0]


@pytest.mark.parametrize("mounted", [False, True])
def test_images_that_are_all_out_of_reach_are_no_failed_images(tmp_path, mounted, monkeypatch):
    """A disk that is not mounted leaves an empty folder; one that fails answers with errors."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if mounted:
        (disk / "x.jpg").write_bytes(b"x")

        def failing(files, path):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(sources, "_read", failing)
    with pytest.raises(DataError, match="disk: none of its 2 images can be read"):
        list(sources.files_read(str(disk), [str(disk / "x.jpg"), str(disk / "y.jpg")]))


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


def test_without_an_image_there_is_no_plan_and_nothing_is_left(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "x.txt").write_text("")
    table(photos / "x.parquet", {"image": pa.array([], pa.binary())})
    with pytest.raises(UsageError, match="no image .* and no Parquet file with images is there"):
        plan.made(tmp_path / "out", [str(photos)], {})
    assert list(tmp_path.iterdir()) == [photos]


def photos_in(tmp_path, number):
    folder = tmp_path / "photos"
    folder.mkdir()
    for each in range(number):
        (folder / f"{each}.jpg").write_bytes(b"")
    return [str(folder)]


def test_what_a_killed_run_has_left_of_a_plan_is_no_part_of_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "SMALL", 2)
    roots, out = photos_in(tmp_path, 5), tmp_path / "out"
    table(out / "plan" / "0000000.parquet", {"number": [0]})
    table(out / "plan" / "0000007.parquet", {"number": [9]})
    made = plan.made(out, roots, {})
    assert [each.paths[0][-5:] for each in plan.unfinished(made, lambda _: False)] == [
        "0.jpg",
        "2.jpg",
        "4.jpg",
    ]


def test_only_unfinished_shards_are_read_from_a_plan(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "SMALL", 2)
    monkeypatch.setattr(plan, "ROWS", 2)
    roots = photos_in(tmp_path, 7)
    made = plan.made(tmp_path / "out", roots, {})
    shards = list(plan.shards_of(roots))
    assert list(plan.unfinished(made, lambda _: False)) == shards
    assert list(plan.unfinished(made, {0, 3}.__contains__)) == shards[1:3]


def test_a_plan_of_which_nothing_is_finished_is_made_anew_unless_it_is_resumed(tmp_path):
    roots, out = photos_in(tmp_path, 5), tmp_path / "out"
    first = plan.made(out, roots, {}, resume=False)
    (tmp_path / "photos" / "x.jpg").write_bytes(b"")
    assert plan.made(out, roots, {}, resume=True) == first
    assert plan.made(out, roots, {"model": "n"}, resume=False).images == 6
    (out / plan.DONE).write_bytes(b"of another program")
    with pytest.raises(DataError, match="plan.json: expected the description of a plan"):
        plan.made(out, roots, {}, resume=False)
    assert (out / plan.DONE).read_bytes() == b"of another program"


def test_finished_shards_without_their_plan_are_never_joined_with_another_plan(tmp_path):
    roots, out = photos_in(tmp_path, 5), tmp_path / "out"
    plan.made(out, roots, {})
    ledger = Ledger(out, 1)
    ledger.add(entry(0))
    ledger.close()
    (out / plan.DONE).unlink()
    with pytest.raises(DataError, match="plan.json: shards are finished, but their plan is gone"):
        plan.made(out, roots, {})
    assert has_finished(out)


@pytest.mark.parametrize("columns", [{"number": [1]}, {"text": ["a"]}])
def test_a_plan_of_other_content_is_refused(tmp_path, columns):
    made = plan.made(tmp_path / "out", photos_in(tmp_path, 2), {})
    row = parquet.read_table(made.files[0]).to_pylist()[0]
    rows = {name: [value] for name, value in row.items()} | columns
    table(made.files[0], rows if "number" in columns else columns)
    with pytest.raises(DataError, match="0000000.parquet: expected shard 0"):
        list(plan.unfinished(made, lambda _: False))


def test_two_runs_cannot_make_a_plan_at_the_same_time(tmp_path):
    ledger = Ledger(tmp_path / "out", 3)
    with pytest.raises(RunError, match="another run is writing into this folder"):
        plan.made(tmp_path / "out", photos_in(tmp_path, 2), {})
    ledger.close()


def test_a_disk_that_is_full_is_named_when_the_plan_is_written(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(plan, "write_whole", full)
    with pytest.raises(RunError, match="the plan cannot be written .No space left on device"):
        plan.made(tmp_path / "out", photos_in(tmp_path, 2), {})
    assert not (tmp_path / "out").exists()


# --- the ledger ---------------------------------------------------------------------------------


def entry(shard, **changes):
    return Entry(**{**asdict(Entry(shard, 10, 1, 20, 5, 100, 50)), **changes})


def written(out, shard):
    """An entry, and the file that it describes."""
    path = file_of(out, shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(50))
    return entry(shard)


def test_a_ledger_survives_a_torn_line_and_counts_each_shard_once(tmp_path):
    ledger = Ledger(tmp_path, 20)
    for shard in (3, 17, 3):
        ledger.add(written(tmp_path, shard))
    ledger.close()
    with ledger.path.open("ab") as file:
        file.write(b'{"shard":5,"ima')
    again = Ledger(tmp_path, 20)
    assert [number for number in range(20) if is_set(again.finished, number)] == [3, 17]
    assert (again.total.shard, again.total.images, again.total.people) == (2, 20, 40)
    again.add(written(tmp_path, 5))
    again.close()
    lines = [json.loads(line)["shard"] for line in ledger.path.read_text().splitlines()]
    assert lines == [3, 17, 5]


def test_a_finished_shard_whose_file_is_gone_or_cut_off_is_annotated_again(tmp_path):
    ledger = Ledger(tmp_path, 20)
    for shard in (3, 4, 17):
        ledger.add(written(tmp_path, shard))
    ledger.close()
    file_of(tmp_path, 3).unlink()
    file_of(tmp_path, 17).write_bytes(bytes(49))
    again = Ledger(tmp_path, 20)
    assert [number for number in range(20) if again.has(number)] == [4]
    assert (again.total.shard, again.total.images, again.lost) == (1, 10, 2)
    again.add(replace(written(tmp_path, 3), bytes_out=50))
    again.close()
    last = Ledger(tmp_path, 20)
    assert (last.total.shard, last.total.images, last.lost) == (2, 20, 1)
    last.close()


def test_two_runs_cannot_share_a_ledger(tmp_path):
    ledger = Ledger(tmp_path, 3)
    with pytest.raises(RunError, match="another run is writing into this folder"):
        Ledger(tmp_path, 3)
    ledger.close()


@pytest.mark.parametrize(
    "line",
    [
        b"{}\n",
        b"nonsense\n",
        b"[" * 9999 + b"\n",
        json.dumps(asdict(Entry(3, 1, 1, 1, 1, 1, 1))).encode() + b"\n",
        json.dumps(asdict(Entry(-1, 1, 1, 1, 1, 1, 1))).encode() + b"\n",
        json.dumps(asdict(Entry(0, -1, 1, 1, 1, 1, 1))).encode() + b"\n",
    ],
)
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
    assert worker.open() is None
    (shard,) = plan.shards_of([str(folder)])
    result = worker.work(shard)
    assert (result.shard, result.images, result.failed) == (0, 3, 1)
    assert result.bytes_in == sum(map(len, images[:2])) + len(b"no image")
    path = file_of(tmp_path / "out", 0)
    assert result.bytes_out == path.stat().st_size
    written = parquet.read_table(path)
    rows = written.to_pylist()
    assert [row["image"].rpartition("/")[2] for row in rows] == ["0.png", "1.png", "broken.png"]
    assert written.schema.metadata[b"keypoints"].startswith(b"nose,left_eye")
    assert rows[2]["scores"] is None
    assert "broken.png" in rows[2]["error"]
    assert rows[0]["error"] is None
    assert (rows[0]["width"], rows[0]["height"]) > (0, 0)


def test_a_shard_that_cannot_be_read_or_written_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    prepared = prepare("openpose-coco", "none")
    task = annotator.Task(prepared, expected_of(prepared), tmp_path / "out")
    worker = annotator.Annotator(task, lambda _: b"")
    assert worker.open() is None
    shard = plan.Shard(7, str(tmp_path), [str(tmp_path / "gone.parquet")], [0], 3)
    assert "gone.parquet: this Parquet file cannot be read" in worker.work(shard).why
    (tmp_path / "out").write_bytes(b"a file in the way")
    shard = plan.Shard(7, str(tmp_path), [str(tmp_path / "gone.jpg")], [], 1)
    why = worker.work(shard).why
    assert "000000007.parquet: cannot be written (Not a directory). Make room or" in why
