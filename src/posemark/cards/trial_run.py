"""Runs an exported model on a few drawn people and checks its outputs.

Drawings are not photographs, so this does not measure accuracy. But a network with the right
input finds most of them, and a network with the wrong input does not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.codec import CHANNEL_AXIS, Form, Output
from posemark.core.errors import UsageError
from posemark.core.frame import Boxes, Frame
from posemark.core.model_file import Artefact
from posemark.core.spec import IMAGENET, ModelSpec, Pixels
from posemark.datasets.sample import Sample
from posemark.geometry.crop import image_of
from posemark.geometry.oks import oks_matrix
from posemark.pipelines.build import Processing, network_inputs, pipeline_of
from posemark.runtimes.model_file import FileSession, as_fed

SCENES = 4
"""Number of drawn images."""

_TALL = 200
"""Smallest height of the person in pixels, because small people are hard to find."""

FOUND_OKS = {"top-down": 0.5, "bottom-up": 0.2}
"""Mean OKS below which a hint is given.

The top-down models of the suite `light` reach 0.70 to 0.89; with left and right exchanged, or with
all key points in the wrong order but still inside their box, 0.12 to 0.38. Its bottom-up models
with part affinity fields, for which a person who is not found counts 0, reach 0.82 and 0.27, and
0.00 with either mistake. Those with a table of people reach 0.69 and 0.70, 0.13 with all key points
in the wrong order, and 0.38 and 0.40 with left and right exchanged, which gives no hint.
"""

_HIGHEST = 1.5
_LOWEST = 0.02
"""The highest peak of maps that were trained towards 1 is between these two values."""

_CLEARLY = 1.25
"""A normalisation that raises the peaks by less than this factor may do so by chance."""

Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """A drawn frame and its tallest person.

    Attributes:
        frame: the frame.
        boxes: the box of the person.
        keypoints_xyv: (K, 3) positions in pixels, and COCO's visibility.
        area: area of the person in px^2.
    """

    frame: Frame
    boxes: Boxes
    keypoints_xyv: NDArray[Any]
    area: float


def scenes() -> list[Scene]:
    """Return the SCENES images of a check."""
    return list(islice(_all_scenes(), SCENES))


def _all_scenes() -> Iterator[Scene]:
    """Yield the frames of the sample whose tallest person is tall and has nearly all key points."""
    for frame in Sample().frames():
        people = frame.truth.boxes_xywh
        tallest = int(people[:, 3].argmax()) if len(people) else -1
        seen = tallest >= 0 and (frame.truth.keypoints_xyv[tallest, :, 2] > 0).mean() > 0.9
        if seen and people[tallest, 3] >= _TALL:
            boxes = Boxes(people[tallest : tallest + 1], np.ones(1))
            truth = frame.truth.keypoints_xyv[tallest]
            yield Scene(frame, boxes, truth, float(frame.truth.areas[tallest]))


def _input(model: ModelSpec, scene: Scene) -> Maps:
    frame = scene.frame
    image = image_of(frame)
    (batch,) = network_inputs(model, image, scene.boxes)
    return batch


def raw_outputs(model: ModelSpec, session: FileSession, scene: Scene) -> Mapping[str, Maps]:
    """Run the file on a scene, and return its outputs by the names in the file.

    Raises:
        UsageError: if the file does not run.
    """
    batch = _input(model, scene)
    session.require_runs(batch)
    return session.raw.infer(as_fed(batch, _artefact(model)))


def _session_output(model: ModelSpec, session: FileSession, scene: Scene) -> Maps:
    return session.infer(_input(model, scene))[_output(model).name]


def _output(model: ModelSpec) -> Output:
    """Return the only output of an exported model; several outputs of a file are joined."""
    (output,) = model.outputs
    return output


def _artefact(model: ModelSpec) -> Artefact:
    if model.artefact is None:
        raise ValueError(f"{model.name} is no exported model")
    return model.artefact


# --- shapes -------------------------------------------------------------------------------------


def expected_shape(model: ModelSpec, scene: Scene) -> str:
    """Describe the expected shape of the output in words."""
    output = _output(model)
    if output.form != "maps":
        return _TABLES[output.form].format(output.channels)
    fed = _input(model, scene).shape[2:]
    height, width = _cells(output, fed)
    if model.method.fixed_size:
        return f"{output.channels} maps of {height}x{width}"
    size = "x".join(map(str, fed))
    return f"{output.channels} channels, maps of {height}x{width}: a drawn image, fed at {size}"


_TABLES: dict[Form, str] = {
    "rows": "{} rows of y, x, score",
    "people": "rows of {} numbers, one row per person",
}


def _cells(output: Output, fed_hw: tuple[int, ...]) -> tuple[int, int]:
    """Compute (height, width) of the maps for a network input of (height, width)."""
    return fed_hw[0] // output.stride, fed_hw[1] // output.stride


def shape_problems(model: ModelSpec, outputs: Mapping[str, Maps], scene: Scene) -> Iterator[str]:
    """Yield the mistakes in the shapes of the outputs, with their likely causes.

    Args:
        model: the model of the card.
        outputs: the outputs by the names in the file, from `raw_outputs`.
        scene: the scene that they belong to.
    """
    output = _output(model)
    shapes = [outputs[name].shape for name in _artefact(model).output.sources or outputs]
    if output.form != "maps":
        yield from _table_problems(model, shapes)
        return
    flat = [shape for shape in shapes if len(shape) != 4]
    if flat:
        yield f"maps have four axes, but an output has the shape {flat[0]}: name another output"
        return
    last = _artefact(model).layout == "nhwc"
    channels, elsewhere = (sum(shape[axis] for shape in shapes) for axis in (1, 3))
    if last:
        channels, elsewhere = elsewhere, channels
    yield from _channel_problems(model, channels, elsewhere)
    cells = shapes[0][1:3] if last else shapes[0][2:4]
    wanted = _cells(output, _input(model, scene).shape[2:])
    if cells != wanted:
        yield (
            f"maps are {cells[0]}x{cells[1]}, but the input size divided by the stride of "
            f"{output.stride} is {wanted[0]}x{wanted[1]}: correct codec.stride or input.size"
        )


def require_shapes(model: ModelSpec, session: FileSession) -> None:
    """Check the shapes of the outputs for one drawn person, as `posemark check` does.

    Raises:
        UsageError: if a shape is wrong, with the message of `posemark check`, or if the file does
            not run.
    """
    scene = next(_all_scenes())
    problems = list(shape_problems(model, raw_outputs(model, session, scene), scene))
    if problems:
        raise UsageError(
            f"{_artefact(model).path.name} is not what its card says: {'; '.join(problems)}."
        )


def _table_problems(model: ModelSpec, shapes: list[tuple[int, ...]]) -> Iterator[str]:
    output = _output(model)
    if output.form == "rows":
        what, expected = "coordinates are rows of y, x, score", f"(..., {output.channels}, 3)"
        unlike = [shape for shape in shapes if len(shape) < 3 or shape[-1] != 3]
    else:
        what, expected = "people are rows of numbers", f"(1, people, {output.channels})"
        unlike = [shape for shape in shapes if len(shape) != 3]
    if unlike:
        yield f"{what}: expected {expected}, got {unlike[0]}: name another output, or another codec"
        return
    channels = sum(shape[CHANNEL_AXIS[output.form]] for shape in shapes)
    yield from _channel_problems(model, channels)


def _channel_problems(model: ModelSpec, channels: int, elsewhere: int = 0) -> Iterator[str]:
    """Yield a wrong number of channels, with advice if the other layout has the right number."""
    order, output = _artefact(model).output.order, _output(model)
    wanted = output.channels
    named = len(order) or channels
    if order and max(order) >= channels:
        yield f"outputs.order names channel {max(order)}, but there are {channels}, from 0 on"
    elif named != wanted:
        got = f"{named} {'places in outputs.order' if order else 'channels'}"
        advice = "name other outputs"
        if channels > wanted and not order:
            advice += f", or say in outputs.order which {wanted} of its channels are these"
        if elsewhere == wanted and not order:
            advice = "another axis has this many, so input.layout is probably wrong"
        yield f"expected {wanted} channels for {output.meaning}, got {got}: {advice}"


# --- values -------------------------------------------------------------------------------------


def not_finite(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> Iterator[str]:
    """Yield a message if there is NaN or infinity; peaks and poses cannot be checked then."""
    outputs = [_session_output(model, session, scene) for scene in scenes]
    broken = sum(int((~np.isfinite(maps)).sum()) for maps in outputs)
    if broken:
        yield (
            f"{broken:,} values are not finite (NaN or infinity): the export is broken, or the "
            "precision is too low for this network"
        )


def value_problems(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> Iterator[str]:
    """Yield the mistakes in the values of finite outputs, with their likely causes."""
    outputs = [_session_output(model, session, scene) for scene in scenes]
    if _output(model).form == "maps":
        yield from _map_problems(model, outputs)
    else:
        yield from _row_problems(np.concatenate([_key_points(model, each) for each in outputs]))


def _key_points(model: ModelSpec, table: Maps) -> Maps:
    """Return the rows (K, 3) of y, x, score in an output without maps: those of its best person."""
    if _output(model).form == "people":
        # The first row is for files whose table has no rows if nobody was found.
        people = np.concatenate([np.zeros((1, table.shape[-1]), np.float32), table[0]])
        table = people[people[:, -1].argmax(), : 3 * len(model.skeleton.keypoints)]
    return table.reshape(-1, 3)


def _row_problems(rows: Maps) -> Iterator[str]:
    far = float(np.abs(rows[:, :2]).max())
    if far > 2:
        yield (
            f"coordinates reach {far:.4g}, but fractions of the input size, 0 to 1, are expected: "
            "these look like pixels, or the output has another form"
        )
    scores = rows[:, 2]
    if scores.min() < 0 or scores.max() > 1:
        yield (
            f"scores reach from {scores.min():.3g} to {scores.max():.3g}, but 0 to 1 is "
            "expected: the third number of a row is not a score"
        )


def _map_problems(model: ModelSpec, outputs: list[Maps]) -> Iterator[str]:
    empty = [~maps.any((0, 2, 3)) for maps in outputs]
    dead = np.flatnonzero(np.all(empty, 0)).tolist()
    if dead:
        yield f"the maps {dead} are zero everywhere on every image: no trained network gives these"
    highest = max(float(_peaks(model, maps).max()) for maps in outputs)
    if highest > _HIGHEST:
        yield (
            f"peaks reach {highest:.4g}, but maps trained towards 1 are expected: the maps have "
            "another scale (bytes, logits), or the input has (divisor, mean, std)"
        )
    elif highest < _LOWEST and not dead:
        yield (
            f"no peak exceeds {highest:.2g}, but about 1 is expected where a joint is: the input "
            "has another scale (divisor, mean, std), or the maps have"
        )


def _peaks(model: ModelSpec, maps: Maps) -> NDArray[np.float64]:
    """Return the highest value of every key point's map, or the score of every key point."""
    output = _output(model)
    if output.form != "maps":
        return _key_points(model, maps)[:, 2].astype(np.float64)
    return maps[:, : output.peaks].max((0, 2, 3)).astype(np.float64)


def value_range(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> str:
    """Describe the peaks of the outputs in words."""
    highest = np.stack([_peaks(model, _session_output(model, session, s)) for s in scenes])
    return f"peaks of {highest.mean():.2f} on average, {highest.max():.2f} at most"


# --- colours and poses --------------------------------------------------------------------------


def better_pixels(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> str:
    """Return a hint if another normalisation gives clearly higher peaks, or else ""."""

    def strength(pixels: Pixels) -> float:
        other = replace(model, pixels=pixels)
        return float(np.mean([_peaks(other, _session_output(other, session, s)) for s in scenes]))

    own = strength(model.pixels)
    rivals = {name: strength(pixels) for name, pixels in _alternatives(model).items()}
    # Impossibly high peaks mean that the input has too large values, not that it is right.
    possible = {name: peak for name, peak in rivals.items() if own < peak <= _HIGHEST}
    best = max(possible, key=lambda name: possible[name], default="")
    if not best or possible[best] < _CLEARLY * own:
        return ""
    return (
        f"the mean peak is {own:.3f} with the normalisation of the card, but "
        f"{possible[best]:.3f} with {best}: is [input] right?"
    )


def _alternatives(model: ModelSpec) -> dict[str, Pixels]:
    """List the other usual normalisations; for bytes only the order of the channels can differ."""
    own = model.pixels
    orders = ("bgr", "rgb")
    found = {f"order {name}": replace(own, order=name) for name in orders if name != own.order}
    if _artefact(model).dtype == "uint8":
        return found
    zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    scales = {
        "bytes unchanged": (1, zero, one),
        "values from 0 to 1": (255, zero, one),
        "values from -1 to 1": (127.5, one, one),
        "ImageNet's mean and std": (IMAGENET.divisor, IMAGENET.mean, IMAGENET.std),
    }
    for name, (divisor, mean, std) in scales.items():
        for order in orders:
            pixels = replace(own, order=order, divisor=divisor, mean=mean, std=std)
            if (divisor, mean, std) != (own.divisor, own.mean, own.std):
                found[f"{name}, order {order}"] = pixels
    return found


def mean_oks(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> float:
    """Compute the mean OKS between the drawn people and the poses that the pipeline finds."""
    pipeline = pipeline_of(model, session, Processing())
    found: list[float] = []
    for scene in scenes:
        work = pipeline.prepare(scene.frame, scene.boxes)
        poses = pipeline.process(work, lambda _: None).poses
        found.append(max((_oks(points, scene, model) for points in poses.keypoints_xy), default=0))
    return float(np.mean(found))


def _oks(points_xy: NDArray[Any], scene: Scene, model: ModelSpec) -> float:
    seen = scene.keypoints_xyv[:, 2] > 0
    both = np.stack([points_xy[seen], scene.keypoints_xyv[seen, :2]])
    sigmas = tuple(np.array(model.skeleton.sigmas)[seen])
    return float(oks_matrix(both, np.full(2, scene.area), sigmas)[0, 1])
