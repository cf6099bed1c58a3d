"""Checksums of lines: any program with a JSON encoder and zlib can write them."""

import json
import subprocess
import sys

import pytest

from posemark.core import line_sums
from posemark.core.line_sums import sum_holds, with_sum


def test_the_checksum_is_the_last_field_and_covers_every_byte_before_it():
    line = with_sum(b'{"kind":"end","reason":"limit"}')
    assert line == b'{"kind":"end","reason":"limit","crc32":"a51644bd"}'
    assert json.loads(line)["reason"] == "limit"
    assert sum_holds(line) is True
    assert sum_holds(line + b"\n") is True


def test_every_flipped_bit_is_found():
    line = with_sum(b'{"kind":"frame","image_id":139}')
    for at in range(len(line)):
        for bit in range(8):
            changed = bytearray(line)
            changed[at] ^= 1 << bit
            assert sum_holds(bytes(changed)) is not True, (at, bit)


@pytest.mark.parametrize("line", [b"{}", b'{"crc32":1}', b'{"a":1,"crc32":"12345678"} ', b"", b"x"])
def test_a_line_without_a_checksum_is_not_a_damaged_one(line):
    assert sum_holds(line) is None


def test_the_module_needs_the_standard_library_only():
    code = (
        "import sys, runpy; before = set(sys.modules)\n"
        f"runpy.run_path({line_sums.__file__!r})\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= sys.stdlib_module_names
