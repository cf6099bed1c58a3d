"""Makes the checksums of mutants right again, so that readers look at what lies behind them."""

import struct
import tarfile
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
_ENTRY, _LOCAL = b"PK\1\2", b"PK\3\4"


def png_with_sums(content: bytes) -> bytes:
    """Return a PNG whose chunks have the checksums of their content; a JPEG has none."""
    if not content.startswith(_PNG):
        return content
    parts, at = [_PNG], len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        body = content[at + 4 : at + 8 + length]
        parts += [content[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at += 12 + length
    return b"".join(parts)


def tar_with_sums(content: bytes) -> bytes:
    """Return a tar archive with the checksums of its headers, as far as they are headers."""
    made, at = bytearray(content), 0
    while at + tarfile.BLOCKSIZE <= len(made):
        header = made[at : at + tarfile.BLOCKSIZE]
        header[148:156] = b" " * 8
        made[at + 148 : at + 156] = b"%06o\0 " % sum(header)
        try:
            size = int(header[124:135].strip(b" \0") or b"0", 8)
        except ValueError:
            break
        at += tarfile.BLOCKSIZE * (1 - (-max(size, 0) // tarfile.BLOCKSIZE))
    return bytes(made)


def zip_with_sums(content: bytes) -> bytes:
    """Return a zip archive with the checksums of its members, as far as they can be read."""
    made, at = bytearray(content), content.find(_ENTRY)
    while 0 <= at <= len(made) - 46:
        (method,) = struct.unpack_from("<H", made, at + 10)
        (packed,) = struct.unpack_from("<I", made, at + 20)
        (local,) = struct.unpack_from("<I", made, at + 42)
        if made[local : local + 4] == _LOCAL and local + 30 <= len(made):
            start = local + 30 + sum(struct.unpack_from("<HH", made, local + 26))
            checksum = struct.pack("<I", _member_sum(bytes(made[start : start + packed]), method))
            made[at + 16 : at + 20] = made[local + 14 : local + 18] = checksum
        at = made.find(_ENTRY, at + 46)
    return bytes(made)


def _member_sum(packed: bytes, method: int) -> int:
    if method != 8:
        return zlib.crc32(packed)
    try:
        return zlib.crc32(zlib.decompressobj(-15).decompress(packed, 1 << 20))
    except zlib.error:
        return 0
