"""What a file says of its input, against what its card says: one sentence a mismatch."""

from collections.abc import Iterator

from posemark.core.model_file import Artefact
from posemark.runtimes import Tensor

_CHANNELS = 3
_AXES = {"nchw": (1, 2, 3), "nhwc": (3, 1, 2)}
"""Where channels, height and width stand."""


def input_problems(artefact: Artefact, given: Tensor) -> Iterator[str]:
    """All of them. Of an input in another layout the size is not looked at."""
    layout = list(layout_problems(artefact, given))
    yield from layout or size_problems(artefact, given)
    yield from type_problems(artefact, given)


def layout_problems(artefact: Artefact, given: Tensor) -> Iterator[str]:
    """Where the three channels stand."""
    if len(given.shape) != 4:
        yield f"expected an input of four sides, (batch, ...), got {shape_of(given)}"
        return
    place = _AXES[artefact.layout][0]
    if given.shape[place] in (_CHANNELS, None):
        return
    other = "nhwc" if artefact.layout == "nchw" else "nchw"
    fits = given.shape[_AXES[other][0]] == _CHANNELS
    advice = f'set input.layout = "{other}"' if fits else "only colour images are supported"
    yield (
        f"input.layout is {artefact.layout}, so 3 channels are expected at place {place} of "
        f"{shape_of(given)}, where {given.shape[place]} stands: {advice}"
    )


def size_problems(artefact: Artefact, given: Tensor) -> Iterator[str]:
    """Height and width, where the card fixes them; of an input in the card's layout."""
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
    """What a number of the input is."""
    # Half-precision files are fed float32, which their session turns.
    if given.dtype in (artefact.dtype, "float16"):
        return
    known = given.dtype in ("float32", "uint8")
    advice = f'set input.dtype = "{given.dtype}"' if known else "export it with float32 input"
    yield f"input.dtype is {artefact.dtype}, but the file takes {given.dtype}: {advice}"


def shape_of(tensor: Tensor) -> str:
    """In words; a free side is a question mark."""
    return "(" + ", ".join("?" if side is None else str(side) for side in tensor.shape) + ")"
