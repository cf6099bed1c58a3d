"""Runs a person detector on the drawn images of a check, and looks at its boxes."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from posemark.cards.trial_run import Scene
from posemark.core.frame import Floats
from posemark.detectors.network import BoxNetwork, NetworkDetector
from posemark.geometry.boxes import clipped_xywh, iou
from posemark.geometry.crop import image_of
from posemark.runtimes.model_file import FileSession

FOUND_SHARE = 0.5
"""Share of the drawn people below which a hint is given. RTMDet-nano and YOLOX-nano find all of
them, even with red and blue exchanged; with pixels of another scale they find nobody."""

_OVERLAP, _SCORE = 0.5, 0.3
"""IoU and score from which a box is taken to be that of a person."""

_SHARES = 2.0
"""If no corner of any box is beyond this, corners are shares of the input instead of pixels."""

Rows = NDArray[np.float32]


def raw_rows(network: BoxNetwork, session: FileSession, scenes: Sequence[Scene]) -> list[Rows]:
    """Run the file on the scenes, and return its rows (1, N, C) for each.

    Raises:
        UsageError: if the file does not run.
    """
    images = (image_of(scene.frame) for scene in scenes)
    outputs = (session.infer(network.letterbox.network_input(image)) for image in images)
    return [output[network.artefact.output.name] for output in outputs]


def value_problems(network: BoxNetwork, found: Sequence[Rows]) -> Iterator[str]:
    """Yield the mistakes in the values of rows of the right shape, with their likely causes."""
    broken = sum(int((~np.isfinite(rows)).sum()) for rows in found)
    if broken:
        yield (
            f"{broken:,} values are not finite (NaN or infinity): the export is broken, or the "
            "precision is too low for this network"
        )
        return
    pairs = [network.rows.decode(rows[0], network.input_hw) for rows in found]
    corners = np.concatenate([corners for corners, _ in pairs])
    scores = np.concatenate([scores for _, scores in pairs])
    if len(scores) and scores.max() > 1:
        yield (
            f"scores reach {scores.max():.3g}, but 0 to 1 is expected: codec.rows does not "
            "describe the numbers of a row, or the file gives logits"
        )
    if len(scores) and np.abs(corners).max() <= _SHARES:
        yield (
            "no corner exceeds 2, but pixels of the input are expected: these look like shares of "
            "its sides"
        )


def value_range(network: BoxNetwork, found: Sequence[Rows]) -> str:
    """Describe the best scores in words."""
    every = (network.rows.decode(rows[0], network.input_hw)[1] for rows in found)
    best = [float(scores.max(initial=0)) for scores in every]
    return f"best scores of {np.mean(best):.2f} on average, {max(best):.2f} at most"


def found_share(network: BoxNetwork, session: FileSession, scenes: Sequence[Scene]) -> float:
    """Return the share of the scenes' tallest people who have a box."""
    detector = NetworkDetector(network, session)
    return float(np.mean([_found(detector, scene) for scene in scenes]))


def _found(detector: NetworkDetector, scene: Scene) -> bool:
    image = image_of(scene.frame)
    boxes = detector.detect(image)
    overlaps = iou(_within(scene), boxes.boxes_xywh[boxes.scores >= _SCORE])
    return bool(overlaps.max(initial=0) >= _OVERLAP)


def _within(scene: Scene) -> Floats:
    """Return the box of a scene's person without what is outside the image."""
    boxes = scene.boxes.boxes_xywh
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    return clipped_xywh(corners, scene.frame.size_wh)
