"""Record files: finished lines can be read again, whatever happened to the run."""

import json
import os
import subprocess
import sys

import pytest
from msgspec.structs import replace

import made_records
from posemark.core.errors import RecordError, RunError
from posemark.records import files, lines
from posemark.records.schema import (
    SCHEMA,
    BlockLine,
    End,
    FrameLine,
    Given,
    Header,
    People,
    PerfectLine,
    Published,
    Resumed,
    Source,
)


def header(**changes):
    """Return a header without a name of the run, as in records before runs were named."""
    fields = {
        "entry": "tiny@gt",
        "letter": "q",
        "data": Source("sample", "0123456789abcdef", "CC BY 4.0"),
        "published": Published(0.7, "gt", True, "a paper"),
        "own_process": True,
        "run": "",
    }
    return made_records.header(**fields | changes)


STAGES = {"decode": 1, "detect": 0, "preprocess": 2, "infer": 3, "postprocess": 4}
PEOPLE = People([0.9, 0.25], [[1.5, 2.5, 0.75] * 17, [-1.0, 640.125, 1e-06] * 17])
FRAMES = [
    FrameLine(139, 2, 1, STAGES, 11, PEOPLE),
    FrameLine(285, 0, 0, STAGES, 10, People([], [])),
    FrameLine(632, error='a "broken"\nimage: é\u2028\r end'),
    FrameLine(724, 2, 0, STAGES, 12, None),
]


BLOCK = BlockLine(2, 10**12, 510_000_000, 8_700_000, own_cpu_ns=9 * 10**8, energy_j={"gpu": 1.5})


def write(path, *lines, **changes):
    return made_records.written(path, header(**changes), lines).read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "tiny@gt.jsonl"


def test_what_was_written_is_read_back_unchanged(path):
    content = write(path, *FRAMES, End("all frames"))
    record = files.read(path)
    assert record.header == header()
    assert record.frames == FRAMES
    assert record.complete
    assert record.whole_bytes == len(content)
    assert record.path == path


def test_of_two_lines_of_one_image_the_later_holds_and_perfect_poses_stand_apart(path):
    again = FrameLine(632, 1, 0, STAGES, 10)
    perfect = PerfectLine(139, PEOPLE)
    write(path, perfect, *FRAMES, again)
    record = files.read(path)
    assert record.frames == [FRAMES[0], FRAMES[1], again, FRAMES[3]]
    assert record.perfect == [perfect]
    assert record.failed == []
    assert record.good == [FRAMES[0], FRAMES[1], FRAMES[3], again]


def test_every_measurement_of_an_image_counts_for_speed_and_its_last_for_accuracy(path):
    """A later failure does not undo a measurement, nor an earlier one."""
    first, second = FrameLine(139, 2, 0, STAGES, 11), FrameLine(139, 2, 0, STAGES, 15, PEOPLE)
    broken = FrameLine(139, error="gone")
    write(path, broken, first, second, broken, FRAMES[2], FRAMES[2], settings={"mode": "sustained"})
    record = files.read(path)
    assert record.good == [first, second]
    assert record.frames == [second, FRAMES[2]]
    assert record.failed == [FRAMES[2]]


def test_frames_belong_to_the_block_line_after_them(path):
    other = BlockLine(1, 2 * 10**12, 500_000_000, 8_800_000)
    write(path, PerfectLine(139, PEOPLE), *FRAMES[:2], BLOCK, FRAMES[2], other, End("limit"))
    record = files.read(path)
    assert record.blocks == [files.Block(FRAMES[:2], BLOCK), files.Block(FRAMES[2:3], other)]


def test_the_block_that_a_killed_run_was_in_has_no_readings_and_ends_where_the_next_run_begins(
    path,
):
    resumed = Resumed({"cpu": "one"}, "later")
    one = replace(BLOCK, frames=1)
    write(path, *FRAMES[:2], BLOCK, FRAMES[2], resumed, FRAMES[3], one)
    record = files.read(path)
    assert [block.readings for block in record.blocks] == [BLOCK, None, one]
    assert [len(block.frames) for block in record.blocks] == [2, 1, 1]
    assert record.resumed == [resumed]


def test_a_record_killed_before_any_frame_has_no_block(path):
    write(path, PerfectLine(139, PEOPLE), Resumed({}, "later"))
    assert files.read(path).blocks == []


def test_what_a_platform_does_not_report_is_left_out_and_comes_back_as_none(path):
    silent = BlockLine(1, 5, 6, 7)
    line = write(path, FRAMES[0], silent).splitlines()[-1]
    assert list(json.loads(line)) == ["kind", "frames", "began_ns", "wall_ns", "sentinel_ns"]
    assert files.read(path).blocks[0].readings == silent


def test_every_line_is_one_json_object_that_names_its_kind(path):
    content = write(path, *FRAMES, Resumed({"cpu": "two"}, "later"), End("limit"))
    lines = content.decode().split("\n")
    assert lines.pop() == ""
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["header", "frame", "frame", "frame", "frame", "resumed", "end"]
    assert json.loads(lines[0])["schema"] == SCHEMA


def test_a_line_is_in_the_file_before_the_next_frame_begins(path):
    with files.Writer.create(path, header()) as writer:
        assert files.read(path).frames == []
        for done, frame in enumerate(FRAMES, 1):
            writer.write(frame)
            assert files.read(path).frames == FRAMES[:done]
    assert not files.read(path).complete


@pytest.mark.parametrize(
    "torn",
    [FRAMES[0], FRAMES[2], BLOCK, End("limit")],
    ids=["poses", "error", "block", "end"],
)
def test_a_last_line_torn_at_any_byte_costs_only_itself(path, torn):
    before = write(path, *FRAMES)
    path.unlink()
    after = write(path, *FRAMES, torn)
    assert after.startswith(before)
    for size in range(len(before), len(after)):
        path.write_bytes(after[:size])
        record = files.read(path)
        assert record.frames == FRAMES
        assert record.whole_bytes == len(before)
        assert not record.complete


@pytest.mark.parametrize("torn", [FRAMES[0], FRAMES[2]], ids=["long", "short"])
def test_going_on_after_a_torn_line_replaces_it_and_no_finished_byte(path, torn):
    before = write(path, *FRAMES[1:3])
    path.unlink()
    after = write(path, *FRAMES[1:3], torn)
    for size in range(len(before), len(after) + 1):
        path.write_bytes(after[:size])
        finished = files.read(path)
        with files.Writer.append(finished) as writer:
            writer.write(FRAMES[3])
            writer.write(End("all frames"))
        record = files.read(path)
        assert path.read_bytes().startswith(after[: finished.whole_bytes])
        assert record.frames == [*finished.frames, FRAMES[3]]
        assert record.complete
        assert record.whole_bytes == path.stat().st_size


def test_a_resumed_record_is_complete_only_after_its_new_end(path):
    write(path, FRAMES[0], End("limit"))
    with files.Writer.append(files.read(path)) as writer:
        writer.write(Resumed({}, "later"))
        assert not files.read(path).complete
        writer.write(FRAMES[1])
        writer.write(End("all frames"))
    assert files.read(path).complete
    assert files.read(path).frames == FRAMES[:2]


def test_an_existing_record_is_never_overwritten(path):
    before = write(path, *FRAMES)
    with pytest.raises(RecordError, match=r"exists already.*--resume.*--out"):
        files.Writer.create(path, header())
    assert path.read_bytes() == before


def another_schema(line, schema=SCHEMA + 1, **changes):
    return json.dumps({**json.loads(line), "schema": schema, **changes}).encode() + b"\n"


@pytest.mark.parametrize("changes", [{}, {"settings": "now a text"}, {"macs": None}], ids=repr)
def test_another_schema_is_explained_whatever_else_changed_with_it(path, changes):
    first, *rest = write(path, *FRAMES).splitlines(keepends=True)
    path.write_bytes(another_schema(first, **changes) + b"".join(rest))
    with pytest.raises(RecordError, match=rf"schema {SCHEMA + 1}.*reads schema {SCHEMA}"):
        files.read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"no record\n",
        b"[1, 2]\n",
        b'{"kind": "header"}\n',
        b'{"kind": "party"}\n',
        b"\xff\xfe\x00\n",
        b'{"kind":"end","reason":"\xff"}\n',
        b'{"kind":"end","reason":"limit"}\n',
        b'{"kind":"frame","image_id":1}\n',
    ],
)
def test_what_is_no_record_is_explained(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"tiny@gt\.jsonl: expected a PoseMark run record"):
        files.read(path)


def test_a_damaged_line_in_the_middle_is_named_and_never_skipped(path):
    lines = write(path, *FRAMES).splitlines(keepends=True)
    lines[2] = lines[2][:20] + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(RecordError, match="line 3"):
        files.read(path)


def test_a_missing_file_and_a_folder_are_explained(path):
    with pytest.raises(RecordError, match=r"cannot read this record.*No such file.*run folder"):
        files.read(path)
    with pytest.raises(RecordError, match="cannot read this record"):
        files.read(path.parent.parent)


def test_identity_ignores_where_when_and_beside_what_and_nothing_else():
    mine, fields = header(), set(Header.__struct_fields__)
    elsewhere = {
        "environment": {**made_records.ENVIRONMENT, "cpu": "two"},
        "started": "later",
        "run": "b",
    }
    beside = {"own_process": False, "turns": 25, "network": "hrnet-w32", "photographs": None}
    beside |= {"data_notes": ("2 annotations left out",), "given": Given(weights="mine.pth")}
    assert mine.identity() == header(**elsewhere, **beside).identity()
    changes = {
        "model": "other",
        "weights": Source("none", "formula-2"),
        "boxes": Source("gt", "other"),
        "settings": {"threads": 4},
        "published": None,
        "truth": "other.json",
        "protocol": mine.protocol + 1,
        "posemark": "0.1",
        "sigmas": mine.sigmas[1:],
        "decoder": 2,
    }
    for field, value in changes.items():
        assert mine.identity() != header(**{field: value}).identity(), field
    assert set(mine.identity()) - {"kind"} == fields - elsewhere.keys() - beside.keys()


# --- what belongs together ----------------------------------------------------------------------

STAMPED = {"run": "c0ffee00"}


def damaged(path, change, **changes):
    """Return the error of a record of three frames, a block and an end after a change to a line."""
    path.unlink(missing_ok=True)
    block = replace(BLOCK, frames=3)
    write(path, *FRAMES[:3], block, End("limit"), **changes)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))
    with pytest.raises(RecordError) as refusal:
        files.read(path)
    return str(refusal.value)


def test_every_line_of_a_run_has_the_run_and_its_number_and_the_fields_are_unchanged(path):
    write(path, *FRAMES, End("limit"), **STAMPED)
    raw_lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [(line["run"], line["line"]) for line in raw_lines] == [
        ("c0ffee00", at) for at in range(1, 7)
    ]
    assert files.read(path).frames == FRAMES


def test_a_resumed_record_continues_the_count_of_its_lines(path):
    write(path, FRAMES[0], End("limit"), **STAMPED)
    with files.Writer.append(files.read(path)) as writer:
        for line in (Resumed({}, "later"), FRAMES[1], End("all frames")):
            writer.write(line)
    assert files.read(path).frames == FRAMES[:2]


@pytest.mark.parametrize("changes", [{}, STAMPED], ids=["before runs had names", "named"])
@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [*lines, lines[0]], 7),
        (lambda lines: [lines[0], *lines], 2),
        (lambda lines: [*lines, lines[1]], 7),
        (lambda lines: [*lines, lines[-1]], 7),
        (lambda lines: [lines[0], *lines[2:]], None),
        (lambda lines: [*lines[:4], lines[1], *lines[4:]], 5),
    ],
    ids=["header", "doubled header", "frame after the end", "two ends", "lost", "doubled"],
)
def test_what_was_changed_afterwards_is_refused_and_the_line_named(path, changes, change, line):
    refusal = damaged(path, change, **changes)
    assert str(path) in refusal
    assert f"line {line or (2 if changes else 4)}:" in refusal


def test_lines_of_another_run_are_found_wherever_they_come_from(path, tmp_path):
    other = tmp_path / "other.jsonl"
    write(other, *FRAMES, run="another0")
    foreign = other.read_bytes().splitlines(keepends=True)[4]
    assert "line 6: a line of another run" in damaged(
        path, lambda lines: [*lines[:5], foreign, *lines[5:]], **STAMPED
    )
    assert "line 6: a line of another run" in damaged(
        path, lambda lines: [*lines[:5], foreign, *lines[5:]]
    )


def test_blocks_out_of_the_order_of_time_are_of_two_runs(path):
    one, earlier = replace(BLOCK, frames=1), replace(BLOCK, frames=1, began_ns=5)
    write(path, FRAMES[0], one, FRAMES[1], earlier)
    with pytest.raises(RecordError, match="line 5: a block that began before"):
        files.read(path)
    path.unlink()
    write(path, FRAMES[0], one, Resumed({}, "after a restart"), FRAMES[1], earlier)
    assert len(files.read(path).blocks) == 2


# --- what a line may hold -----------------------------------------------------------------------


def altered(text, place, value):
    """Return a line with one value changed, given the keys and indices that lead to it."""
    fields = json.loads(text)
    *way, last = place
    inner = fields
    for key in way:
        inner = inner[key]
    if value is KeyError:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(fields).encode() + b"\n"


PLACES = [
    (0, ("environment", "cpu")),
    (0, ("environment", "cores")),
    (0, ("environment", "cpus")),
    (0, ("input_hw",)),
    (0, ("input_hw", 0)),
    (0, ("sigmas", 0)),
    (0, ("weights", "sha256")),
    (0, ("settings", "threads")),
    (0, ("published", "ap")),
    (0, ("truth",)),
    (0, ("approach",)),
    (1, ("image_id",)),
    (1, ("stages", "infer")),
    (1, ("poses", 0)),
    (1, ("poses", 0, 1)),
    (1, ("poses", 1, 0)),
    (1, ("poses", 1, 0, 4)),
    (4, ("frames",)),
    (4, ("sentinel_ns",)),
]
NONSENSE = [KeyError, {}, [], [[[]]], -5, 10**30, 1e300, "", "x" * 5000, {"a": {"b": 1}}]


TEXTS = {("environment", "cpu"), ("weights", "sha256")}
SIGNED = {("image_id",), ("poses", 0, 1), ("poses", 1, 0, 4)}


def fits(way, value):
    """Return whether a value of another kind than the original is valid there as well."""
    of_text = way in TEXTS and isinstance(value, str)
    return (
        of_text or (way in SIGNED and value == -5) or (way == ("sigmas", 0) and value is KeyError)
    )


@pytest.mark.parametrize(
    ("place", "value"),
    [(place, value) for place in PLACES for value in NONSENSE if not fits(place[1], value)],
    ids=lambda each: f"{each!r:.40}",
)
def test_a_value_of_another_kind_or_beyond_all_measure_is_refused_and_the_line_named(
    path, place, value
):
    number, way = place

    def change(lines):
        return [*lines[:number], altered(lines[number], way, value), *lines[number + 1 :]]

    refusal = damaged(path, change)
    assert f"line {number + 1}: " in refusal
    assert len(refusal) < 2000


def test_a_header_with_more_streams_than_threads_is_refused(path):
    refusal = damaged(
        path, lambda lines: [altered(lines[0], ("settings", "streams"), 3), *lines[1:]]
    )
    assert "line 1: 3 streams with 2 threads" in refusal


def test_a_sigma_whose_square_would_be_0_is_refused(path):
    refusal = damaged(path, lambda lines: [altered(lines[0], ("sigmas", 0), 1e-300), *lines[1:]])
    assert "line 1: Expected `float` >= 0.0001 - at `$.sigmas[0]`" in refusal


@pytest.mark.parametrize("name", ["/dev/zero", "../../x", "..", "", "a/b", "a\nb"])
def test_annotations_have_a_plain_file_name_in_the_run_folder(path, name):
    refusal = damaged(path, lambda lines: [altered(lines[0], ("truth",), name), *lines[1:]])
    assert "line 1:" in refusal
    assert "$.truth" in refusal


def test_numbers_that_are_none_and_nests_without_end_are_refused(path):
    deep = b'{"kind":"end","reason":"x","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    for line in (deep, b'{"kind":"frame","image_id":1,"frame_ns":1e999}\n', b'{"kind":NaN}\n'):
        assert "line 5:" in damaged(path, lambda lines, line=line: [*lines[:4], line])


def test_what_is_no_regular_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(RecordError, match="Not a regular file"):
        files.read(tmp_path / "pipe.jsonl")


def test_a_line_without_end_is_not_read_to_its_end(path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 4000)
    content = write(path, FRAMES[1])
    path.write_bytes(content + b"x" * 4000)
    with pytest.raises(RecordError, match="a line of more than 4000 bytes"):
        files.read(path)


def test_a_line_that_could_not_be_read_again_is_not_written(path):
    with files.Writer.create(path, header()) as writer:
        writer.write(FRAMES[0])
        for bad in (float("nan"), float("inf"), 1e12):
            with pytest.raises(RecordError, match=r"cannot be kept.*report it"):
                writer.write(FrameLine(5, 1, 0, STAGES, 10, People([bad], [[1.0] * 51])))
        writer.write(FRAMES[1])
    assert files.read(path).frames == FRAMES[:2]


def test_a_name_that_is_not_valid_text_is_written_as_a_terminal_shows_it(path):
    head = header(given=Given(card="na\udcffme.toml"), data_notes=("na\udcffme: 3 images",))
    made_records.written(path, head, [FrameLine(1, error="na\udcffme.jpg: cut off")])
    found = files.read(path)
    assert found.header.given.card == "na\\udcffme.toml"
    assert found.header.data_notes == ("na\\udcffme: 3 images",)
    assert found.frames == [FrameLine(1, error="na\\udcffme.jpg: cut off")]


POSITIONS = [[1.0, 2.0] * 17] * 2


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"ids": [1, 2, 3]}, "3 ids of 2 people"),
        ({"ids": [1]}, "1 ids of 2 people"),
        ({"ids": [1, 2], "unsmoothed": POSITIONS[:1]}, "1 rows of unsmoothed points of 2 people"),
        ({"ids": [1, 2]}, "poses without their positions before smoothing"),
    ],
)
def test_each_person_of_a_frame_has_one_id_and_one_row_before_smoothing(path, fields, says):
    smooth = replace(header().settings, smooth=True)
    sound = FrameLine(139, 2, 1, STAGES, 11, PEOPLE, ids=[1, 2], unsmoothed=POSITIONS)
    made_records.written(path, replace(header(), settings=smooth), [sound])

    def change(lines):
        line = json.loads(lines[1])
        left = {key: value for key, value in line.items() if key not in ("ids", "unsmoothed")}
        return [lines[0], json.dumps(left | fields).encode() + b"\n"]

    assert files.read(path).frames == [sound]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))
    with pytest.raises(RecordError, match=rf"line 2: .*{says}"):
        files.read(path)


# --- one writer ---------------------------------------------------------------------------------


def test_a_record_has_one_writer_at_a_time(path):
    with files.Writer.create(path, header()) as writer:
        writer.write(FRAMES[0])
        with pytest.raises(RecordError, match=r"another run is writing this record.*--resume"):
            files.Writer.append(files.read(path))
        with pytest.raises(RecordError, match="another run is writing"):
            files.require_unused(path)
        with pytest.raises(RecordError, match="another run is writing"):
            files.Writer.create(path, header())
        writer.write(FRAMES[1])
    files.require_unused(path)
    files.Writer.append(files.read(path)).close()
    assert files.read(path).frames == FRAMES[:2]


def test_a_record_that_another_run_went_on_with_in_the_meantime_is_not_cut(path):
    write(path, FRAMES[0])
    before = files.read(path)
    with files.Writer.append(before) as writer:
        writer.write(FRAMES[1])
    with pytest.raises(RecordError, match="in the meantime"):
        files.Writer.append(before)
    assert files.read(path).frames == FRAMES[:2]


def test_the_lock_ends_with_a_killed_process(path):
    write(path, FRAMES[0])
    code = (
        "import sys, time; from pathlib import Path; from posemark.records import files\n"
        "writer = files.Writer.append(files.read(Path(sys.argv[1])))\n"
        "print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(RecordError, match="another run is writing"):
            files.require_unused(path)
        other.kill()
    files.require_unused(path)


def test_a_disk_that_is_full_in_mid_record_costs_the_line_and_says_so(path):
    """A limit on the file size simulates a full disk: the system refuses to write beyond it."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from posemark.core.errors import RunError\n"
        "from posemark.records import files\n"
        "record = files.read(Path(sys.argv[1]))\n"
        "writer = files.Writer.append(record)\n"
        "limit = record.whole_bytes + 100\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "try: writer.write(record.frames[0])\n"
        "except RunError as error: print(error)\n"
        "writer.close()\n"
    )
    write(path, *FRAMES[:2])
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Every finished frame is kept" in done.stdout
    assert "--resume" in done.stdout
    assert files.read(path).frames == FRAMES[:2]
    with files.Writer.append(files.read(path)) as writer:
        writer.write(FRAMES[2])
    assert files.read(path).frames == FRAMES[:3]


# --- damage -------------------------------------------------------------------------------------


def three_blocks(path, **changes):
    """Write a record of three blocks of two frames, and return the bytes of its 11 lines."""
    path.unlink(missing_ok=True)
    content = []
    for block in range(3):
        content += [replace(FRAMES[0], image_id=10 * block + each) for each in (1, 2)]
        content.append(replace(BLOCK, began_ns=10**12 + block))
    made_records.written(path, header(**STAMPED | changes), [*content, End("limit")])
    return path.read_bytes().splitlines(keepends=True)


def flipped(text, at):
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]


def resumed_again(path):
    """Resume a record as a measurement does: measure what is lacking, then end it."""
    record = files.read_to_resume(path)
    with files.Writer.append(record) as writer:
        lacking = [i for i in (1, 2, 11, 12, 21, 22) if i not in {f.image_id for f in record.good}]
        for image_id in lacking:
            writer.write(replace(FRAMES[0], image_id=image_id))
        if lacking:
            writer.write(replace(BLOCK, frames=len(lacking), began_ns=2 * 10**12))
        if not record.complete:
            writer.write(End("limit"))
    return record


def test_every_flipped_bit_of_any_line_is_found_and_costs_that_line_only(path):
    """Each line, at its beginning, in its middle, in its checksum and at its newline."""
    lines = three_blocks(path)
    for number, text in enumerate(lines[1:], 2):
        for at in (0, 20, len(text) // 2, len(text) - 5, len(text) - 1):
            path.write_bytes(b"".join([*lines[: number - 1], flipped(text, at), *lines[number:]]))
            if number == len(lines) and at == len(text) - 1:
                continue  # the last line without its newline is a torn one
            with pytest.raises(RecordError, match=rf"lines? {number}\b.*damaged.*--resume"):
                files.read(path)
            before = path.read_bytes()
            damaged = resumed_again(path).damaged
            joined = at == len(text) - 1 and number + 1 < len(lines)
            assert damaged == ((number, number + 1) if joined else (number,))
            assert path.read_bytes().startswith(before)
            record = files.read(path)
            assert sorted(f.image_id for f in record.good) == [1, 2, 11, 12, 21, 22]
            assert record.passed_over == damaged
            assert record.complete


def test_a_newline_that_came_into_being_costs_its_line_only(path):
    lines = three_blocks(path)
    lines[4] = lines[4][:50] + b"\n" + lines[4][51:]
    path.write_bytes(b"".join(lines))
    assert resumed_again(path).damaged == (5,)
    assert sorted(f.image_id for f in files.read(path).good) == [1, 2, 11, 12, 21, 22]


def test_frames_around_damage_are_blocks_without_readings_and_whole_blocks_keep_theirs(path):
    lines = three_blocks(path)
    path.write_bytes(b"".join([*lines[:4], flipped(lines[4], 30), *lines[5:]]))
    blocks = files.read_to_resume(path).blocks
    assert [[f.image_id for f in block.frames] for block in blocks] == [[1, 2], [12], [21, 22]]
    assert [block.readings is None for block in blocks] == [False, True, False]


def test_damage_of_a_line_that_says_the_run_was_resumed_does_not_join_two_clocks(path):
    one, earlier = replace(BLOCK, frames=1), replace(BLOCK, frames=1, began_ns=5)
    after_restart = Resumed({}, "after a restart")
    write(path, FRAMES[0], one, after_restart, FRAMES[1], earlier, **STAMPED)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = flipped(lines[3], 10)
    path.write_bytes(b"".join(lines))
    assert [block.process for block in files.read_to_resume(path).blocks] == [0, 1]


def test_damage_twice_is_passed_over_twice(path):
    lines = three_blocks(path)
    path.write_bytes(b"".join([*lines[:2], flipped(lines[2], 9), *lines[3:]]))
    resumed_again(path)
    again = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*again[:5], flipped(again[5], 9), *again[6:]]))
    with pytest.raises(RecordError, match="line 6 is damaged"):
        files.read(path)
    resumed_again(path)
    assert files.read(path).passed_over == (3, 6)


def test_a_damaged_header_cannot_be_resumed_and_the_message_says_so(path):
    lines = three_blocks(path)
    path.write_bytes(b"".join([flipped(lines[0], 60), *lines[1:]]))
    for read in (files.read, files.read_to_resume):
        with pytest.raises(RecordError, match=r"line 1, the header, is damaged.*another --out"):
            read(path)


def test_a_damaged_line_without_a_place_for_it_was_inserted(path):
    lines = three_blocks(path)
    path.write_bytes(b"".join([*lines[:3], b"\n", *lines[3:]]))
    with pytest.raises(RecordError, match=r"line 3: .*not of this run.*was changed"):
        files.read_to_resume(path)


def test_a_line_whose_content_was_edited_does_not_match_its_checksum(path):
    lines = three_blocks(path)
    lines[1] = lines[1].replace(b'"infer":3', b'"infer":2')
    path.write_bytes(b"".join(lines))
    with pytest.raises(RecordError, match=r"line 2 is damaged \(it does not match its checksum\)"):
        files.read(path)
    lines[1] = lines[1][: lines[1].rindex(b',"crc32"')] + b"}\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(RecordError, match=r"line 2 is damaged \(it has no checksum\)"):
        files.read(path)


def test_a_record_from_before_checksums_is_read_and_resumed_with_them(path):
    lines = [line[: line.rindex(b',"crc32"')] + b"}\n" for line in three_blocks(path)]
    path.write_bytes(b"".join(lines[:7]))
    assert len(files.read(path).good) == 4
    assert resumed_again(path).damaged == ()
    assert len(files.read(path).good) == 6
    cut = [*lines[:4], lines[4][:40] + b"\n", *lines[5:]]
    path.write_bytes(b"".join(cut))
    with pytest.raises(RecordError, match="line 5 is damaged"):
        files.read(path)


def test_what_is_repaired_is_said(path):
    lines = three_blocks(path)
    path.write_bytes(b"".join([*lines[:2], flipped(lines[2], 9), *lines[3:], lines[0][:17]]))
    torn, damaged = files.read_to_resume(path).repairs
    assert "last line is incomplete (17 bytes)" in torn
    assert str(path) in damaged
    assert damaged.endswith("measured again: 3.")
    resumed_again(path)
    assert files.read_to_resume(path).repairs == []


def test_a_header_that_never_reached_the_disk_is_written_anew(path):
    lines = three_blocks(path)
    path.write_bytes(bytes(len(lines[0]) - 30) + lines[0][-30:])
    assert not files.begun(path)
    files.Writer.create(path, header(**STAMPED)).close()
    assert files.read(path).header == header(**STAMPED)


def test_zeros_in_a_header_with_lines_below_are_not_overwritten(path):
    lines = three_blocks(path)
    path.write_bytes(b"".join([bytes(len(lines[0]) - 1) + b"\n", *lines[1:]]))
    assert files.begun(path)
    with pytest.raises(RecordError, match="exists already"):
        files.Writer.create(path, header(**STAMPED))


def test_a_record_that_another_process_writes_without_locks_is_left_alone(path, monkeypatch):
    """As on a network file system that has no locks."""
    monkeypatch.setattr(files, "locked", lambda file: True)
    write(path, FRAMES[0], **STAMPED)
    before = files.read(path)
    with files.Writer.append(before) as first, files.Writer.append(before) as second:
        second.write(FRAMES[1])
        with pytest.raises(RecordError, match="in the meantime"):
            first.write(FRAMES[2])
        second.write(FRAMES[3])
    assert files.read(path).good == [FRAMES[0], FRAMES[1], FRAMES[3]]


def test_a_line_that_was_refused_takes_no_number(path):
    with files.Writer.create(path, header(**STAMPED)) as writer:
        with pytest.raises(RecordError, match="cannot be kept"):
            writer.write(FrameLine(5, 1, 0, STAGES, 10, People([float("nan")], [[1.0] * 51])))
        writer.write(FRAMES[0])
    assert files.read(path).good == FRAMES[:1]


def test_a_disk_that_does_not_take_what_was_written_is_explained(path, monkeypatch):
    def refuse(number):
        raise OSError(5, "Input/output error")

    with files.Writer.create(path, header(**STAMPED)) as writer:
        writer.write(FRAMES[0])
        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(RunError, match=r"cannot be passed to the disk.*last block may be lost"):
            writer.sync()
    assert files.read(path).good == FRAMES[:1]
