"""Hostile videos."""

import tempfile
from pathlib import Path

import made_videos
from hostile.kind import Kind, written
from posemark.video.reading import VideoReader


def videos() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = made_videos.write(Path(folder) / "made.mp4", made_videos.steady(6), rotation=90)
        return [path.read_bytes()]


def read_video(folder: Path, content: bytes) -> object:
    with VideoReader.of(written(folder / "made.mp4", content)) as reader:
        return [picture.time_s for picture in reader.pictures()]


KINDS = {"videos": Kind(videos, read_video)}
