"""The device finds the same damage in a record as the machine at home, and goes on behind it."""

import pytest

import made_records
from posemark.bundle.runner.record import RecordWriter, read_record
from posemark.core.errors import RecordError
from posemark.records import files
from posemark.records.damage import Numbering
from posemark.records.schema import BlockLine, End

IMAGES = (1, 2, 3, 4)


@pytest.fixture
def lines(tmp_path):
    """The bytes of the lines of a finished record: header, two blocks of two frames, end."""
    edge = made_records.ENVIRONMENT | {"edge": {}}
    content = []
    for block, images in enumerate((IMAGES[:2], IMAGES[2:])):
        content += [made_records.frame(image, 10**8) for image in images]
        content.append(BlockLine(2, block * 10**9, 10**9, 10**7))
    path = tmp_path / "made.jsonl"
    made_records.written(path, made_records.header(environment=edge), [*content, End("limit")])
    return path.read_bytes().splitlines(keepends=True)


def at_home(path):
    record = files.read_to_resume(path)
    images = [frame.image_id for frame in record.good]
    return list(record.damaged), images, record.whole_lines, record.complete, record.repairs


def on_device(path):
    record = read_record(path)
    images = [line["image_id"] for line in record.measured]
    return record.damaged, images, record.last, record.complete, record.repairs


def continued(path):
    """Continue a record on a device: measure what is lacking, then end it."""
    record = read_record(path)
    writer = RecordWriter(path, record)
    writer.write("resumed", {"environment": {}, "started": "2026-01-01T01:00:00+00:00"})
    have = [line["image_id"] for line in record.measured]
    lacking = [each for each in IMAGES if each not in have]
    for image in lacking:
        frame = made_records.frame(image, 10**8)
        fields = {"boxes": 2, "stages": frame.stages, "frame_ns": frame.frame_ns}
        writer.write("frame", {"image_id": image} | fields)
    if lacking:
        times = {"began_ns": 10**12, "wall_ns": 10**9, "sentinel_ns": 10**7}
        writer.write("block", {"frames": len(lacking)} | times)
    if not record.complete:
        writer.write("end", {"reason": "all frames"})
    writer.close()


def flipped(text, at):
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]


def test_every_flipped_bit_of_any_line_is_found_as_at_home_and_costs_that_line_only(
    lines, tmp_path
):
    path = tmp_path / "made.jsonl"
    for at, text in enumerate(lines[1:], 1):
        for place in (0, 20, len(text) // 2, len(text) - 5, len(text) - 1):
            path.write_bytes(b"".join([*lines[:at], flipped(text, place), *lines[at + 1 :]]))
            assert on_device(path) == at_home(path)
            before = path.read_bytes()
            damaged, torn = tuple(read_record(path).damaged), read_record(path).torn_bytes
            assert bool(damaged) != bool(torn)
            continued(path)
            assert path.read_bytes().startswith(before[: len(before) - torn])
            assert on_device(path) == at_home(path)
            record = files.read(path)
            assert sorted(frame.image_id for frame in record.good) == list(IMAGES)
            assert (record.passed_over, record.complete) == (damaged, True)


@pytest.mark.parametrize("made", [b"\n", b"\r"])
def test_a_line_that_was_cut_in_two_costs_that_line_only(lines, tmp_path, made):
    path = tmp_path / "made.jsonl"
    lines[2] = lines[2][:50] + made + lines[2][51:]
    path.write_bytes(b"".join(lines))
    assert on_device(path) == at_home(path)
    assert read_record(path).damaged == [3]


def test_damage_twice_is_passed_over_twice(lines, tmp_path):
    path = tmp_path / "made.jsonl"
    path.write_bytes(b"".join([*lines[:1], flipped(lines[1], 9), *lines[2:]]))
    continued(path)
    again = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*again[:4], flipped(again[4], 9), *again[5:]]))
    assert read_record(path).damaged == [5]
    continued(path)
    assert files.read(path).passed_over == (2, 5)


@pytest.mark.parametrize(
    "changed",
    [
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [*lines[:2], lines[1], *lines[2:]],
        lambda lines: [*lines[:2], b"\n", *lines[2:]],
        lambda lines: [*lines[:2], b"\n", *lines[4:]],
        lambda lines: lines[1:],
        lambda lines: [flipped(lines[0], 60), *lines[1:]],
    ],
    ids=["lost", "repeated", "inserted", "lost behind damage", "no header", "damaged header"],
)
def test_what_is_no_damage_is_refused_as_at_home(lines, tmp_path, changed):
    path = tmp_path / "made.jsonl"
    path.write_bytes(b"".join(changed(lines)))
    for read in (read_record, files.read_to_resume):
        with pytest.raises(RecordError, match=r"made\.jsonl: "):
            read(path)


def test_a_number_far_beyond_the_bytes_of_the_damage_is_refused_at_once(tmp_path):
    numbering = Numbering(tmp_path, "made")
    numbering.sound("made", 1)
    numbering.damaged("it has no checksum", 40)
    with pytest.raises(RecordError, match="after it come damaged bytes and line 1000000000"):
        numbering.sound("made", 10**9)


def test_a_torn_line_is_cut_and_said_as_at_home(lines, tmp_path):
    path = tmp_path / "made.jsonl"
    path.write_bytes(b"".join(lines[:3]) + lines[3][:17])
    assert on_device(path) == at_home(path)
    assert "last line is incomplete (17 bytes)" in read_record(path).repairs[0]
    continued(path)
    assert files.read(path).complete


def test_a_record_of_zeros_has_nothing(tmp_path):
    path = tmp_path / "made.jsonl"
    path.write_bytes(bytes(100))
    assert read_record(path) is None
    path.unlink()
    assert read_record(path) is None
