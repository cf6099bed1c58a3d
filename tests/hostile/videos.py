"""Hostile videos."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

import made_videos
from hostile.kind import Kind, written
from posemark.video.reading import VideoReader


def videos() -> list[bytes]:
    """Return a rotated MP4, a Matroska file, and a stream of JPEG pictures without a container."""
    jpeg = cv2.imencode(".jpg", np.zeros((24, 32, 3), np.uint8))[1].tobytes()
    with tempfile.TemporaryDirectory() as folder:
        rotated, matroska = Path(folder) / "made.mp4", Path(folder) / "made.mkv"
        made_videos.write(rotated, made_videos.steady(6), rotation=90)
        made_videos.write(matroska, made_videos.steady(6))
        return [rotated.read_bytes(), matroska.read_bytes(), 3 * jpeg]


def read_video(folder: Path, content: bytes) -> object:
    with VideoReader.of(written(folder / "made.mp4", content)) as reader:
        return [picture.time_s for picture in reader.pictures()]


KINDS = {"videos": Kind(videos, read_video)}
