"""Compares the input of a model file with what its card declares: one sentence per mismatch."""

from collections.abc import Iterator

from posemark.core.model_file import Artefact
from posemark.runtimes import Tensor

_CHANNELS = 3
_AXES = {"nchw": (1, 2, 3), "nhwc": (3, 1, 2)}
"""Positions of channels, height and width among the four dimensions."""


def input_problems(artefact: Artefact, given: Tensor) -> Iterator[str]:
    """Yield all mismatches. The size is not compared if the layout is already wrong.

    Args:
        artefact: the input as the card declares it.
        given: the input of the file.
    """
    layout = list(layout_problems(artefact, given))
    yield from layout or size_problems(artefact, given)
    yield from type_problems(artefact, given)


def layout_problems(artefact: Artefact, given: Tensor) -> Iterator[str]:
    """Yield the mismatch in the number of dimensions or the position of the channels, if any."""
    if len(given.shape) != 4:
        yield f"expected an input of four dimensions, (batch, ...), got {shape_of(given)}"
        return
    place = _AXES[artefact.layout][0]
    if given.shape[place] in (_CHANNELS, None):
        return
    other = "nhwc" if artefact.layout == "nchw" else "nchw"
    fits = given.shape[_AXES[other][0]] == _CHANNELS
    advice = f'set input.layout = "{other}"' if fits else "only colour images are supported"
    yield (
        f"input.layout is {artefact.layout}, so dimension {place} of {shape_of(given)} should be "
        f"the 3 channels, but is {given.shape[place]}: {advice}"
    )


def size_problems(artefact: Artefact, given: Tensor) -> Iterator[str]:
    """Yield the mismatch in height and width, if the card fixes them.

    The input must have the layout of the card.
    """
    if artefact.size_hw is None:
        return
    has = tuple(given.shape[place] for place in _AXES[artefact.layout][1:])
    pairs = zip(has, artefact.size_hw, strict=True)
    if all(side in (None, wanted) for side, wanted in pairs):
        return
    swapped = " (height and width are swapped)" if has[::-1] == artefact.size_hw else ""
    yield (
        f"input.size is {list(artefact.size_hw)}, height and width, but the file takes "
        f"{list(has)}{swapped}: correct it in the card"
    )


def type_problems(artefact: Artefact, given: Tensor) -> Iterator[str]:
    """Yield the mismatch in the type of the input's values, if any."""
    # Files with float16 input get float32, which their session converts.
    if given.dtype in (artefact.dtype, "float16"):
        return
    known = given.dtype in ("float32", "uint8")
    advice = f'set input.dtype = "{given.dtype}"' if known else "export it with float32 input"
    yield f"input.dtype is {artefact.dtype}, but the file takes {given.dtype}: {advice}"


def shape_of(tensor: Tensor) -> str:
    """Return the shape as text, with a question mark for a free dimension."""
    return "(" + ", ".join("?" if side is None else str(side) for side in tensor.shape) + ")"
