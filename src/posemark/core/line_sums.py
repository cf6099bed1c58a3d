"""Checksums of the lines of a record.

A line is a JSON object, and its checksum is its last field: the CRC-32 (zlib's) of all bytes before
the comma of that field, as eight hexadecimal digits. This module needs the standard library only,
so that a program without other packages can write the same lines.
"""

import re
import zlib

_FIELD = re.compile(rb',"crc32":"([0-9a-f]{8})"\}\n?\Z')
_LENGTH = len(b',"crc32":"01234567"}\n')


def with_sum(line: bytes) -> bytes:
    """Add its checksum to a line.

    Args:
        line: a JSON object with at least one field, without a newline.
    """
    fields = line[:-1]  # all but the closing brace
    return b'%b,"crc32":"%08x"}' % (fields, zlib.crc32(fields))


def sum_holds(line: bytes) -> bool | None:
    """Return whether the checksum of a line matches its bytes; None if the line has none.

    Args:
        line: the line, with or without its newline.
    """
    found = _FIELD.search(line, max(0, len(line) - _LENGTH))
    if found is None:
        return None
    return int(found[1], 16) == zlib.crc32(line[: found.start()])
