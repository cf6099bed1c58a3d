"""Zip files whose table of contents is long are refused before Python reads it."""

import io
import zipfile

import pytest

from posemark.core.zip_files import opened_zip


@pytest.fixture
def content():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for number in range(50):
            made.writestr(f"{number}", b"x" * 10_000)
    return file.getvalue()


def table_of(content):
    return content.rindex(b"PK\5\6") - content.index(b"PK\1\2")


def test_members_may_be_longer_than_the_table(content):
    with opened_zip(io.BytesIO(content), table_of(content)) as found:
        assert len(found.namelist()) == 50
        assert found.read("7") == b"x" * 10_000


def test_a_long_table_is_refused(content):
    with pytest.raises(zipfile.BadZipFile, match="its table of contents has more than"):
        opened_zip(io.BytesIO(content), table_of(content) - 1)


def test_a_table_that_announces_more_than_the_file_holds_takes_no_memory(content):
    end = content.rindex(b"PK\5\6")
    size, offset = b"\xf0\xff\xff\x7f", b"\0\0\0\0"
    changed = content[: end + 12] + size + offset + content[end + 20 :]
    with pytest.raises((zipfile.BadZipFile, ValueError)):
        opened_zip(io.BytesIO(changed), 1 << 20)


def test_what_is_no_zip_is_refused():
    with pytest.raises(zipfile.BadZipFile, match="not a zip file"):
        opened_zip(io.BytesIO(b"hello"), 100)
