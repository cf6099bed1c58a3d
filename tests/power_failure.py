"""Generates the states in which a power failure may leave a folder.

A Recorder notes what a program asks of the file system. What was not synchronised when the power
failed may be on the disk or not, each request by itself and in any order. The model is that of
ALICE (Pillai et al., OSDI 2014) without the guarantees of any single file system: content is on the
disk after fsync of the file, and a name after fsync of its folder.
"""

import io
import os
import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Op:
    """One request.

    Attributes:
        kind: write, truncate, link, unlink, rename or mark.
        node: the node that must be synchronised until it is on the disk: of a rename, the folder
            that gets the name; -1 for what is no request.
        run: applies it to a disk.
        zeros: applies it as if only the size of the file was on the disk; None if it has no size.
        torn: applies its first half; None if it has no parts.
    """

    kind: str
    node: int
    run: Callable[["Disk"], None]
    zeros: Callable[["Disk"], None] | None = None
    torn: Callable[["Disk"], None] | None = None


@dataclass
class Disk:
    """The content of files and folders, by node; folder 0 is the top."""

    files: dict[int, bytearray] = field(default_factory=dict)
    folders: dict[int, dict[str, int]] = field(default_factory=dict)

    def copy(self):
        files = {node: bytearray(content) for node, content in self.files.items()}
        return Disk(files, {node: dict(names) for node, names in self.folders.items()})

    def write_to(self, path, node=0):
        """Write what is on the disk into an empty folder."""
        for name, below in self.folders.get(node, {}).items():
            if below in self.folders:
                (path / name).mkdir()
                self.write_to(path / name, below)
            else:
                (path / name).write_bytes(self.files.get(below, b""))

    def tree(self, node=0, prefix=""):
        """Return the content of each file, and None for each folder, by path."""
        found = {}
        for name, below in self.folders[node].items():
            if below in self.folders:
                found |= {f"{prefix}{name}": None} | self.tree(below, f"{prefix}{name}/")
            else:
                found[f"{prefix}{name}"] = bytes(self.files.get(below, b""))
        return found


def tree_of(folder):
    """Return what Disk.tree() returns, for a folder of this machine."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {name: None if path.is_dir() else path.read_bytes() for name, path in paths.items()}


class Recorder:
    """Notes the requests of this process below a folder, which exists at the beginning."""

    def __init__(self, folder):
        self.folder = folder.resolve()
        self.start, self.ops, self.syncs = Disk(), [], []
        self._nodes = {}
        self._count = 0
        self._add_existing(self.folder)

    def _add_existing(self, path):
        node = self._node(path)
        self.start.folders[node] = {}
        for below in path.iterdir():
            self.start.folders[node][below.name] = self._node(below)
            if below.is_dir():
                self._add_existing(below)
            else:
                self.start.files[self._node(below)] = bytearray(below.read_bytes())

    def _node(self, path):
        """Return the node of an existing path; a new one for an inode that is not known."""
        inode = Path(path).stat().st_ino
        if inode not in self._nodes:
            self._nodes[inode] = self._count
            self._count += 1
        return self._nodes[inode]

    def _forget(self, path):
        self._nodes.pop(Path(path).stat().st_ino, None)

    def mark(self, what):
        """Note that the program considers something as kept from here on."""
        self.ops.append(Op(f"mark {what}", -1, lambda disk: None))

    def _inside(self, path, dir_fd=None):
        """Return the absolute path of a request; None if it is elsewhere."""
        if dir_fd is not None:
            path = _path_of(dir_fd) / path
        if isinstance(path, int):
            return None
        whole = Path(path).absolute()
        return whole if whole.is_relative_to(self.folder) else None

    # --- requests ---

    def created(self, path, is_folder=False):
        parent, name, node = self._node(path.parent), path.name, self._node(path)

        def link(disk):
            if is_folder:
                disk.folders.setdefault(node, {})
            disk.folders.setdefault(parent, {})[name] = node

        self.ops.append(Op("link", parent, link))

    def removed(self, path):
        parent, name = self._node(path.parent), path.name
        self._forget(path)
        self.ops.append(
            Op("unlink", parent, lambda disk: disk.folders.get(parent, {}).pop(name, None))
        )

    def renamed(self, source, target):
        """Note a rename, before it happens."""
        above, below, node = (
            self._node(source.parent),
            self._node(target.parent),
            self._node(source),
        )
        old, new = source.name, target.name
        if target.exists():
            self._forget(target)
            self._nodes[source.stat().st_ino] = node

        def move(disk):
            disk.folders.get(above, {}).pop(old, None)
            disk.folders.setdefault(below, {})[new] = node

        self.ops.append(Op("rename", below, move))

    def written(self, path, offset, content):
        node, content = self._node(path), bytes(content)

        def put(part):
            def run(disk):
                file = disk.files.setdefault(node, bytearray())
                file.extend(bytes(max(0, offset + len(part) - len(file))))
                file[offset : offset + len(part)] = part

            return run

        half, zeros = content[: len(content) // 2], bytes(len(content))
        self.ops.append(Op("write", node, put(content), put(zeros), put(half)))

    def truncated(self, path, size):
        node = self._node(path)

        def cut(disk):
            file = disk.files.setdefault(node, bytearray())
            file.extend(bytes(max(0, size - len(file))))
            del file[size:]

        self.ops.append(Op("truncate", node, cut))

    def synced(self, node):
        self.syncs.append((len(self.ops), node))
        self.ops.append(Op("sync", -1, lambda disk: None))

    # --- states ---

    def states(self, rng, samples=6):
        """Yield (number of requests before the power failed, disk after it).

        For each number: everything is on the disk, nothing that was not synchronised, all but one
        request, one request only, and random choices, with torn and zeroed writes.
        """
        for count in range(len(self.ops) + 1):
            pending = [at for at in range(count) if self._pending(at, count)]
            choices = [{}, dict.fromkeys(pending, "drop")]
            choices += [{each: how} for each in pending for how in ("drop", "zeros", "torn")]
            choices += [{at: "drop" for at in pending if at != each} for each in pending]
            ways = ("keep", "drop", "zeros", "torn")
            choices += [{at: rng.choice(ways) for at in pending} for _ in range(samples)]
            for choice in choices if pending else choices[:1]:
                yield count, self.disk(count, choice)

    def _pending(self, at, count):
        """Return whether a request need not be on the disk after `count` requests."""
        op = self.ops[at]
        if op.node < 0:
            return False
        return not any(at < when < count and node in (op.node, None) for when, node in self.syncs)

    def disk(self, count, choice=None):
        """Return the disk after `count` requests, of which some did not reach it as they were."""
        disk = self.start.copy()
        for at, op in enumerate(self.ops[:count]):
            way = (choice or {}).get(at, "keep")
            run = {"keep": op.run, "drop": None, "zeros": op.zeros, "torn": op.torn}[way]
            if run:
                run(disk)
        return disk

    def marks(self, count):
        """Return what the program considered as kept after `count` requests."""
        kinds = [op.kind for op in self.ops[:count]]
        return [kind.removeprefix("mark ") for kind in kinds if kind.startswith("mark ")]


def _path_of(number):
    """Return the path of an open file or folder."""
    return Path(f"/proc/self/fd/{number}").readlink()


@contextmanager
def recording(folder, monkeypatch):
    """Yield a Recorder of the requests in this block."""
    recorder = Recorder(folder)
    with monkeypatch.context() as patch:
        _watch_files(recorder, patch)
        _watch_syncs(recorder, patch)
        _watch_names(recorder, patch)
        yield recorder


def sampled(recorder, room, monkeypatch, count=300):
    """Yield folders as power failures leave them, each with what was marked as kept by then.

    The folders are in `room`, which must exist; they are on a sound disk, without synchronising.
    """
    states = list(recorder.states(random.Random(0), samples=2))
    monkeypatch.setenv("POSEMARK_SYNC", "never")
    for number, (at, disk) in enumerate(random.Random(1).sample(states, count)):
        folder = room / str(number)
        folder.mkdir()
        disk.write_to(folder)
        yield folder, recorder.marks(at)


class _Noted(io.FileIO):
    """A file whose requests are noted."""

    def __init__(self, recorder, path, mode):
        self._recorder, self._path = recorder, path
        new = not path.exists()
        super().__init__(path, mode)
        if new:
            recorder.created(path)
        elif "w" in mode:
            recorder.truncated(path, 0)

    def write(self, content):
        appends = self.mode.startswith("ab")
        offset = os.fstat(self.fileno()).st_size if appends else self.tell()
        count = super().write(content)
        self._recorder.written(self._path, offset, memoryview(content).cast("B")[:count])
        return count

    def truncate(self, size=None):
        size = self.tell() if size is None else size
        self._recorder.truncated(self._path, size)
        return super().truncate(size)


def _watch_files(recorder, patch):
    real_open, real_open_low = io.open, os.open

    def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **more):
        path = recorder._inside(file)
        if path is None or not set(mode) & set("wax+"):
            return real_open(file, mode, buffering, encoding, errors, newline, **more)
        raw = _Noted(recorder, path, mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def opened_low(path, flags, mode=0o777, *, dir_fd=None):
        inside = recorder._inside(path, dir_fd)
        new = inside is not None and flags & os.O_CREAT and not inside.exists()
        number = real_open_low(path, flags, mode, dir_fd=dir_fd)
        if new:
            recorder.created(inside)
        return number

    patch.setattr(io, "open", opened)
    patch.setattr(os, "open", opened_low)


def _watch_syncs(recorder, patch):
    real_fsync, real_sync = os.fsync, os.sync

    def fsync(number):
        real_fsync(number)
        path = recorder._inside(_path_of(number))
        if path is not None:
            recorder.synced(recorder._node(path))

    def sync():
        real_sync()
        recorder.synced(None)

    patch.setattr(os, "fsync", fsync)
    patch.setattr(os, "sync", sync)


def _watch_names(recorder, patch):
    def before(name, note):
        real = getattr(os, name)

        def request(path, *arguments, dir_fd=None):
            inside = recorder._inside(path, dir_fd)
            if inside is not None and os.path.lexists(inside):
                note(inside, *arguments)
            return real(path, *arguments, **({} if dir_fd is None else {"dir_fd": dir_fd}))

        patch.setattr(os, name, request)

    real_mkdir = os.mkdir

    def mkdir(path, *arguments, **more):
        real_mkdir(path, *arguments, **more)
        inside = recorder._inside(path)
        if inside is not None:
            recorder.created(inside, is_folder=True)

    def moved(source, target):
        recorder.renamed(source, Path(target).absolute())

    patch.setattr(os, "mkdir", mkdir)
    before("replace", moved)
    before("rename", moved)
    before("unlink", recorder.removed)
    before("remove", recorder.removed)
    before("rmdir", recorder.removed)
