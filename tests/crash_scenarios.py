"""Steps of PoseMark that write files, for processes that are killed in the midst of them.

Each function takes a folder, does its work there, and can be repeated.
"""

import io
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import made_records
from posemark.records import files, truth
from posemark.records.schema import BlockLine, End, Resumed

IMAGES = tuple(range(1, 8))
PER_BLOCK = 2


def record(folder, process=1, kept=lambda images: None):
    """Do with a record what a run does: begin or resume it, measure block by block, end it.

    Args:
        folder: the run folder is made in it.
        process: a number; the time of each frame shows which process measured it.
        kept: is called with the images whose frames survive a power failure from then on.
    """
    head = made_records.header(run=f"run{process}")
    path = folder / "run" / f"{head.entry}{files.SUFFIX}"
    before = files.read_to_resume(path) if files.begun(path) else None
    truth.write(made_records.truth(IMAGES), path.parent / head.truth)
    writer = files.Writer.append(before) if before else files.Writer.create(path, head)
    have = [frame.image_id for frame in before.good] if before else []
    lacking = [image for image in IMAGES if image not in have]
    with writer:
        if before and lacking:
            writer.write(Resumed(made_records.ENVIRONMENT, "later"))
        writer.sync()
        for at in range(0, len(lacking), PER_BLOCK):
            block = lacking[at : at + PER_BLOCK]
            for image in block:
                writer.write(made_records.frame(image, 1000 * image + process))
            writer.write(BlockLine(len(block), at + 1, 10**9, 10**6))
            writer.sync()
            have += block
            kept(have)
        if not (before and before.complete):
            writer.write(End("all frames"))
            writer.sync()
    return path


def setting(folder):
    """Save a named setting."""
    from posemark.run.setting import write

    write(folder / "best.toml", {"threads": 2}, ["found by a test"])


def artefact(folder):
    """Make an artefact, in place of a damaged one if there is one."""
    from posemark.artefacts import Store

    Store(folder).get("onnx", {"a": 1}, lambda into: (into / "model").write_bytes(b"network" * 99))


def weights(folder):
    """Store a checkpoint and its note together."""
    from posemark.weights import cache

    files_of = {folder / "small.pth": b"weights" * 999, folder / "small.json": b"note"}
    cache._write_all({path: cache._bytes_writer(content) for path, content in files_of.items()})


def archive(folder):
    """Move the members out of an archive, which is made if nothing of it is there."""
    from posemark.downloads import archives

    archives.BATCH_BYTES = 3000
    path = folder / "images.zip"
    if not (folder / "images").exists() and not path.exists():
        with zipfile.ZipFile(path, "w") as made:
            for number in range(9):
                made.writestr(f"{number}.jpg", bytes([number]) * 1000)
    if path.exists():
        archives.take(path, lambda name: True, folder / "images")


def download(folder):
    """Download a file from a server that this process pretends to be."""
    from posemark.downloads import transfer, web
    from posemark.downloads.wanted import Wanted

    content = bytes(range(256)) * 999

    @contextmanager
    def asked(asking, url, start, tag, silence):
        source = io.BytesIO(content[start:])
        yield Reply(start, len(content), source)

    class Reply:
        tag = "version"

        def __init__(self, start, total, source):
            self.start, self.total, self._source = start, total, source

        def read(self):
            return self._source.read(50_000)

    web.asked = asked
    wanted = Wanted(name="file", urls=("https://server.example/file",), size=len(content))
    transfer.download(wanted, folder / "file.bin")


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
