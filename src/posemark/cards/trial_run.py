"""Running an exported model on a few drawn people, and judging what comes out.

Drawings are not photographs: nothing here measures accuracy. But a network that is fed what
it was trained on finds them, more or less, and one that is fed something else does not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.codec import Output
from posemark.core.errors import UsageError
from posemark.core.frame import Boxes, Frame
from posemark.core.model_file import Artefact
from posemark.core.spec import IMAGENET, ModelSpec, Pixels
from posemark.datasets.sample import Sample
from posemark.geometry.crop import decode_bgr
from posemark.geometry.oks import oks_matrix
from posemark.pipelines.build import Processing, network_inputs, pipeline_of
from posemark.runtimes.model_file import FileSession, as_fed

SCENES = 4
_TALL = 200
"""Pixels that a person is high at least: small ones tell little."""

FOUND_OKS = {"top-down": 0.5, "bottom-up": 0.2}
"""Less is worth a look. The suite `light` reaches 0.70 to 0.89 top-down; with left and right or
all key points exchanged, which stay inside their box, 0.12 to 0.38. Bottom-up, where a person who
is not found counts 0, it reaches 0.82 and 0.27, and with either mistake 0.00."""

_HIGHEST = 1.5
_LOWEST = 0.02
"""Between these lies the highest peak of maps that were trained towards 1."""

_CLEARLY = 1.25
"""Times the peaks under the card's own normalising: by less, chance may decide."""

Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """A drawn frame and its tallest person. keypoints_xyv: (K, 3)."""

    frame: Frame
    boxes: Boxes
    keypoints_xyv: NDArray[Any]
    area: float


def scenes() -> list[Scene]:
    """The first SCENES of all."""
    return list(islice(_all_scenes(), SCENES))


def _all_scenes() -> Iterator[Scene]:
    """Frames of the sample with a tall person whose joints all show."""
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
    image = decode_bgr(frame.read(), frame.size_wh, frame.name)
    (batch,) = network_inputs(model, image, scene.boxes)
    return batch


def raw_outputs(model: ModelSpec, session: FileSession, scene: Scene) -> Mapping[str, Maps]:
    """What the file gives for a scene, by its own names.

    Raises:
        UsageError: if it does not run.
    """
    batch = _input(model, scene)
    session.require_runs(batch)
    return session.raw.infer(as_fed(batch, _artefact(model)))


def _ours(model: ModelSpec, session: FileSession, scene: Scene) -> Maps:
    return session.infer(_input(model, scene))[_output(model).name]


def _output(model: ModelSpec) -> Output:
    """A file has one output, joined of its own where it has several."""
    (output,) = model.outputs
    return output


def _artefact(model: ModelSpec) -> Artefact:
    if model.artefact is None:
        raise ValueError(f"{model.name} is no exported model")
    return model.artefact


# --- shapes -------------------------------------------------------------------------------------


def expected_shape(model: ModelSpec, scene: Scene) -> str:
    """In words."""
    output = _output(model)
    if output.form == "rows":
        return f"{output.channels} rows of y, x, score"
    fed = _input(model, scene).shape[2:]
    height, width = _cells(output, fed)
    if model.method.fixed_size:
        return f"{output.channels} maps of {height}x{width}"
    size = "x".join(map(str, fed))
    return f"{output.channels} channels, maps of {height}x{width}: a drawn image, fed at {size}"


def _cells(output: Output, fed_hw: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) of maps, for a network input of (height, width)."""
    return fed_hw[0] // output.stride, fed_hw[1] // output.stride


def shape_problems(model: ModelSpec, outputs: Mapping[str, Maps], scene: Scene) -> Iterator[str]:
    """What is wrong with the shapes of the outputs that the card names, with the likely cause."""
    output = _output(model)
    shapes = [outputs[name].shape for name in _artefact(model).output.sources or outputs]
    if output.form == "rows":
        yield from _points_shape(shapes[0], output.channels)
        return
    flat = [shape for shape in shapes if len(shape) != 4]
    if flat:
        yield f"maps have four sides, but an output has the shape {flat[0]}: name another output"
        return
    last = _artefact(model).layout == "nhwc"
    channels = sum(shape[3] if last else shape[1] for shape in shapes)
    yield from _channel_problems(model, channels, shapes, last)
    cells = shapes[0][1:3] if last else shapes[0][2:4]
    wanted = _cells(output, _input(model, scene).shape[2:])
    if cells != wanted:
        yield (
            f"maps are {cells[0]}x{cells[1]}, but an input divided by the stride of "
            f"{output.stride} gives {wanted[0]}x{wanted[1]}: correct codec.stride, or the size of "
            "the input"
        )


def require_shapes(model: ModelSpec, session: FileSession) -> None:
    """Hold the shapes of the outputs to the card, as `posemark check` does, on one drawn person.

    Raises:
        UsageError: in the words of `posemark check`; also if the file does not run.
    """
    scene = next(_all_scenes())
    problems = list(shape_problems(model, raw_outputs(model, session, scene), scene))
    if problems:
        raise UsageError(
            f"{_artefact(model).path.name} is not what its card says: {'; '.join(problems)}."
        )


def _points_shape(shape: tuple[int, ...], joints: int) -> Iterator[str]:
    if shape[-2:] != (joints, 3):
        yield (
            f"coordinates are rows of y, x, score: expected (..., {joints}, 3), got {shape}: "
            "name another output, or another codec"
        )


def _channel_problems(
    model: ModelSpec, channels: int, shapes: list[tuple[int, ...]], last: bool
) -> Iterator[str]:
    order, output = _artefact(model).output.order, _output(model)
    wanted = output.channels
    named = len(order) or channels
    if order and max(order) >= channels:
        yield f"outputs.order names channel {max(order)}, but there are {channels}, from 0 on"
    elif named != wanted:
        elsewhere = sum(shape[1] if last else shape[3] for shape in shapes)
        came = f"{named} {'places in outputs.order' if order else 'channels'}"
        advice = "name other outputs, or their order"
        if elsewhere == wanted and not order:
            advice = "they stand at the other end, so the layout is the other one"
        yield f"expected {wanted} channels for {output.meaning}, got {came}: {advice}"


# --- values -------------------------------------------------------------------------------------


def not_finite(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> Iterator[str]:
    """That some numbers are none: nothing can be said of peaks, colours or poses then."""
    outputs = [_ours(model, session, scene) for scene in scenes]
    broken = sum(int((~np.isfinite(maps)).sum()) for maps in outputs)
    if broken:
        yield (
            f"{broken:,} values are not finite (NaN or infinity): the export is broken, or the "
            "precision too low for this network"
        )


def value_problems(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> Iterator[str]:
    """What is wrong with numbers that are finite."""
    outputs = [_ours(model, session, scene) for scene in scenes]
    if _output(model).form == "rows":
        yield from _row_problems(outputs)
    else:
        yield from _map_problems(model, outputs)


def _row_problems(outputs: list[Maps]) -> Iterator[str]:
    rows = np.concatenate([rows.reshape(-1, 3) for rows in outputs])
    far = float(np.abs(rows[:, :2]).max())
    if far > 2:
        yield (
            f"coordinates reach {far:.4g}, but shares of the input, 0 to 1, are expected: these "
            "look like pixels, or the file answers in another form"
        )
    scores = rows[:, 2]
    if scores.min() < 0 or scores.max() > 1:
        yield (
            f"scores reach from {scores.min():.3g} to {scores.max():.3g}, but 0 to 1 is "
            "expected: the third number of a row is no score"
        )


def _map_problems(model: ModelSpec, outputs: list[Maps]) -> Iterator[str]:
    empty = [~maps.any((0, 2, 3)) for maps in outputs]
    dead = np.flatnonzero(np.all(empty, 0)).tolist()
    if dead:
        yield f"the maps {dead} are zero everywhere on every image: not the outputs of a network"
    highest = max(float(_peaks(model, maps).max()) for maps in outputs)
    if highest > _HIGHEST:
        yield (
            f"peaks reach {highest:.4g}, but maps trained towards 1 are expected: these are on "
            "another scale (bytes, logits), or the input is (divisor, mean, std)"
        )
    elif highest < _LOWEST and not dead:
        yield (
            f"no peak exceeds {highest:.2g}, but about 1 is expected where a joint is: the input "
            "is on another scale (divisor, mean, std), or the maps are"
        )


def _peaks(model: ModelSpec, maps: Maps) -> NDArray[np.float64]:
    """The highest value of every key point's map, or its score."""
    output = _output(model)
    if output.form == "rows":
        return maps.reshape(-1, 3)[:, 2].astype(np.float64)
    return maps[:, : output.peaks].max((0, 2, 3)).astype(np.float64)


def value_range(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> str:
    """In words."""
    highest = np.stack([_peaks(model, _ours(model, session, s)) for s in scenes])
    return f"peaks of {highest.mean():.2f} on average, {highest.max():.2f} at most"


# --- colours and poses --------------------------------------------------------------------------


def better_pixels(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> str:
    """A hint, where peaks are clearly higher with pixels normalised otherwise; else ""."""

    def strength(pixels: Pixels) -> float:
        other = replace(model, pixels=pixels)
        return float(np.mean([_peaks(other, _ours(other, session, s)) for s in scenes]))

    own = strength(model.pixels)
    rivals = {name: strength(pixels) for name, pixels in _alternatives(model).items()}
    # Peaks beyond what maps can be say that the input overflows, not that it is right.
    possible = {name: peak for name, peak in rivals.items() if own < peak <= _HIGHEST}
    best = max(possible, key=lambda name: possible[name], default="")
    if not best or possible[best] < _CLEARLY * own:
        return ""
    return (
        f"peaks average {own:.3f} as the card normalises, but {possible[best]:.3f} with {best}: "
        "is [input] right?"
    )


def _alternatives(model: ModelSpec) -> dict[str, Pixels]:
    """Other usual ways to feed a network; of bytes only the order can differ."""
    own = model.pixels
    orders = ("bgr", "rgb")
    found = {f"order {name}": replace(own, order=name) for name in orders if name != own.order}
    if _artefact(model).dtype == "uint8":
        return found
    zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    scales = {
        "bytes as they are": (1, zero, one),
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


def likeness(model: ModelSpec, session: FileSession, scenes: list[Scene]) -> float:
    """The mean OKS of the drawn people and what the whole pipeline finds of them."""
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
