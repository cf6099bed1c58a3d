"""Writes records with given times, as `posemark run` would have written them."""

import json

import msgspec

from posemark.core.skeleton import COCO_17
from posemark.measure import PROTOCOL
from posemark.records import files
from posemark.records.schema import (
    BlockLine,
    End,
    FrameLine,
    Header,
    People,
    Resumed,
    Settings,
    Source,
)

ENVIRONMENT = {
    "cpu": "AMD EPYC 9V74",
    "cores": 2,
    "cpus": 2,
    "system": "Linux 6.8",
    "python": "3.12.3",
    "libraries": {"torch": "2.6.0", "numpy": "2.1.0"},
}
SENTINEL_NS = 9_000_000


def header(entry="small@gt", environment=ENVIRONMENT, settings=None, **changes):
    """Return a header; `settings` are changes to its Settings."""
    used = Settings("hrnet", "quarter", False, "serial", 0.0, 2, "torch", "fp32")
    fields = {
        "entry": entry,
        "letter": None,
        "model": entry.partition("@")[0],
        "family": "Small",
        "approach": "top-down",
        "input_hw": (256, 192),
        "licence": "MIT",
        "parameters": 12,
        "macs": 34,
        "weights": Source("none", "formula-1"),
        "data": Source("sample", "0123456789abcdef"),
        "boxes": Source("gt", "gt"),
        "box_kind": "gt",
        "settings": msgspec.structs.replace(used, **settings or {}),
        "published": None,
        "environment": environment,
        "posemark": "0.4",
        "protocol": PROTOCOL,
        "truth": "truth.json",
        "started": "2026-01-01T00:00:00+00:00",
        "weights_bytes": 48,
        "sigmas": COCO_17.sigmas,
        "decoder": 1,
        "own_process": False,
        "turns": 1,
        "run": "made",
        "photographs": True,
    }
    return Header(**fields | changes)


def frame(image_id, pose_ns, **changes):
    """Return a measured frame whose pose stages have these durations."""
    parts = {"preprocess": pose_ns // 20, "postprocess": pose_ns // 50}
    stages = {"decode": 4_000_000, "detect": 0, "infer": pose_ns - sum(parts.values()), **parts}
    fields = {"boxes": 2, "stages": stages, "frame_ns": sum(stages.values())}
    return FrameLine(image_id, **fields | changes)


def people(annotation, shift=0.0, score=0.9):
    """Return what a network found for one annotated person, some pixels off."""
    x, y, _ = (annotation["keypoints"][at::3] for at in range(3))
    found = [value for at in range(17) for value in (x[at] + shift, y[at], 0.9)]
    return People([score], [found])


def annotation(image_id):
    """Return one person of 100 by 200 pixels, every key point visible."""
    spots = [value for at in range(17) for value in (10.0 + 5 * at, 20.0 + 10 * at, 2)]
    box = {"bbox": [5.0, 10.0, 100.0, 200.0], "area": 20_000.0, "iscrowd": 0}
    return {"id": image_id + 1, "image_id": image_id, "category_id": 1, "num_keypoints": 17} | {
        "keypoints": spots,
        **box,
    }


def truth(image_ids):
    """Return annotations with one person per image."""
    return {
        "images": [
            {"id": each, "file_name": f"{each}.png", "width": 640, "height": 480}
            for each in image_ids
        ],
        "annotations": [annotation(each) for each in image_ids],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }


def write(folder, head, blocks, sentinel_ns=SENTINEL_NS, killed=False, resumed=None):
    """Write a record with these blocks of FrameLines, and return its path.

    Args:
        sentinel_ns: one value for all blocks, or one value per block.
        killed: whether the run was killed in the last block.
        resumed: the environment of a later process, which ran the last block.
    """
    lines = []
    sentinels = [sentinel_ns] * len(blocks) if isinstance(sentinel_ns, int) else sentinel_ns
    for at, (block, sentinel) in enumerate(zip(blocks, sentinels, strict=True)):
        last = at == len(blocks) - 1
        if last and resumed:
            lines.append(Resumed(resumed, "2026-01-01T01:00:00+00:00"))
        lines += block
        if not (last and killed):
            lines.append(BlockLine(len(block), at * 10**9, 10**9, sentinel))
    if not killed:
        lines.append(End("all frames"))
    return with_truth(folder, head, lines)


def with_truth(folder, head, lines):
    """Write a record of these lines and one annotated person per image; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    images = sorted({line.image_id for line in lines if isinstance(line, FrameLine)})
    (folder / head.truth).write_text(json.dumps(truth(images)), encoding="utf-8")
    return written(folder / f"{head.entry}{files.SUFFIX}", head, lines)


def written(path, head, lines):
    """Write a record of these lines to the path, and return the path."""
    with files.Writer.create(path, head) as writer:
        for line in lines:
            writer.write(line)
    return path


def made(*arguments, **options):
    """Return the record that write() writes, read again."""
    return files.read(write(*arguments, **options))
