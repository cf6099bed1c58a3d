"""Hostile inputs of `predict --engine ray`: Parquet files of images, plans, and ledgers."""

import io
import shutil
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from hostile.kind import Kind, written
from posemark.predict.many import ledger, plan
from posemark.predict.many.sources import rows_of, rows_read

# ------------------------------------------------------------------------------ Parquet of images


def image_tables() -> list[bytes]:
    """Return files with bytes in two row groups, and with structs as in Hugging Face's data."""
    plain = pa.table(
        {"image": [b"one", b"two" * 9, None], "path": ["a.jpg", "b", "c"], "x": [1, 2, 3]}
    )
    held = pa.table({"image": [{"bytes": b"one", "path": "a"}, {"bytes": None, "path": "b"}]})
    return [
        _parquet(plain, row_group_size=2, compression="none"),
        _parquet(plain, compression="zstd", use_dictionary=False),
        _parquet(held, compression="snappy"),
    ]


def _parquet(table: pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


def read_images(folder: Path, content: bytes) -> object:
    """Plan the images of a file, and read them."""
    path = str(written(folder / "made.parquet", content))
    rows = rows_of(path, path)
    return [each.name for each in rows_read(path, path, range(len(rows)), sum(rows))]


# ------------------------------------------------------------------------------------------ plans


def plans() -> list[bytes]:
    """Return the description of a plan, and a file with its shards, as one input."""
    rows = [
        {"number": number, "root": "in", "paths": ["in/a.jpg"], "row_groups": [], "images": 1}
        for number in range(2)
    ]
    table = pa.Table.from_pylist(rows)
    stored = b'{"shards": 2, "images": 2, "of": {"roots": ["in"], "model": "m"}}\n'
    return [stored + _parquet(table, compression=name) for name in ("none", "zstd")]


def read_plan(folder: Path, content: bytes) -> object:
    """Resume a plan, as if its results were in a folder of their own."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    (out / plan.FOLDER).mkdir(parents=True)
    stored, _, table = content.partition(b"\n")
    written(out / plan.DONE, stored)
    written(out / plan.FOLDER / "0000000.parquet", table)
    made = plan.made(out, ["in"], {"model": "m"})
    return [shard.paths for shard in plan.unfinished(made, lambda number: False)]


# ---------------------------------------------------------------------------------------- ledgers


def ledgers() -> list[bytes]:
    """Return the lines of three finished shards."""
    fields = '"images": 2, "failed": 0, "people": 3, "wall_ns": 9, "bytes_in": 8, "bytes_out": 0'
    return [b"".join(b'{"shard": %d, %s}\n' % (each, fields.encode()) for each in (0, 2, 1))]


def read_ledger(folder: Path, content: bytes) -> object:
    """Read a ledger, add a shard, and read it once more."""
    written(folder / ledger.NAME, content)
    for _ in range(2):
        opened = ledger.Ledger(folder, 4)
        opened.add(ledger.Entry(3, 1, 0, 0, 1, 1, 0))
        opened.close()
    return opened.total


KINDS = {
    "image-tables": Kind(image_tables, read_images),
    "plans": Kind(plans, read_plan),
    "ledgers": Kind(ledgers, read_ledger, lines_of_json=True),
}
