"""Person detectors that are model files: letterbox, network, decoding of boxes."""

from dataclasses import dataclass

import numpy as np

from posemark.core.errors import FrameError, UsageError
from posemark.core.frame import Boxes, Image
from posemark.core.model_file import Artefact
from posemark.core.target import Target
from posemark.detectors.box_rows import BoxRows
from posemark.geometry.boxes import croppable
from posemark.geometry.letterbox import Letterbox
from posemark.runtimes import Session
from posemark.runtimes.registry import open_file, require
from posemark.runtimes.stream_sessions import StreamSessions


@dataclass(frozen=True)
class BoxNetwork:
    """A detector as its card describes it, with its file.

    Attributes:
        name: the name of the card.
        artefact: the file, which takes inputs of the letterbox's size.
        letterbox: how images become inputs.
        rows: how the output becomes boxes.
    """

    name: str
    artefact: Artefact
    letterbox: Letterbox
    rows: BoxRows

    @property
    def input_hw(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        width, height = self.letterbox.input_wh
        return height, width


class NetworkDetector:
    """A detector whose network is ready in a session; it implements detectors.Detector.

    Raises:
        UsageError: if the file does not accept the input, or has other outputs than its card says.
    """

    def __init__(self, network: BoxNetwork, session: Session) -> None:
        self._network, self._session = network, session
        shape = (1, 3, *network.input_hw)
        session.prepare(shape)
        output = session.infer(np.zeros(shape, np.float32))[network.artefact.output.name]
        problem = next(network.rows.problems(output.shape, network.input_hw), "")
        if problem:
            raise UsageError(f"{network.artefact.path.name} is not what its card says: {problem}.")

    def detect(self, image_bgr: Image) -> Boxes:
        """Return the boxes of the people; see detectors.Detector."""
        network = self._network
        batch = network.letterbox.network_input(image_bgr)
        rows = self._session.infer(batch)[network.artefact.output.name][0]
        if not np.isfinite(rows).all():
            raise FrameError(
                f"the output of the detector {network.name} is not finite. Try another "
                "--detector-precision or --detector-runtime."
            )
        corners, scores = network.rows.decode(rows, network.input_hw)
        size_wh = image_bgr.shape[1], image_bgr.shape[0]
        boxes = network.letterbox.to_image(corners, size_wh)
        real = croppable(boxes, size_wh)  # some files fill up their output with empty boxes
        return Boxes(boxes[real], np.clip(scores[real], 0, 1), origin="detected")


def open_network(network: BoxNetwork, target: Target, threads: int) -> NetworkDetector:
    """Open the file of a detector in a runtime.

    Args:
        network: the detector.
        target: the runtime, precision and device, and the number of images at the same time.
        threads: number of CPU threads of one image.

    Raises:
        UsageError: if the runtime cannot run the file as asked, or the file is not what its card
            says.
        CheckpointError: if the file cannot be read.
    """
    require(target, artefact=network.artefact)
    files = [open_file(target, network.artefact, threads) for _ in range(target.streams)]
    return NetworkDetector(network, files[0] if len(files) == 1 else StreamSessions(files))
