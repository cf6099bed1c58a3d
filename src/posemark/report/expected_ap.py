"""Whether a run reproduces the AP that its authors published, where the two can be compared."""

import re

from posemark.records.schema import Header, Published
from posemark.report import formats
from posemark.report.result_row import Reproduction

VAL2017_IMAGES = 5000
"""Published APs are over all images of COCO val2017; an AP over fewer images is another figure."""

TOLERANCE = 0.3
"""AP points by which a run may differ from the figure that it reproduces. Chosen, not measured:
published figures are rounded to 0.1, and versions of the image library change AP by up to 0.1."""

WITHIN, DIFFERS, NOT_COMPARABLE = "within tolerance", "differs", "not comparable"


def expectation(header: Header, images: int, ap: float | None) -> str:
    """State published and measured AP, or why the published one says nothing about this run.

    Args:
        header: of the record.
        images: number of images that were scored in this run.
        ap: measured AP, 0..1.

    Returns:
        A phrase; "" where no AP is published or none was measured.
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
    """Return the settings of a published figure in short: "detected, flip test"."""
    return f"{_variant(boxes)}, {formats.flip(flip)}"


def reproduction(header: Header, images: int, ap: float | None) -> Reproduction | None:
    """Return the verdict on measured against published AP; None where one of them is unknown.

    Args:
        header: of the record.
        images: number of images that were scored in this run.
        ap: measured AP, 0..1.
    """
    published = header.published
    if published is None or ap is None:
        return None
    differences = _differences(header, published, images)
    if differences:
        return Reproduction(NOT_COMPARABLE, tuple(differences))
    # Rounded as the difference is printed, so that no table contradicts itself.
    off = round(100 * (ap - published.ap), 1)
    return Reproduction(WITHIN if abs(off) <= TOLERANCE else DIFFERS)


def _differences(header: Header, published: Published, images: int) -> list[str]:
    """What prevents the comparison of both APs, the most serious reason first."""
    published_variant, own_variant = _variant(published.boxes), _own_variant(header)
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
        (
            published_variant != own_variant,
            f"it is for {published_variant}, this for {own_variant}",
        ),
        (
            published.flip != header.settings.flip,
            f"it is {_with(published.flip)} flip test, this {_with(header.settings.flip)}",
        ),
        (bool(changed), f"this is with {', '.join(changed)}"),
    ]
    return [text for applies, text in found if applies]


def _variant(boxes: str) -> str:
    """The first word of published boxes: gt, detected, single or multi."""
    return re.split("[,: ]", boxes, maxsplit=1)[0]


def _own_variant(header: Header) -> str:
    if header.approach == "top-down":
        return header.box_kind
    return "single" if header.settings.scales == (1.0,) else "multi"


def _changed(header: Header) -> list[str]:
    """Settings that change AP and that no publication here uses. Runtimes at fp32 do not."""
    used = header.settings
    settings = (
        (bool(header.given.codec), f"the codec {header.given.codec}"),
        (used.min_score > 0, f"boxes scored {used.min_score:g} or more"),
        (used.precision != "fp32", used.precision),
        (used.mode not in ("burst", "overlapped", "accuracy"), f"the mode {used.mode}"),
    )
    return [text for applies, text in settings if applies]


def _with(flip: bool) -> str:
    return "with" if flip else "without"
