"""PyTorch's files: the zip of today, the stream of pickles before it, the tar before that.

What is read at once is the pickle alone; tensors stay where they are until asked for.
"""

import io
import mmap
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import torch
from torch import Tensor

from posemark.weights import rebuild
from posemark.weights.pickles import DamagedError, OtherKindError, read
from posemark.weights.tensors import Storage, view

LARGEST_PICKLE = 128 << 20
"""Bytes of what stands beside the tensors: names, sizes, logs of a training."""

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_MAGIC = 0x1950A86A20F9469CFC6C
_BLOCK = 512


def load(file: IO[bytes], content: mmap.mmap) -> Any:
    """What the file holds, as data: dictionaries, lists, texts, numbers, Stored and Things.

    Args:
        file: the open file; stays open while tensors are read.
        content: the same file, mapped.

    Raises:
        DamagedError: if it is none of the three formats or breaks their rules.
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
    """The storages that a pickle refers to, one for each key however often it is named."""

    def __init__(self, reader: Callable[[str, torch.dtype, int], Tensor]) -> None:
        self.reader = reader
        self.known: dict[tuple[str, torch.dtype, int], Storage] = {}
        self.dtypes: dict[str, torch.dtype] = {}

    def refer(self, reference: Any) -> Any:
        """("storage", type, key, device, count[, view]), or ("module", object, its source)."""
        if not isinstance(reference, tuple) or len(reference) < 2:
            raise DamagedError("it refers to something that is not in the file")
        if reference[0] == "module":
            return reference[1]
        if reference[0] != "storage" or len(reference) not in (5, 6):
            raise DamagedError("it refers to something that is not in the file")
        part = reference[5] if len(reference) == 6 else None
        storage = self._storage(*reference[1:3], reference[4])
        return _part_of(storage, part) if isinstance(part, tuple) else storage

    def _storage(self, class_: Any, key: Any, count: Any) -> Storage:
        dtype = rebuild.dtype_of(class_)
        key = _key(key)
        if not isinstance(count, int) or not 0 <= count < 1 << 40:
            raise DamagedError("a storage in it has no plausible size")
        self.dtypes.setdefault(key, dtype)
        entry = (key, dtype, count)
        if entry not in self.known:
            self.known[entry] = Storage(dtype, count, lambda: self.reader(*entry))
        return self.known[entry]


def _key(key: Any) -> str:
    if not isinstance(key, str | int) or (isinstance(key, str) and len(key) > 100):
        raise DamagedError("a storage in it has no key")
    return key if isinstance(key, str) else f"{key & (1 << 64) - 1}"


def _part_of(storage: Storage, part: tuple[Any, ...]) -> Storage:
    _, offset, count = part if len(part) == 3 else (None, None, None)
    stored = view(storage, offset, (count,), (1,))
    return Storage(storage.dtype, stored.shape[0], lambda: stored.of(storage.read()))


# --- zip ----------------------------------------------------------------------------------------

_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,  # of zipfile: the entry is encrypted
    EOFError,
    OSError,
    ValueError,  # among them: a name that is no UTF-8
    KeyError,
    struct.error,
)


@contextmanager
def _zip_errors() -> Iterator[None]:
    """Says of zipfile's errors that the archive is damaged."""
    try:
        yield
    except DamagedError:
        raise
    except _ZIP_ERRORS as error:
        raise DamagedError(f"its zip archive is damaged ({str(error)[:100]})") from error


def _load_zip(file: IO[bytes]) -> Any:
    archive = zipfile.ZipFile(file)
    names = [n for n in archive.namelist() if n.count("/") <= 1 and n.split("/")[-1] == "data.pkl"]
    if not names:
        raise DamagedError("it is a zip archive without the data.pkl of PyTorch")
    folder = names[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in archive.NameToInfo:
        raise OtherKindError(
            "it is a TorchScript archive, a program, and programs of others are not run. Save the "
            "`state_dict()` of its module instead."
        )
    little = _entry(archive, f"{folder}byteorder", 10, missing=b"little") != b"big"

    def numbers(key: str, dtype: torch.dtype, count: int) -> Tensor:
        with _zip_errors():
            raw = _entry(archive, f"{folder}data/{key}", count * dtype.itemsize)
        return _numbers(raw, dtype, little)

    pickle = io.BytesIO(_entry(archive, names[0], LARGEST_PICKLE))
    return read(pickle, rebuild.make, _Storages(numbers).refer)


def _entry(archive: zipfile.ZipFile, name: str, most: int, missing: bytes | None = None) -> bytes:
    """The content of an entry of at most that many bytes, which are all that is unpacked."""
    info = archive.NameToInfo.get(name)
    if info is None:
        if missing is not None:
            return missing
        raise DamagedError(f"the entry {name!r} is missing in it")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DamagedError("it is packed in a way that PyTorch does not use")
    if info.file_size > most:
        raise DamagedError(f"its entry {name!r} has {info.file_size:,} bytes, more than {most:,}")
    with archive.open(info) as file:
        return file.read(info.file_size)


# --- a stream of pickles ------------------------------------------------------------------------


def _load_stream(content: mmap.mmap) -> Any:
    """Magic number, protocol, system, the object, the storages' keys; then their numbers."""
    storages = _Storages(lambda key, dtype, _: _placed(content, places, key, dtype, little))
    first = _pickle(content, storages.refer)
    little, places = True, {}
    if first != _MAGIC:
        return first  # not by torch.save: arrays, pickled as they are
    _pickle(content, storages.refer)
    system = _pickle(content, storages.refer)
    little = not isinstance(system, dict) or system.get("little_endian") is not False
    loaded = _pickle(content, storages.refer)
    keys = _pickle(content, storages.refer)
    at = content.tell()
    for key in map(_key, keys if isinstance(keys, list) else []):
        dtype = storages.dtypes.get(key)
        if dtype is None or key in places:
            raise DamagedError("it lists numbers that belong to no tensor")
        places[key], at = _place(content, at, dtype, little)
    return loaded


def _pickle(file: mmap.mmap, refer: Callable[[Any], Any]) -> Any:
    start = file.tell()
    value = read(file, rebuild.make, refer)
    if file.tell() - start > LARGEST_PICKLE:
        raise DamagedError(f"it holds more than {LARGEST_PICKLE:,} bytes beside tensors")
    return value


Place = tuple[int, int]
"""Where the numbers of a storage begin and end in the file."""


def _place(content: mmap.mmap, at: int, dtype: torch.dtype, little: bool) -> tuple[Place, int]:
    """The place of the numbers that an 8-byte count announces, and where they end."""
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
    """Where the members begin, by name. By hand, as tarfile can be made to run in circles."""
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


def _load_tar(content: mmap.mmap) -> Any:
    members = _tar_members(content)
    for name in ("storages", "tensors", "pickle"):
        if name not in members:
            raise DamagedError(f"it is a tar archive without {name!r}, which PyTorch's have")
    content.seek(members["storages"])
    storages = _tar_storages(content)
    content.seek(members["tensors"])
    tensors = _tar_tensors(content, storages)

    def refer(reference: Any) -> Any:
        if isinstance(reference, tuple) and reference:
            return reference[0]
        return tensors.get(_key(reference))

    content.seek(members["pickle"])
    return read(content, rebuild.make, refer)


def _nothing(_: Any) -> None:
    return None


def _triple(content: mmap.mmap) -> tuple[Any, Any, Any]:
    found = _pickle(content, _nothing)
    if not isinstance(found, tuple | list) or len(found) != 3:
        raise DamagedError("a tensor in it is described in another way")
    return found[0], found[1], found[2]


def _count(content: mmap.mmap) -> int:
    count = _pickle(content, _nothing)
    if not isinstance(count, int) or not 0 <= count <= len(content):
        raise DamagedError("it does not say how many tensors it holds")
    return count


def _tar_storages(content: mmap.mmap) -> dict[str, Storage]:
    """Each: (key, device, type), 8 bytes of count, the numbers. At last the views of some."""
    storages: dict[str, Storage] = {}
    for _ in range(_count(content)):
        key, _, class_ = _triple(content)
        dtype = rebuild.dtype_of(class_)
        (start, end), after = _place(content, content.tell(), dtype, little=True)
        storages[_key(key)] = _slice_of(content, start, end, dtype)
        content.seek(after)
    views = _pickle(content, _nothing)
    for entry in views if isinstance(views, list) else []:
        if not isinstance(entry, tuple | list) or len(entry) != 4:
            raise DamagedError("a storage in it is described in another way")
        target, root, *part = entry
        if _key(root) not in storages:
            raise DamagedError("a storage in it views another that is missing")
        storages[_key(target)] = _part_of(storages[_key(root)], (None, *part))
    return storages


def _slice_of(content: mmap.mmap, start: int, end: int, dtype: torch.dtype) -> Storage:
    count = (end - start) // dtype.itemsize
    return Storage(dtype, count, lambda: _numbers(content[start:end], dtype, little=True))


def _tar_tensors(content: mmap.mmap, storages: dict[str, Storage]) -> dict[str, Any]:
    """Each: (key, storage, type), then its sides, strides and offset as 8-byte numbers."""
    tensors: dict[str, Any] = {}
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
