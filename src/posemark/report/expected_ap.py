"""Whether a run reproduces what its authors published, where that can be said at all."""

import re

from posemark.records.schema import Header, Published
from posemark.report import formats
from posemark.report.result_row import Reproduction

VAL2017_IMAGES = 5000
"""Published APs are over all of COCO val2017; over fewer images AP is another figure."""

TOLERANCE = 0.3
"""AP points by which a run may differ from what it reproduces. Chosen, not measured: published
figures are rounded to 0.1, and versions of the image library move AP by up to 0.1."""

WITHIN, DIFFERS, NOT_COMPARABLE = "within tolerance", "differs", "not comparable"


def expectation(header: Header, images: int, ap: float | None) -> str:
    """Published beside measured AP, or why the published one says nothing about this run.

    images: scored in this run. ap: 0..1. "" where nothing is published or was measured.
    """
    published = header.published
    if published is None or ap is None:
        return ""
    differences = _differences(header, published, images)
    if differences:
        return f"published {formats.points(published.ap)} is no reference: {differences[0]}"
    settings = in_brief(published.boxes, published.flip)
    return f"expected {formats.points(published.ap)} ({settings}), got {formats.points(ap)}"


def in_brief(boxes: str, flip: bool) -> str:
    """The settings of a published figure: "detected, flip test"."""
    return f"{_variant(boxes)}, {formats.flip(flip)}"


def reproduction(header: Header, images: int, ap: float | None) -> Reproduction | None:
    """The verdict on measured against published AP; None where one of them is unknown.

    images: scored in this run. ap: 0..1.
    """
    published = header.published
    if published is None or ap is None:
        return None
    differences = _differences(header, published, images)
    if differences:
        return Reproduction(NOT_COMPARABLE, tuple(differences))
    # As the difference is printed, so that no table contradicts itself.
    off = round(100 * (ap - published.ap), 1)
    return Reproduction(WITHIN if abs(off) <= TOLERANCE else DIFFERS)


def _differences(header: Header, published: Published, images: int) -> list[str]:
    """What keeps the two from being compared, the gravest first."""
    theirs, ours = _variant(published.boxes), _own_variant(header)
    changed = _changed(header)
    found = [
        (
            header.data.name.partition(":")[0] != "coco",
            f"it is on COCO, this on {header.data.name}",
        ),
        (
            images != VAL2017_IMAGES,
            f"it is over {VAL2017_IMAGES:,} images of val2017, this over {images:,}",
        ),
        (theirs != ours, f"it is for {theirs}, this for {ours}"),
        (
            published.flip != header.settings.flip,
            f"it is {_with(published.flip)} flip test, this {_with(header.settings.flip)}",
        ),
        (bool(changed), f"this is with {', '.join(changed)}"),
    ]
    return [text for applies, text in found if applies]


def _variant(boxes: str) -> str:
    """What published boxes begin with: gt, detected, single or multi."""
    return re.split("[,: ]", boxes, maxsplit=1)[0]


def _own_variant(header: Header) -> str:
    if header.approach == "top-down":
        return header.box_kind
    return "single" if header.settings.scales == (1.0,) else "multi"


def _changed(header: Header) -> list[str]:
    """Settings that move AP and that no publication here has. Runtimes at fp32 do not."""
    used = header.settings
    settings = (
        (bool(header.given.codec), f"the codec {header.given.codec}"),
        (used.min_score > 0, f"boxes scored {used.min_score:g} or more"),
        (used.precision != "fp32", used.precision),
        (used.mode != "burst", f"the mode {used.mode}"),
    )
    return [text for applies, text in settings if applies]


def _with(flip: bool) -> str:
    return "with" if flip else "without"
