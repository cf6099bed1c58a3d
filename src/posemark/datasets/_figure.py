"""Models an articulated person: from joint angles to 3-D joints to a camera's view of them.

Body frame: x to the person's left, y up, z forward, pelvis at the origin; the unit is the height
of a standing adult. View frame: x right, y down, z towards the camera; a new figure has the same
unit, and `placed` converts it to image pixels. Proportions follow the mean adult (Winter:
Biomechanics and Motor Control of Human Movement, table 4.1).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.core.skeleton import COCO_17
from posemark.datasets._seeded import between, pick

Vector = NDArray[np.float64]
Range = tuple[float, float]  # degrees

HIDDEN, VISIBLE = 1, 2  # COCO's visibility flags
_SIDES = (("left", 1.0), ("right", -1.0))
_CLEARLY = 0.105  # depth, in body heights, from which a joint is behind a part and not inside it
_PERSPECTIVE = 0.12  # relative growth of a part that is one body height nearer


@dataclass(frozen=True, slots=True)
class Part:
    """A body part: the convex hull of two balls.

    Attributes:
        start: the name of the centre of the first ball.
        end: the name of the centre of the second ball.
        radii: the radii of both, in body heights.
        cloth: the name of the texture.
    """

    start: str
    end: str
    radii: tuple[float, float]
    cloth: str


def _side_parts(side: str) -> tuple[Part, ...]:
    def part(start: str, end: str, radii: tuple[float, float], cloth: str) -> Part:
        return Part(f"{side}_{start}", f"{side}_{end}", radii, cloth)

    return (
        part("hip", "knee", (0.058, 0.038), "thigh"),
        part("knee", "ankle", (0.038, 0.024), "shank"),
        part("heel", "toe", (0.024, 0.020), "shoe"),
        part("shoulder", "hip", (0.042, 0.052), "top"),
        part("shoulder", "elbow", (0.038, 0.029), "sleeve"),
        part("elbow", "wrist", (0.028, 0.019), "forearm"),
        part("wrist", "hand", (0.019, 0.020), "hand"),
    )


PARTS = (
    *_side_parts("left"),
    *_side_parts("right"),
    Part("chest", "pelvis", (0.088, 0.078), "top"),
    Part("left_hip", "right_hip", (0.056, 0.056), "thigh"),
    Part("neck", "skull", (0.032, 0.030), "head"),
    Part("chin", "crown", (0.043, 0.056), "head"),
)
HEAD = len(PARTS) - 1
TRUNK = [index for index, part in enumerate(PARTS) if part.cloth == "top"]
SPINE = TRUNK[-1]


@dataclass(frozen=True, slots=True)
class Figure:
    """One person as the camera sees them, in view coordinates.

    Attributes:
        joints: (17, 3) COCO key points.
        visibility: (17,) COCO's flag, considering only the person's own body.
        starts: (M, 3) first ends of the axes of PARTS.
        ends: (M, 3) second ends of the axes of PARTS.
        radii: (M, 2) radii at both ends.
        skull: (3,) centre of the head.
        head_axes: (3, 3) its columns are the head's left, up and forward directions.
    """

    joints: Floats
    visibility: NDArray[np.int64]
    starts: Floats
    ends: Floats
    radii: Floats
    skull: Floats
    head_axes: Floats

    @property
    def scale(self) -> float:
        """Return the radius of the head at the crown, the unit for details of the face."""
        return float(self.radii[HEAD, 1])

    def placed(self, scale: float, shift_xy: tuple[float, float]) -> "Figure":
        """Return the figure scaled by `scale`, then moved by `shift_xy`."""
        shift = np.array([*shift_xy, 0.0])
        return replace(
            self,
            joints=self.joints * scale + shift,
            starts=self.starts * scale + shift,
            ends=self.ends * scale + shift,
            radii=self.radii * scale,
            skull=self.skull * scale + shift,
        )

    def balls(self) -> tuple[Floats, Floats]:
        """Return (N, 2) centres and (N,) radii of balls along all parts, dense for an outline."""
        t = np.linspace(0, 1, 8)[:, None, None]
        centres = self.starts[:, :2] * (1 - t) + self.ends[:, :2] * t
        radii = self.radii[:, 0] * (1 - t[..., 0]) + self.radii[:, 1] * t[..., 0]
        return centres.reshape(-1, 2), radii.reshape(-1)

    def covers(self, points_xy: Floats) -> NDArray[np.bool_]:
        """Return (M, N) whether part m covers point n of (N, 2) points."""
        return _coverage(points_xy, self.starts, self.ends, self.radii)[0]


@dataclass(frozen=True, slots=True)
class _Posture:
    """Ranges of joint angles: (thigh forward, knee) per leg, (forward, outward, elbow) per arm."""

    weight: float
    lean: Range
    legs: tuple[tuple[Range, Range], tuple[Range, Range]]
    arms: tuple[tuple[Range, Range, Range], tuple[Range, Range, Range]]
    spread: Range = (1, 8)


_STRAIGHT = ((-4, 8), (0, 10))
_HANGING = ((-15, 20), (6, 20), (5, 45))
_HOLDING = ((15, 55), (6, 25), (60, 125))
_POSTURES = (
    _Posture(0.24, (-3, 8), (_STRAIGHT, _STRAIGHT), (_HANGING, _HANGING)),
    _Posture(0.14, (-3, 10), (_STRAIGHT, _STRAIGHT), (_HOLDING, _HOLDING)),
    _Posture(  # walking
        *(0.17, (0, 8), (((15, 32), (0, 15)), ((-25, -8), (10, 40)))),
        (((-35, -10), (6, 16), (10, 40)), ((10, 35), (6, 16), (10, 50))),
    ),
    _Posture(  # running, skating, playing
        *(0.14, (8, 28), (((30, 70), (35, 90)), ((-30, 0), (15, 65)))),
        (((-50, -10), (15, 50), (50, 105)), ((20, 70), (10, 60), (30, 105))),
        spread=(4, 20),
    ),
    _Posture(  # sitting
        *(0.15, (-8, 15), (((70, 95), (60, 100)), ((70, 95), (60, 100)))),
        (((10, 50), (6, 25), (30, 100)), ((10, 50), (6, 25), (30, 100))),
        spread=(3, 16),
    ),
    _Posture(  # one arm raised
        *(0.10, (-5, 8), (_STRAIGHT, _STRAIGHT)),
        (((90, 170), (10, 50), (5, 60)), _HANGING),
        spread=(2, 14),
    ),
    _Posture(  # bent or crouching
        *(0.06, (30, 60), (((30, 75), (40, 95)), ((15, 60), (30, 90)))),
        (((30, 80), (5, 25), (10, 50)), ((30, 80), (5, 25), (10, 50))),
        spread=(3, 16),
    ),
)

# Facing: share, and range of the turn in degrees (0 faces the camera).
_FACINGS = ((0.40, (-40, 40)), (0.20, (40, 90)), (0.20, (-90, -40)), (0.20, (110, 250)))

# The face on a head of radius 1: x left, y up, z forward.
_FACE = {
    "nose": (0.0, -0.15, 1.02),
    "left_eye": (0.40, 0.12, 0.80),
    "right_eye": (-0.40, 0.12, 0.80),
    "left_ear": (0.93, -0.02, -0.05),
    "right_ear": (-0.93, -0.02, -0.05),
}


def sample_figure(rng: Generator) -> Figure:
    """Draw a person in a plausible posture, seen from any side, in body heights."""
    posture = _POSTURES[pick(rng.random(), [p.weight for p in _POSTURES])]
    child = rng.random() < 0.15
    head = 1.3 if child else 1.0
    stout = between(rng, (0.95, 1.35))
    upper = _about_x(between(rng, posture.lean)) @ _about_y(between(rng, (-12, 12)))
    head_axes = upper @ _about_y(between(rng, (-35, 35))) @ _about_x(between(rng, (-12, 22)))
    nodes = _legs(posture, rng) | _turned(upper, _trunk(posture, rng))
    nodes |= _head(nodes["neck"], upper, head_axes, 0.058 * head)
    radii = np.array([part.radii for part in PARTS]) * stout
    radii[HEAD] = np.array(PARTS[HEAD].radii) * head
    return _seen(nodes, _camera(rng), head_axes, radii)


def _legs(posture: _Posture, rng: Generator) -> dict[str, Vector]:
    nodes = {"pelvis": np.zeros(3)}
    for (side, sign), angles in zip(_leading(rng), posture.legs, strict=True):
        thigh, knee = (between(rng, bounds) for bounds in angles)
        out = sign * between(rng, posture.spread)
        joints = np.array([sign * 0.058, 0.0, 0.0]) + _chain(
            (0.245, _hanging(thigh, out)),
            (0.246, _hanging(thigh - knee, out)),
            (0.022, _hanging(thigh - knee, 0)),
            (0.085, _hanging(thigh - knee + between(rng, (65, 90)), 2 * out)),
        )
        nodes |= _named(side, ("hip", "knee", "ankle", "heel", "toe"), joints)
    return nodes


def _trunk(posture: _Posture, rng: Generator) -> dict[str, Vector]:
    """Return chest, neck and arms of an upright trunk."""
    nodes = {"chest": np.array([0, 0.20, 0]), "neck": np.array([0, 0.315, 0])}
    for (side, sign), angles in zip(_leading(rng), posture.arms, strict=True):
        forward, outward, elbow = (between(rng, bounds) for bounds in angles)
        inward = outward - between(rng, (0, 0.6)) * elbow
        fore = _hanging(forward + elbow, sign * inward)
        joints = np.array([sign * 0.103, 0.285, 0.0]) + _chain(
            (0.168, _hanging(forward, sign * outward)), (0.145, fore), (0.055, fore)
        )
        nodes |= _named(side, ("shoulder", "elbow", "wrist", "hand"), joints)
    return nodes


def _head(neck: Vector, upper: Vector, axes: Vector, radius: float) -> dict[str, Vector]:
    skull = neck + upper @ np.array([0, 0.034 + radius, 0.012])
    face = {name: skull + axes @ np.array(at) * radius for name, at in _FACE.items()}
    up = axes[:, 1] * radius
    return face | {"skull": skull, "chin": skull - up * 0.45, "crown": skull + up * 0.22}


def _camera(rng: Generator) -> Vector:
    """Draw the rotation from the body frame to the camera: turn, pitch, roll."""
    turn = _FACINGS[pick(rng.random(), [share for share, _ in _FACINGS])][1]
    pitch, roll = between(rng, (-4, 18)), between(rng, (-7, 7))
    return _about_z(roll) @ _about_x(pitch) @ _about_y(between(rng, turn))


def _seen(nodes: dict[str, Vector], camera: Vector, head_axes: Vector, radii: Floats) -> Figure:
    view = {name: _projected(camera @ point) for name, point in nodes.items()}
    joints = np.array([view[name] for name in COCO_17.keypoints])
    starts = np.array([view[part.start] for part in PARTS])
    ends = np.array([view[part.end] for part in PARTS])
    axes = np.diag([1.0, -1.0, 1.0]) @ camera @ head_axes
    visibility = np.where(_behind_own_body(joints, starts, ends, radii), HIDDEN, VISIBLE)
    visibility[_turned_away(axes)] = 0
    return Figure(joints, visibility, starts, ends, radii, view["skull"], axes)


def _projected(point: Vector) -> Vector:
    x, y, z = point
    growth = 1 + _PERSPECTIVE * z
    return np.array([x * growth, -y * growth, z])


def _behind_own_body(
    joints: Floats, starts: Floats, ends: Floats, radii: Floats
) -> NDArray[np.bool_]:
    """Return (17,) whether a part that is clearly nearer covers a joint."""
    covered, front_z = _coverage(joints[:, :2], starts, ends, radii)
    return np.asarray((covered & (front_z > joints[:, 2] + _CLEARLY)).any(axis=0))


def _turned_away(head_axes: Floats) -> NDArray[np.int64]:
    """Return the indices of the face points on the far side of the head, which stay unlabelled."""
    toward = np.array([head_axes[2] @ np.array(at) for at in _FACE.values()])
    limits = np.array([0.0, 0.15, 0.15, -0.25, -0.25])  # ears show at the rim of the head
    return np.flatnonzero(toward < limits)


def _coverage(
    points_xy: Floats, starts: Floats, ends: Floats, radii: Floats
) -> tuple[NDArray[np.bool_], Floats]:
    """Return (M, N) whether part m covers point n, and (M, N) the depth z of its front there."""
    axis_x, axis_y, axis_z = (ends - starts).T[..., None]
    from_x = points_xy[:, 0] - starts[:, :1]
    from_y = points_xy[:, 1] - starts[:, 1:2]
    length2 = np.maximum(axis_x**2 + axis_y**2, 1e-12)
    t = ((from_x * axis_x + from_y * axis_y) / length2).clip(0, 1)
    radius = radii[:, :1] + (radii[:, 1:] - radii[:, :1]) * t
    distance2 = (from_x - t * axis_x) ** 2 + (from_y - t * axis_y) ** 2
    return distance2 < radius**2, starts[:, 2:] + t * axis_z + 0.7 * radius


def _leading(rng: Generator) -> tuple[tuple[str, float], ...]:
    """Return both sides, the leading one first."""
    return _SIDES if rng.random() < 0.5 else _SIDES[::-1]


def _chain(*bones: tuple[float, Vector]) -> Vector:
    """Return (N + 1, 3) the ends of a chain of bones (length, direction) from the origin."""
    steps = [length * direction for length, direction in bones]
    return np.cumsum([np.zeros(3), *steps], axis=0)


def _hanging(forward: float, outward: float) -> Vector:
    """Return the direction of a limb that hangs down, swung forward, then left (degrees)."""
    a, b = math.radians(forward), math.radians(outward)
    return np.array([math.sin(b), -math.cos(a) * math.cos(b), math.sin(a) * math.cos(b)])


def _named(side: str, names: tuple[str, ...], points: Vector) -> dict[str, Vector]:
    return {f"{side}_{name}": point for name, point in zip(names, points, strict=True)}


def _turned(rotation: Vector, nodes: dict[str, Vector]) -> dict[str, Vector]:
    return {name: rotation @ point for name, point in nodes.items()}


def _about_x(degrees: float) -> Vector:
    """Return a rotation about x (nodding), which turns up to forward."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> Vector:
    """Return a rotation about y (turning), which turns forward to the person's left."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(degrees: float) -> Vector:
    """Return a rotation about z (tilting sideways)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
