"""Taking members out of a zip file: safely, and without disk space for both."""

import io
import stat
import zipfile

import pytest

from made_val2017 import zipped
from posemark.core.errors import DownloadError
from posemark.downloads import archives
from posemark.downloads.archives import take
from power_failure import recording, sampled, tree_of

FILES = {f"val2017/{number:012d}.jpg": bytes([number]) * (1000 + number) for number in range(20)}
OTHERS = {"annotations/captions.json": b"{}" * 5000, "val2017/": b"", "README": b"read me"}


def made(path, files, method=zipfile.ZIP_STORED):
    path.write_bytes(zipped(files, method))
    return path


@pytest.fixture
def archive(tmp_path):
    return made(tmp_path / "val2017.zip", {**FILES, **OTHERS})


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "coco"


def images(name):
    return name.startswith("val2017/")


def everything(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_only_what_is_wanted_is_taken_and_the_archive_is_gone(tmp_path, folder, method):
    archive = made(tmp_path / "val2017.zip", {**OTHERS, **FILES}, method)
    assert take(archive, images, folder) == len(FILES)
    assert everything(folder) == FILES
    assert list(tmp_path.iterdir()) == [folder]


class Stopping:
    """Interrupts after some members, and keeps the largest disk space in use until then."""

    def __init__(self, archive, folder, after):
        self.archive, self.folder, self.after = archive, folder, after
        self.most = 0

    def began(self, name, url, done, total):
        pass

    def moved(self, count):
        files = sum(p.stat().st_size for p in self.folder.rglob("*.jpg"))
        self.most = max(self.most, files + self.archive.stat().st_size)
        self.after -= 1
        if not self.after:
            raise KeyboardInterrupt

    def said(self, sentence):
        pass


@pytest.mark.parametrize("batch", [1, 100_000, 10**9])
def test_archive_and_files_need_at_most_the_room_of_a_batch_more(
    archive, folder, batch, monkeypatch
):
    monkeypatch.setattr(archives, "BATCH_BYTES", batch)
    size = archive.stat().st_size
    watcher = Stopping(archive, folder, -1)
    take(archive, images, folder, watcher)
    sizes = list(map(len, FILES.values()))
    assert watcher.most <= size + max(sizes) + min(batch, sum(sizes))


@pytest.mark.parametrize("after", [1, 7, 19, 20])
def test_an_interrupted_unpacking_continues(archive, folder, after):
    with pytest.raises(KeyboardInterrupt):
        take(archive, images, folder, Stopping(archive, folder, after))
    assert archives.begun(archive)
    assert len(everything(folder)) == after
    changed = {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}
    assert take(archive, images, folder) == len(FILES)
    assert everything(folder) == FILES
    assert {p: p.stat().st_mtime_ns for p in changed} == changed
    assert not archives.begun(archive)


def test_an_unpacking_interrupted_between_two_steps_continues(archive, folder):
    """The program ends right after the central directory was restored."""
    with pytest.raises(KeyboardInterrupt):
        take(archive, images, folder, Stopping(archive, folder, 5))
    archives._make_readable(archive)
    assert zipfile.ZipFile(archive).namelist() == [*FILES, *OTHERS]
    assert take(archive, images, folder) == len(FILES)
    assert everything(folder) == FILES


def test_an_existing_file_with_other_content_is_replaced(archive, folder):
    name = next(iter(FILES))
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(b"?" * len(FILES[name]))
    take(archive, images, folder)
    assert everything(folder) == FILES


NAMES = ["../up", "/etc/passwd", "a/../../up", "C:/x", "a\\..\\b", "x\x1b[2J", "val2017/../../x"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_are_refused(tmp_path, folder, name):
    archive = made(tmp_path / "bad.zip", {"val2017/1.jpg": b"x", name: b"evil"})
    with pytest.raises(DownloadError, match="cannot be unpacked.*Nothing is unpacked"):
        take(archive, lambda _: True, folder)
    assert not list(folder.rglob("*"))


def test_links_encrypted_and_repeated_members_are_refused(tmp_path, folder):
    link = zipfile.ZipInfo("val2017/link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DownloadError, match="it is a link"):
        take(tmp_path / "link.zip", images, folder)
    made(tmp_path / "twice.zip", {"val2017/1.jpg": b"1", "val2017/2.jpg": b"2"})
    content = (tmp_path / "twice.zip").read_bytes().replace(b"2.jpg", b"1.jpg")
    (tmp_path / "twice.zip").write_bytes(content)
    with pytest.raises(DownloadError, match="its name occurs twice"):
        take(tmp_path / "twice.zip", images, folder)
    content = bytearray(made(tmp_path / "locked.zip", {"val2017/1.jpg": b"1"}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(content)
    with pytest.raises(DownloadError, match="it is encrypted"):
        take(tmp_path / "locked.zip", images, folder)


def test_a_bomb_is_refused(archive, folder, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_BYTES", 10_000)
    with pytest.raises(DownloadError, match="at most .* 10,000 bytes in this archive, got 23 and"):
        take(archive, images, folder)
    monkeypatch.setattr(archives, "_MOST_MEMBERS", 22)
    with pytest.raises(DownloadError, match="at most 22 files"):
        take(archive, images, folder)


@pytest.mark.parametrize("damage", ["no zip", "cut", "flipped"])
def test_a_damaged_archive_is_removed_and_explained(archive, folder, damage):
    content = bytearray(archive.read_bytes())
    content[40 + 500] ^= 1  # in the first image, which is taken last
    changed = {"no zip": b"hello", "cut": bytes(content[:-3000]), "flipped": bytes(content)}
    archive.write_bytes(changed[damage])
    with pytest.raises(DownloadError, match="damaged .*, and was removed"):
        take(archive, images, folder)
    assert not archive.exists()
    assert not archives.begun(archive)
    assert next(iter(FILES)) not in everything(folder)


def test_a_long_table_of_contents_is_not_read(archive, folder, monkeypatch):
    monkeypatch.setattr(archives, "_LARGEST_TABLE", 1000)
    with pytest.raises(DownloadError, match="table of contents has more than 1,000 bytes"):
        take(archive, images, folder)


def test_a_name_that_is_not_valid_text_is_damage(archive, folder):
    content = bytearray(archive.read_bytes())
    entry = content.rindex(b"PK\1\2")
    content[entry + 9] |= 8  # the name is said to be UTF-8
    content[entry + 46] = 0xFF
    archive.write_bytes(content)
    with pytest.raises(DownloadError, match="damaged .*'utf-8' codec.*, and was removed"):
        take(archive, images, folder)


def test_a_long_name_in_a_header_is_cut_in_the_message(tmp_path, folder):
    path = tmp_path / "long.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("1.jpg", b"x" * 70_000)
    content = bytearray(path.read_bytes())
    content[26:28] = (60_000).to_bytes(2, "little")  # the length of the name before the member
    path.write_bytes(content)
    with pytest.raises(DownloadError, match="damaged .*, and was removed") as caught:
        archives.take(path, lambda name: True, folder)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path, folder, method):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr("1.jpg", b"one" * 100)
    with pytest.raises(DownloadError, match="compressed in a way that is not read here"):
        archives.take(path, lambda name: True, folder)


@pytest.mark.parametrize("offset", [b"\xff" * 8, (2**40).to_bytes(8, "big")])
def test_a_damaged_copy_of_the_table_costs_the_archive(archive, folder, offset):
    table = archive.with_name(archive.name + ".table")
    table.write_bytes(offset + b"PK")
    with pytest.raises(DownloadError, match=r"table of contents is damaged.*and was removed"):
        archives.take(archive, lambda name: True, folder)
    assert not archive.exists()
    assert not table.exists()


def test_a_disk_without_room_is_noticed_first(archive, folder, monkeypatch):
    monkeypatch.setattr("posemark.downloads.transfer.SPARE_BYTES", 1 << 60)
    with pytest.raises(DownloadError, match="are needed there"):
        take(archive, images, folder)
    assert archive.is_file()
    assert everything(folder) == {}


def test_a_folder_that_cannot_be_written_keeps_the_archive(archive, folder):
    folder.mkdir()
    (folder / "val2017").write_bytes(b"a file")
    with pytest.raises(DownloadError, match="cannot be written there.*is kept"):
        take(archive, images, folder)
    (folder / "val2017").unlink()
    assert take(archive, images, folder) == len(FILES)
    assert everything(folder) == FILES


def test_archives_with_large_offsets_are_read(tmp_path, folder):
    """Archives of more than 4 GiB are zip64."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        with archive.open("val2017/1.jpg", "w", force_zip64=True) as member:
            member.write(b"image")
        archive.writestr("val2017/2.jpg", b"other")
    (tmp_path / "large.zip").write_bytes(content.getvalue())
    assert take(tmp_path / "large.zip", images, folder) == 2
    assert everything(folder) == {"val2017/1.jpg": b"image", "val2017/2.jpg": b"other"}


def test_a_power_failure_costs_no_member(tmp_path, monkeypatch):
    """Members are cut off the archive only when they are on the disk."""
    monkeypatch.setattr(archives, "BATCH_BYTES", 5000)
    files = dict(list(FILES.items())[:9])
    room = tmp_path / "room"
    room.mkdir()
    made(room / "val2017.zip", {**files, **OTHERS})
    with recording(room, monkeypatch) as recorder:
        take(room / "val2017.zip", images, room / "coco")
        recorder.mark("taken")
    assert recorder.disk(len(recorder.ops)).tree() == tree_of(room)
    for again, marks in sampled(recorder, tmp_path, monkeypatch):
        if (again / "val2017.zip").exists():
            take(again / "val2017.zip", images, again / "coco")
        assert everything(again / "coco") == files
        assert not ((again / "val2017.zip").exists() and marks)


class Filling:
    """Fills the disk after some members."""

    def __init__(self, disk, after):
        self.disk, self.after = disk, after

    def began(self, name, url, done, total):
        pass

    def moved(self, count):
        self.after -= 1
        if self.after == 0:
            self.disk.fill()

    def said(self, sentence):
        raise AssertionError(sentence)


def test_a_disk_that_fills_in_the_midst_costs_no_member(disk, monkeypatch):
    monkeypatch.setattr(archives, "BATCH_BYTES", 3000)
    small = disk("80m")
    archive, folder = small.folder / "val2017.zip", small.folder / "coco"
    made(archive, {**FILES, **OTHERS})
    with pytest.raises(DownloadError) as caught:
        take(archive, images, folder, Filling(small, after=8))
    assert "No space left on device" in str(caught.value)
    assert "The rest of the archive is kept: make room, and run the same command" in str(
        caught.value
    )
    small.make_room()
    assert take(archive, images, folder) > 0
    assert everything(folder) == FILES
    assert not archive.exists()
