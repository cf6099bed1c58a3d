"""Whether a run reproduces what its authors published, where that can be said at all."""

from posemark.records.schema import Header, Published
from posemark.report import figures
from posemark.report.rows import Reproduction

VAL2017_IMAGES = 5000
"""Published APs are over all of COCO val2017; over fewer images AP is another figure."""

TOLERANCE = 0.3
"""AP points by which a run may differ from what it reproduces. Chosen, not measured: published
figures are rounded to 0.1, and versions of the image library move AP by up to 0.1."""

WITHIN, DIFFERS, NOT_COMPARABLE = "within tolerance", "differs", "not comparable"

_NO_CHANGE = ("flip", "batched")
"""What an entry's key names after "+" without touching the AP; flip is compared by itself."""


def expectation(header: Header, images: int, ap: float | None) -> str:
    """Published beside measured AP, or why the published one says nothing about this run.

    images: scored in this run. ap: 0..1. "" where nothing is published or was measured.
    """
    published = header.published
    if published is None or ap is None:
        return ""
    differences = _differences(header, published, images)
    if differences:
        return f"published {figures.points(published.ap)} is no reference: {differences[0]}"
    settings = in_brief(published.boxes, published.flip)
    return f"expected {figures.points(published.ap)} ({settings}), got {figures.points(ap)}"


def in_brief(boxes: str, flip: bool) -> str:
    """The settings of a published figure: "detected, flip test"."""
    return f"{_variant(boxes)}, {figures.flip(flip)}"


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
    changed = [each for each in _options(header) if each not in _NO_CHANGE]
    found = [
        (not header.data.name.startswith("coco:"), f"it is on COCO, this on {header.data.name}"),
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
    return boxes.replace(",", " ").split()[0]


def _own_variant(header: Header) -> str:
    if header.approach == "top-down":
        return header.box_kind
    return "single" if header.settings.scales == (1.0,) else "multi"


def _options(header: Header) -> list[str]:
    """What the entry's key names after its variant: model.tag@variant+option+option."""
    return header.entry.rpartition("@")[2].split("+")[1:]


def _with(flip: bool) -> str:
    return "with" if flip else "without"
