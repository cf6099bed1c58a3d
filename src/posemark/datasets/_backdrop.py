"""Draws what is behind people and in front of them: places, and barriers that hide legs.

Pictures are (H, W, 3) uint8, BGR. Nothing here affects the truth.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from posemark.datasets._seeded import between, pick

Picture = NDArray[np.uint8]
Colour = tuple[float, float, float]  # blue, green, red, each 0..255
Canvas = NDArray[np.float32]  # (H, W, 3), BGR


def draw_backdrop(size_wh: tuple[int, int], rng: Generator) -> Picture:
    """Draw a place without people.

    Args:
        size_wh: width and height in pixels.
        rng: the source of randomness.
    """
    width, height = size_wh
    draw = _PLACES[pick(rng.random(), [1] * len(_PLACES))]
    place = draw(height, width, rng)
    light = between(rng, (0.75, 1.1)) + 0.18 * (clouds((height, width), 160, rng) - 0.5)
    return as_picture(cv2.convertScaleAbs(place * light[..., None]))


def with_grain(picture: Picture, rng: Generator) -> Picture:
    """Return a picture with camera noise, strong enough for JPEG files as large as COCO's."""
    strength = between(rng, (0.06, 0.26))
    grain = rng.integers(0, 256, picture.shape[:2], dtype=np.uint8)
    soft = cv2.GaussianBlur(grain, (3, 3), 0.6)
    noisy = cv2.addWeighted(picture, 1.0, cv2.merge([soft] * 3), strength, -128 * strength)
    return as_picture(noisy)


def draw_barrier(picture: Picture, box_xyxy: tuple[int, int, int, int], rng: Generator) -> None:
    """Draw a hedge, a wooden or a stone surface into a box of the picture, in place."""
    x0, y0, x1, y1 = box_xyxy
    patch = picture[max(y0, 0) : y1, max(x0, 0) : x1]
    if patch.size == 0:
        return
    height, width = patch.shape[:2]
    surface = _SURFACES[pick(rng.random(), [1] * len(_SURFACES))](height, width, rng)
    fall = np.linspace(1.05, 0.75, height, dtype=np.float32)[:, None, None]
    patch[:] = cv2.convertScaleAbs(surface * fall)
    rim = max(2, height // 30)
    patch[:rim] = cv2.convertScaleAbs(surface[:rim] * 1.35)


def clouds(shape: tuple[int, int], grain: float, rng: Generator) -> NDArray[np.float32]:
    """Return (H, W) smooth noise in 0..1 with features of `grain`, grain / 2 and grain / 4 px."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave, weight in enumerate((0.55, 0.3, 0.15)):
        cell = max(grain / 2**octave, 1.0)
        coarse = rng.random((int(height / cell) + 2, int(width / cell) + 2), dtype=np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return total


def colour_near(colour: Colour, spread: float, rng: Generator) -> Colour:
    """Draw a colour up to `spread` lighter or darker than another, with a similar hue."""
    shift = (rng.random() - 0.5) * 1.4 + (rng.random(3) - 0.5) * 0.6
    b, g, r = np.clip(np.array(colour) + shift * spread, 12, 243)
    return float(b), float(g), float(r)


def as_picture(pixels: NDArray[Any]) -> Picture:
    """Return an array that is uint8, but that OpenCV types more widely, as a Picture."""
    return np.asarray(pixels, np.uint8)


def _as_canvas(pixels: NDArray[Any]) -> Canvas:
    """Return an array that is float32 but typed more widely, by OpenCV or NumPy, as a Canvas."""
    return np.asarray(pixels, np.float32)


def _textured(
    shape: tuple[int, int], colour: Colour, grain: float, depth: float, rng: Generator
) -> Canvas:
    """Return (H, W, 3) of a colour with smooth noise of relative strength `depth`."""
    tone = 1 + depth * 2 * (clouds(shape, grain, rng) - 0.5)
    return _as_canvas(tone[..., None] * np.array(colour, np.float32))


def _between_colours(height: int, width: int, top: Colour, bottom: Colour) -> Canvas:
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    column = (1 - t) * np.array(top, np.float32) + t * np.array(bottom, np.float32)
    return _as_canvas(np.repeat(column[:, None], width, axis=1))


def _sky(height: int, width: int, rng: Generator) -> Canvas:
    zenith = colour_near((205, 150, 95), 45, rng)
    sky = _between_colours(height, width, zenith, (240, 228, 215))
    cover = np.clip(clouds((height, width), 110, rng) * 3 - between(rng, (0.9, 2.0)), 0, 1)
    return _as_canvas(sky + (245 - sky) * cover[..., None])


def _ground(height: int, width: int, colour: Colour, rng: Generator) -> Canvas:
    """Draw ground in perspective, with a texture that grows towards the lower edge."""
    fine = _textured((height, width), colour, 5, 0.25, rng)
    coarse = clouds((height, width), 45, rng)
    depth = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    return _as_canvas(fine * (0.8 + 0.4 * (depth * coarse + (1 - depth) * 0.5))[..., None])


def _blobs(place: Canvas, base: int, size: float, rng: Generator) -> None:
    """Draw trees and shrubs that end at row `base`, in place."""
    height, width = place.shape[:2]
    leaves = _textured((height, width), colour_near((45, 95, 70), 30, rng), 7, 0.9, rng)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(int(between(rng, (8, 26)))):
        x, reach = int(rng.random() * width), between(rng, (0.3, 1.0)) * size
        y = base - int(reach * between(rng, (0.3, 1.0)))
        cv2.ellipse(mask, (x, y), (int(reach * 0.6) + 2, int(reach) + 2), 0, 0, 360, 255, -1)
    mask[base:] = 0
    ragged = (mask > 0) & (clouds((height, width), 9, rng) > 0.33)
    place[ragged] = leaves[ragged]


def _park(height: int, width: int, rng: Generator) -> Canvas:
    horizon = int(height * between(rng, (0.3, 0.5)))
    grass = colour_near((60, 130, 95), 30, rng)
    ground = _ground(height - horizon, width, grass, rng)
    place = np.concatenate([_sky(horizon, width, rng), ground])
    _blobs(place, horizon + 4, height * between(rng, (0.12, 0.35)), rng)
    return place


def _shore(height: int, width: int, rng: Generator) -> Canvas:
    """Draw sky, water, and sand or snow."""
    horizon = int(height * between(rng, (0.3, 0.45)))
    beach = int(height * between(rng, (0.55, 0.75)))
    water = _textured(
        (beach - horizon, width // 6), colour_near((150, 115, 55), 30, rng), 4, 0.5, rng
    )
    sand = colour_near((150, 185, 205), 25, rng) if rng.random() < 0.6 else (235, 230, 225)
    return np.concatenate(
        [
            _sky(horizon, width, rng),
            _as_canvas(cv2.resize(water, (width, beach - horizon))),
            _ground(height - beach, width, sand, rng),
        ]
    )


def _street(height: int, width: int, rng: Generator) -> Canvas:
    horizon = int(height * between(rng, (0.45, 0.62)))
    place = np.concatenate(
        [_sky(horizon, width, rng), _ground(height - horizon, width, (118, 116, 114), rng)]
    )
    x = 0
    while x < width:
        broad = int(between(rng, (0.15, 0.4)) * width)
        _house(place, x, min(x + broad, width), horizon, rng)
        x += broad
    kerb = horizon + int(0.06 * height)
    place[horizon:kerb] = place[horizon:kerb] * 0.5 + 95
    return place


def _house(place: Canvas, x0: int, x1: int, base: int, rng: Generator) -> None:
    top = int(base * between(rng, (0.0, 0.55)))
    wall = colour_near((130, 145, 165), 60, rng)
    place[top:base, x0:x1] = _textured((base - top, x1 - x0), wall, 6, 0.35, rng)
    step_x, step_y = int(between(rng, (22, 48))), int(between(rng, (30, 60)))
    for y in range(top + 8, base - step_y // 2, step_y):
        for x in range(x0 + 6, x1 - step_x // 2, step_x):
            pane = colour_near((95, 80, 65), 50, rng)
            corner = (x + step_x // 2, y + step_y // 2)
            cv2.rectangle(place, (x, y), corner, pane, -1)
            cv2.rectangle(place, (x, y), corner, (210, 215, 220), 1)


def _room(height: int, width: int, rng: Generator) -> Canvas:
    floor = int(height * between(rng, (0.55, 0.7)))
    wall = _textured((floor, width), colour_near((175, 185, 195), 50, rng), 3, 0.14, rng)
    boards = colour_near((70, 110, 150), 35, rng)
    place = np.concatenate([wall, _planks(height - floor, width, boards, rng)])
    place[floor - 6 : floor] = 220
    for _ in range(int(between(rng, (2, 6)))):
        _furniture(place, floor, rng)
    return place


def _planks(height: int, width: int, colour: Colour, rng: Generator) -> Canvas:
    """Draw floor boards that run away from the camera."""
    wood = cv2.resize(_textured((max(height // 6, 2), width), colour, 4, 0.5, rng), (width, height))
    centre = width / 2
    for x in range(-width, 2 * width, max(width // 12, 8)):
        far = (int(centre + (x - centre) * 0.5), 0)
        cv2.line(wood, far, (x, height), tuple(0.5 * c for c in colour), 1, cv2.LINE_AA)
    return _as_canvas(wood)


def _furniture(place: Canvas, floor: int, rng: Generator) -> None:
    """Draw a shelf, a picture or a window as a framed, textured block, in place."""
    height, width = place.shape[:2]
    w, h = (int(between(rng, (0.08, 0.28)) * n) for n in (width, height))
    x = int(rng.random() * (width - w))
    stands = rng.random() < 0.5
    y = floor - h + int(0.05 * height) if stands else int(rng.random() * max(floor - h, 1) * 0.7)
    inner = colour_near((120, 125, 130), 100, rng)
    place[y : y + h, x : x + w] = _textured((h, w), inner, between(rng, (3, 30)), 0.6, rng)
    frame = colour_near((70, 85, 110), 55, rng)
    cv2.rectangle(place, (x, y), (x + w, y + h), frame, 3)
    for row in range(y, y + h, max(h // int(between(rng, (1, 5))), 8)):
        cv2.line(place, (x, row), (x + w, row), frame, 2)


def _pitch(height: int, width: int, rng: Generator) -> Canvas:
    """Draw a sports ground in front of a stand full of spectators."""
    edge = int(height * between(rng, (0.25, 0.45)))
    cells = (edge // 6 + 1, width // 5 + 1)
    shirts = rng.random((*cells, 3), dtype=np.float32) - 0.5
    spots = 60 + 130 * rng.random((*cells, 1), dtype=np.float32) + 60 * shirts
    stand = cv2.resize(spots, (width, edge), interpolation=cv2.INTER_LINEAR)
    turf = colour_near(
        ((70, 140, 80), (85, 120, 185), (165, 120, 70))[pick(rng.random(), (2, 1, 1))], 25, rng
    )
    ground = _ground(height - edge, width, turf, rng)
    for _ in range(int(between(rng, (1, 4)))):
        ends = [(int(x * width), int(rng.random() * (height - edge))) for x in (-0.1, 1.1)]
        cv2.line(ground, ends[0], ends[1], (225, 230, 230), int(between(rng, (1, 6))), cv2.LINE_AA)
    board = colour_near((130, 110, 100), 90, rng)
    stand[int(edge * 0.85) :] = board
    return np.concatenate([_as_canvas(stand), ground])


def _hedge(height: int, width: int, rng: Generator) -> Canvas:
    return _textured((height, width), colour_near((45, 95, 65), 25, rng), 6, 0.9, rng)


def _wood(height: int, width: int, rng: Generator) -> Canvas:
    grain = _textured(
        (height, max(width // 8, 2)), colour_near((75, 115, 160), 35, rng), 4, 0.5, rng
    )
    return _as_canvas(cv2.resize(grain, (width, height)))


def _stone(height: int, width: int, rng: Generator) -> Canvas:
    wall = _textured((height, width), colour_near((140, 145, 150), 40, rng), 4, 0.4, rng)
    course = max(height // 5, 10)
    for row, y in enumerate(range(0, height, course)):
        cv2.line(wall, (0, y), (width, y), (90, 92, 95), 2)
        for x in range((row % 2) * course, width, 2 * course):
            cv2.line(wall, (x, y), (x, y + course), (90, 92, 95), 2)
    return wall


_Draw = Callable[[int, int, Generator], Canvas]
_PLACES: tuple[_Draw, ...] = (_park, _shore, _street, _room, _room, _pitch)
_SURFACES: tuple[_Draw, ...] = (_hedge, _wood, _stone)
