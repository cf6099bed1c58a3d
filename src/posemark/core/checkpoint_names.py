"""How the files of trained weights are named."""

from pathlib import Path

SUFFIXES = (".pth", ".pt", ".safetensors", ".caffemodel")
"""Suffixes of the file names of weights that can be imported."""

NETWORK_SUFFIXES = (".onnx", ".xml", ".tflite", ".pb")
"""Suffixes of exported networks: such a file is named by a card, and has no weights to import."""

_ENDINGS = (*SUFFIXES, ".pth.tar", ".pt.tar", ".ckpt")


def is_checkpoint_name(path: Path) -> bool:
    """Whether a file is taken for a checkpoint by the ending of its name."""
    return path.name.lower().endswith(_ENDINGS)
