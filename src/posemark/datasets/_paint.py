"""Paints one figure: textured, shaded limbs from far to near, then the head and its face."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.datasets._backdrop import Colour, Picture, as_picture, clouds, colour_near
from posemark.datasets._figure import HEAD, PARTS, SPINE, TRUNK, Figure
from posemark.datasets._seeded import between

_SKINS: tuple[Colour, ...] = ((150, 180, 230), (120, 160, 215), (85, 125, 180), (55, 80, 125))
_HAIRS: tuple[Colour, ...] = (
    *((25, 25, 30), (35, 50, 75), (60, 95, 135), (110, 165, 200)),
    *((150, 150, 155), (30, 60, 120)),
)
_FABRICS: tuple[Colour, ...] = (
    *((60, 55, 50), (120, 75, 45), (225, 225, 225), (60, 60, 175)),
    *((70, 130, 70), (90, 170, 215), (150, 120, 110), (130, 60, 100), (45, 110, 190)),
)
_TROUSERS: tuple[Colour, ...] = ((95, 65, 45), (45, 42, 40), (100, 130, 155), (120, 118, 115))
# Additional depths in head radii, which put the shirt over the trousers and arms over the shirt.
_LIFTS = {"top": 1.1, "sleeve": 1.6, "forearm": 1.6, "hand": 1.6}
_SUBPIXEL = 4  # fractional bits of the coordinates that OpenCV's polygon filler takes
_TURN = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def _sphere(count: int) -> Floats:
    """Return (N, 3) points spread over the unit sphere (a Fibonacci spiral)."""
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], axis=1)


# Points of the hair on a head of radius 1 (left, up, forward): above a sloping line; at the nape.
_BALL = _sphere(240)
_TOP_HAIR = _BALL[_BALL[:, 1] > 0.36 + 0.42 * _BALL[:, 2]] * 1.06 + (0, 0.12, -0.05)
_BACK_HAIR = _BALL[(_BALL[:, 2] < 0.05) & (_BALL[:, 1] > -0.6)] * 1.04 + (0, 0.08, -0.08)


@dataclass(frozen=True, slots=True)
class _Wardrobe:
    """Textures by the name of the cloth, and colours of skin, hair and eyes."""

    textures: dict[str, Picture]
    skin: Colour
    hair: Colour
    iris: Colour


def paint_figure(canvas: Picture, figure: Figure, rng: Generator) -> None:
    """Draw a figure, given in pixels, over the canvas (H, W, 3), in place."""
    wardrobe = _dress(figure, rng)
    order: list[int] = np.argsort(_fronts(figure), kind="stable").tolist()
    for part in order:
        if part == SPINE:
            _paint_trunk(canvas, figure, wardrobe.textures["top"])
        elif PARTS[part].cloth != "top":
            _paint_part(canvas, figure, part, wardrobe.textures[PARTS[part].cloth])
    _paint_head(canvas, figure, wardrobe)


def _fronts(figure: Figure) -> Floats:
    """Return (M - 1,) depths by which the parts below the head are ordered for drawing."""
    lift = np.array([_LIFTS.get(part.cloth, 0.0) for part in PARTS]) * figure.scale
    return (np.maximum(figure.starts[:, 2], figure.ends[:, 2]) + lift)[:HEAD]


def _paint_trunk(canvas: Picture, figure: Figure, texture: Picture) -> None:
    """Draw one piece of cloth around all parts of the trunk, down to just above the hips."""
    starts, ends = figure.starts[TRUNK, :2], figure.ends[TRUNK, :2]
    hems = 0.12 * starts + 0.88 * ends
    centres = np.concatenate([starts, hems])[:, None]
    radii = np.concatenate([figure.radii[TRUNK, 0], figure.radii[TRUNK, 1]])[:, None, None]
    outline = _hull((centres + radii * _CIRCLE).reshape(-1, 2))
    top, bottom = starts.mean(axis=0), ends.mean(axis=0)
    length = max(float(np.hypot(*(bottom - top))), 1e-6)
    _fill(canvas, outline, texture, (top, (bottom - top) / length), (length, 2.4 * figure.scale))


def _dress(figure: Figure, rng: Generator) -> _Wardrobe:
    size = (128, 64) if figure.scale > 9 else (40, 20)
    skin = colour_near(_choice(_SKINS, rng), 14, rng)
    hair = colour_near(_choice(_HAIRS, rng), 10, rng)
    light = between(rng, (-0.5, 0.5))
    bare = _cloth(size, skin, 0.05, light, rng)
    top = _cloth(size, colour_near(_choice(_FABRICS, rng), 30, rng), 0.35, light, rng)
    trousers = _cloth(size, colour_near(_choice(_TROUSERS, rng), 30, rng), 0.25, light, rng)
    short_sleeves, shorts = rng.random() < 0.5, rng.random() < 0.25
    textures = {
        "top": top,
        "sleeve": top,
        "thigh": trousers,
        "hand": bare,
        "head": bare,
        "forearm": bare if short_sleeves else top,
        "shank": bare if shorts else trousers,
        "shoe": _cloth(size, colour_near(_choice(_FABRICS, rng), 40, rng), 0.2, light, rng),
        "hair": _cloth(size, hair, 0.3, light, rng),
    }
    return _Wardrobe(textures, skin, hair, colour_near((70, 75, 75), 35, rng))


def _choice(colours: tuple[Colour, ...], rng: Generator) -> Colour:
    return colours[int(rng.random() * len(colours))]


def _cloth(
    size_hw: tuple[int, int], colour: Colour, folds: float, light: float, rng: Generator
) -> Picture:
    """Return (H, W, 3) the surface of a cylinder along H, with folds and shading across W."""
    _, width = size_hw
    across = np.linspace(-1, 1, width, dtype=np.float32)
    shade = 0.5 + 0.55 * np.sqrt(np.clip(1 - (0.85 * across - 0.3 * light) ** 2, 0, 1))
    crease = 1 + folds * 2 * (clouds(size_hw, width / 3, rng) - 0.5)
    tone = (crease * shade)[..., None] * np.array(colour, np.float32)
    if folds > 0.3:  # cloth, not skin or hair
        tone *= _pattern(size_hw, rng)[..., None]
    return as_picture(cv2.convertScaleAbs(tone))


def _pattern(size_hw: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    """Return (H, W) the brightness of a plain, striped or checked fabric."""
    height, width = size_hw
    pitch, depth = between(rng, (4, 14)), between(rng, (0.1, 0.5))
    rows = (np.arange(height) * 40 / height % pitch < pitch / 2)[:, None]
    columns = (np.arange(width) * 20 / width % pitch < pitch / 2)[None, :]
    none = np.zeros((1, 1), bool)
    rows, columns = ((none, none), (none, none), (rows, none), (none, columns), (rows, columns))[
        int(rng.random() * 5)
    ]
    return np.broadcast_to(1 - depth * (rows ^ columns), size_hw).astype(np.float32)


def _paint_part(canvas: Picture, figure: Figure, part: int, texture: Picture) -> None:
    start, end = figure.starts[part, :2], figure.ends[part, :2]
    radii = figure.radii[part]
    outline = _hull(np.concatenate([start + radii[0] * _CIRCLE, end + radii[1] * _CIRCLE]))
    axis = end - start
    length = float(np.hypot(*axis))
    along = axis / length if length > 1e-6 else np.array([0.0, 1.0])
    _fill(
        canvas,
        outline,
        texture,
        (start - along * radii[0], along),
        (length + radii.sum(), radii.max()),
    )


def _paint_head(canvas: Picture, figure: Figure, wardrobe: _Wardrobe) -> None:
    """Draw the head: hair at the back is drawn before a face, and after the back of a head."""
    facing = bool(figure.head_axes[2, 2] > 0)
    if facing:
        _paint_hair(canvas, figure, _BACK_HAIR, wardrobe)
    _paint_part(canvas, figure, HEAD, wardrobe.textures["head"])
    for ear in (3, 4):
        if figure.visibility[ear]:
            _spot(
                canvas,
                figure.joints[ear, :2],
                (0.13, 0.24),
                figure.scale,
                _dark(wardrobe.skin, 0.85),
            )
    if facing:
        _paint_face(canvas, figure, wardrobe)
    _paint_hair(canvas, figure, _TOP_HAIR if facing else _BACK_HAIR, wardrobe)
    if not facing:
        _paint_hair(canvas, figure, _TOP_HAIR, wardrobe)


def _paint_hair(canvas: Picture, figure: Figure, points: Floats, wardrobe: _Wardrobe) -> None:
    radius = figure.scale
    outline = _hull(figure.skull[:2] + radius * (points @ figure.head_axes.T)[:, :2])
    up = -figure.head_axes[:2, 1]
    along = up / max(float(np.hypot(*up)), 1e-6)
    start = figure.skull[:2] - 1.4 * radius * along
    _fill(canvas, outline, wardrobe.textures["hair"], (start, along), (2.8 * radius, 1.3 * radius))


def _paint_face(canvas: Picture, figure: Figure, wardrobe: _Wardrobe) -> None:
    radius, skin = figure.scale, wardrobe.skin
    for eye in (1, 2):
        if figure.visibility[eye]:
            at = figure.joints[eye, :2]
            _spot(canvas, at, (0.19, 0.11), radius, (235, 235, 235))
            _spot(canvas, at, (0.09, 0.10), radius, _dark(wardrobe.iris, 0.6))
            _spot(
                canvas,
                at - np.array([0, 0.24 * radius]),
                (0.22, 0.045),
                radius,
                _dark(wardrobe.hair, 0.8),
            )
    mouth = figure.skull[:2] + radius * (figure.head_axes @ (0, -0.52, 0.85))[:2]
    _spot(canvas, mouth, (0.25, 0.07), radius, (85, 80, 160))
    if figure.visibility[0]:
        nose = figure.joints[0, :2]
        _spot(canvas, nose + np.array([0, 0.06 * radius]), (0.15, 0.08), radius, _dark(skin, 0.7))
        _spot(canvas, nose - np.array([0, 0.1 * radius]), (0.09, 0.2), radius, _dark(skin, 1.08))


def _spot(
    canvas: Picture, at: Floats, half: tuple[float, float], radius: float, colour: Colour
) -> None:
    """Draw an ellipse with half axes in head radii, unless it is smaller than a pixel."""
    if min(half) * radius < 0.3:
        return
    one = 1 << _SUBPIXEL
    centre = tuple(round(float(v) * one) for v in at)
    axes = tuple(round(h * radius * one) for h in half)
    cv2.ellipse(canvas, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA, _SUBPIXEL)


def _dark(colour: Colour, factor: float) -> Colour:
    b, g, r = (min(c * factor, 255.0) for c in colour)
    return b, g, r


def _hull(points_xy: Floats) -> Floats:
    return np.asarray(cv2.convexHull(points_xy.astype(np.float32))[:, 0], np.float32)


def _fill(
    canvas: Picture,
    outline_xy: Floats,
    texture: Picture,
    axis: tuple[Floats, Floats],
    size: tuple[float, float],
) -> None:
    """Fill a convex outline with a texture that follows an axis.

    axis: the point of the texture's first row, and the unit direction in which its rows follow.
    size: the length along the axis, and half the width across it, in pixels.
    """
    height, width = canvas.shape[:2]
    x0, y0 = np.clip(np.floor(outline_xy.min(0)) - 1, 0, (width, height)).astype(int)
    x1, y1 = np.clip(np.ceil(outline_xy.max(0)) + 2, 0, (width, height)).astype(int)
    if x1 <= x0 or y1 <= y0:
        return
    corner = np.array([x0, y0])
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fixed = np.round((outline_xy - corner) * (1 << _SUBPIXEL)).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_AA, _SUBPIXEL)
    (start, along), (length, half) = axis, size
    rows, columns = texture.shape[:2]
    normal = np.array([-along[1], along[0]])
    step_y, step_x = along * length / rows, normal * 2 * half / columns
    to_canvas = np.column_stack([step_x, step_y, start - normal * half - corner])
    patch = cv2.warpAffine(
        texture, to_canvas, mask.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    weight = mask.astype(np.float32) / 255
    below = canvas[y0:y1, x0:x1]
    below[:] = cv2.blendLinear(patch, below, weight, 1 - weight)
