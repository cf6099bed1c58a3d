"""Reads PyTorch's file formats: the present zip, the older stream of pickles, the oldest tar.

Only the pickle is read at once; tensors are read from the file on demand.
"""

import io
import mmap
import struct
import tarfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import IO

import torch
from torch import Tensor

from posemark.core.zip_files import ZIP_ERRORS, opened_zip
from posemark.weights import rebuild
from posemark.weights.pickles import (
    DamagedError,
    OtherKindError,
    as_dict,
    as_list,
    as_tuple,
    read,
)
from posemark.weights.tensors import Storage, Stored, view

LARGEST_PICKLE = 128 << 20
"""Most bytes of what is stored beside the tensors: names, sizes, logs of a training."""

LARGEST_TABLE = 4 << 20
"""Most bytes of the table of contents of a zip file: 50,000 entries. A large network and its
optimizer have a few thousand."""

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_MAGIC = 0x1950A86A20F9469CFC6C
_BLOCK = 512


def load(file: IO[bytes], content: mmap.mmap) -> object:
    """Read a checkpoint as data: dictionaries, lists, texts, numbers, Stored tensors and Things.

    Args:
        file: the open file; it must stay open while tensors are read.
        content: the same file, mapped into memory.

    Raises:
        DamagedError: if the file has none of the three formats or breaks their rules.
        OtherKindError: if it is a TorchScript archive.
    """
    if content[:4] == _ZIP:
        with _zip_errors():
            return _load_zip(file)
    if content[:1] == _PICKLE:
        return _load_stream(content)
    if content[257:262] == b"ustar" or (b"\0" in content[:9] and _tar_members(content)):
        return _load_tar(content)
    raise DamagedError(f"the file begins with {content[:8]!r}")


def _numbers(raw: bytes, dtype: torch.dtype, little: bool) -> Tensor:
    count = len(raw) // dtype.itemsize
    if not count:
        return torch.empty(0, dtype=dtype)
    content = bytearray(raw[: count * dtype.itemsize])
    if not little and dtype.itemsize > 1:
        bytes_ = torch.frombuffer(content, dtype=torch.uint8).reshape(count, dtype.itemsize)
        return bytes_.flip(1).contiguous().view(dtype).reshape(count)
    return torch.frombuffer(content, dtype=dtype)


class _Storages:
    """The storages that a pickle refers to; one Storage per key, even if it is named often.

    reader: reads the numbers, given key, type and count.
    """

    def __init__(self, reader: Callable[[str, torch.dtype, int], Tensor]) -> None:
        self.reader = reader
        self.known: dict[tuple[str, torch.dtype, int], Storage] = {}
        self.dtypes: dict[str, torch.dtype] = {}

    def refer(self, reference: object) -> object:
        """Resolve a persistent reference of a pickle.

        It is ("storage", type, key, device, count[, view]) or ("module", object, its source).
        """
        values = as_tuple(reference)
        if values is None or len(values) < 2:
            raise DamagedError("it refers to something that is not in the file")
        if values[0] == "module":
            return values[1]
        if values[0] != "storage" or len(values) not in (5, 6):
            raise DamagedError("it refers to something that is not in the file")
        storage = self._storage(values[1], values[2], values[4])
        part = as_tuple(values[5]) if len(values) == 6 else None
        return storage if part is None else _part_of(storage, part)

    def _storage(self, class_: object, key: object, count: object) -> Storage:
        dtype = rebuild.dtype_of(class_)
        name = _key(key)
        if not isinstance(count, int) or not 0 <= count < 1 << 40:
            raise DamagedError("a storage in it has no plausible size")
        self.dtypes.setdefault(name, dtype)
        entry = (name, dtype, count)
        if entry not in self.known:
            self.known[entry] = Storage(dtype, count, lambda: self.reader(*entry))
        return self.known[entry]


def _key(key: object) -> str:
    if not isinstance(key, str | int) or (isinstance(key, str) and len(key) > 100):
        raise DamagedError("a storage in it has no key")
    return key if isinstance(key, str) else f"{key & (1 << 64) - 1}"


def _part_of(storage: Storage, part: tuple[object, ...]) -> Storage:
    """Return a part of a storage, described by (key, offset, count)."""
    _, offset, count = part if len(part) == 3 else (None, None, None)
    stored = view(storage, offset, (count,), (1,))
    return Storage(storage.dtype, stored.shape[0], lambda: stored.of(storage.read()))


# --- zip ----------------------------------------------------------------------------------------


@contextmanager
def _zip_errors() -> Generator[None]:
    """Convert the errors of zipfile to DamagedError."""
    try:
        yield
    except DamagedError:
        raise
    except (*ZIP_ERRORS, OSError) as error:
        raise DamagedError(f"its zip archive is damaged ({str(error)[:100]})") from error


def _load_zip(file: IO[bytes]) -> object:
    archive = opened_zip(file, LARGEST_TABLE)
    names = [n for n in archive.namelist() if n.count("/") <= 1 and n.split("/")[-1] == "data.pkl"]
    if not names:
        raise DamagedError("it is a zip archive without the data.pkl of PyTorch")
    folder = names[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in archive.NameToInfo:
        raise OtherKindError(
            "it is a TorchScript archive. That is a program, which PoseMark does not run. Save "
            "the `state_dict()` of its module instead."
        )
    little = _entry(archive, f"{folder}byteorder", 10, missing=b"little") != b"big"

    def numbers(key: str, dtype: torch.dtype, count: int) -> Tensor:
        with _zip_errors():
            raw = _entry(archive, f"{folder}data/{key}", count * dtype.itemsize)
        return _numbers(raw, dtype, little)

    pickle = io.BytesIO(_entry(archive, names[0], LARGEST_PICKLE))
    return read(pickle, rebuild.make, _Storages(numbers).refer)


def _entry(archive: zipfile.ZipFile, name: str, most: int, missing: bytes | None = None) -> bytes:
    """Return the content of an entry, unless it has more than `most` bytes.

    missing: the content to return if there is no such entry; None to raise an error.
    """
    info = archive.NameToInfo.get(name)
    if info is None:
        if missing is not None:
            return missing
        raise DamagedError(f"the entry {name!r} is missing in it")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DamagedError("it is compressed in a way that PyTorch does not use")
    if info.file_size > most:
        raise DamagedError(f"its entry {name!r} has {info.file_size:,} bytes, more than {most:,}")
    with archive.open(info) as file:
        return file.read(info.file_size)


# --- a stream of pickles ------------------------------------------------------------------------


def _load_stream(content: mmap.mmap) -> object:
    """Read the pickles of magic number, protocol, system, object, keys; then find the numbers."""
    places: dict[str, Place] = {}
    little = True
    storages = _Storages(lambda key, dtype, _: _placed(content, places, key, dtype, little))
    first = _pickle(content, storages.refer)
    if first != _MAGIC:
        return first  # arrays that were pickled without torch.save
    _pickle(content, storages.refer)
    system = as_dict(_pickle(content, storages.refer)) or {}
    little = system.get("little_endian") is not False
    loaded = _pickle(content, storages.refer)
    keys = as_list(_pickle(content, storages.refer)) or []
    at = content.tell()
    for key in map(_key, keys):
        dtype = storages.dtypes.get(key)
        if dtype is None or key in places:
            raise DamagedError("it lists numbers that belong to no tensor")
        places[key], at = _place(content, at, dtype, little)
    return loaded


def _pickle(file: mmap.mmap, refer: Callable[[object], object]) -> object:
    start = file.tell()
    value = read(file, rebuild.make, refer)
    if file.tell() - start > LARGEST_PICKLE:
        raise DamagedError(f"it holds more than {LARGEST_PICKLE:,} bytes beside tensors")
    return value


Place = tuple[int, int]
"""First byte of the numbers of a storage in the file, and the byte behind the last."""


def _place(content: mmap.mmap, at: int, dtype: torch.dtype, little: bool) -> tuple[Place, int]:
    """Return the place of the numbers behind the 8-byte count at `at`, and the byte behind it."""
    count = int.from_bytes(content[at : at + 8], "little" if little else "big")
    end = at + 8 + count * dtype.itemsize
    if at + 8 > len(content) or end > len(content):
        raise DamagedError("it is cut off")
    return (at + 8, end), end


def _placed(
    content: mmap.mmap, places: dict[str, Place], key: str, dtype: torch.dtype, little: bool
) -> Tensor:
    if key not in places:
        raise DamagedError("the numbers of a tensor are missing in it")
    start, end = places[key]
    return _numbers(content[start:end], dtype, little)


# --- tar ----------------------------------------------------------------------------------------


def _tar_members(content: mmap.mmap) -> dict[str, int]:
    """Return the first byte of each member by name.

    tarfile itself is not used, because crafted archives can make it loop without end.
    """
    members: dict[str, int] = {}
    at = 0
    while at + _BLOCK <= len(content) and len(members) < 16:
        try:
            header = tarfile.TarInfo.frombuf(content[at : at + _BLOCK], "utf-8", "replace")
        except tarfile.TarError:
            break
        if header.size < 0:
            break
        members[header.name.removeprefix("./")] = at + _BLOCK
        at += _BLOCK + -(-header.size // _BLOCK) * _BLOCK
    return members


def _load_tar(content: mmap.mmap) -> object:
    members = _tar_members(content)
    for name in ("storages", "tensors", "pickle"):
        if name not in members:
            raise DamagedError(f"it is a tar archive without the member {name!r} of PyTorch")
    content.seek(members["storages"])
    storages = _tar_storages(content)
    content.seek(members["tensors"])
    tensors = _tar_tensors(content, storages)

    def refer(reference: object) -> object:
        values = as_tuple(reference)
        return values[0] if values else tensors.get(_key(reference))

    content.seek(members["pickle"])
    return read(content, rebuild.make, refer)


def _nothing(_: object) -> None:
    return None


def _values(sequence: object, count: int, what: str) -> tuple[object, ...]:
    values = as_tuple(sequence) or tuple(as_list(sequence) or ())
    if len(values) != count:
        raise DamagedError(f"a {what} in it is described in an unknown way")
    return values


def _triple(content: mmap.mmap) -> tuple[object, object, object]:
    first, second, third = _values(_pickle(content, _nothing), 3, "tensor")
    return first, second, third


def _count(content: mmap.mmap) -> int:
    count = _pickle(content, _nothing)
    if not isinstance(count, int) or not 0 <= count <= len(content):
        raise DamagedError("it does not say how many tensors it holds")
    return count


def _tar_storages(content: mmap.mmap) -> dict[str, Storage]:
    """Read the storages, each as (key, device, type), count (8 bytes), numbers; then the views."""
    storages: dict[str, Storage] = {}
    for _ in range(_count(content)):
        key, _, class_ = _triple(content)
        dtype = rebuild.dtype_of(class_)
        (start, end), after = _place(content, content.tell(), dtype, little=True)
        storages[_key(key)] = _slice_of(content, start, end, dtype)
        content.seek(after)
    views = as_list(_pickle(content, _nothing)) or []
    for entry in views:
        target, root, *part = _values(entry, 4, "storage")
        if _key(root) not in storages:
            raise DamagedError("a storage in it views another that is missing")
        storages[_key(target)] = _part_of(storages[_key(root)], (None, *part))
    return storages


def _slice_of(content: mmap.mmap, start: int, end: int, dtype: torch.dtype) -> Storage:
    count = (end - start) // dtype.itemsize
    return Storage(dtype, count, lambda: _numbers(content[start:end], dtype, little=True))


def _tar_tensors(content: mmap.mmap, storages: dict[str, Storage]) -> dict[str, Stored]:
    """Read the tensors, each as (key, storage, type), then sides, strides, offset (8 bytes)."""
    tensors: dict[str, Stored] = {}
    for _ in range(_count(content)):
        key, storage, _ = _triple(content)
        (sides,) = _unpacked(content, "<i4x")
        if not 0 <= sides <= 8:
            raise DamagedError("a tensor in it has no plausible shape")
        shape = _unpacked(content, f"<{sides}q")
        strides = _unpacked(content, f"<{sides}q")
        (offset,) = _unpacked(content, "<q")
        tensors[_key(key)] = view(storages.get(_key(storage)), offset, shape, strides)
    return tensors


def _unpacked(file: IO[bytes] | mmap.mmap, layout: str) -> tuple[int, ...]:
    raw = file.read(struct.calcsize(layout))
    if len(raw) != struct.calcsize(layout):
        raise DamagedError("it is cut off")
    return struct.unpack(layout, raw)
