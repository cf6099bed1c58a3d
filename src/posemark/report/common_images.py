"""AP over common images: what makes the APs of a run comparable whose entries saw different ones.

Where entries share a time, slow ones have fewer images than fast ones, and APs over different
images say nothing about each other. So each record is scored again over the images that all
records of its run have; one with fewer than FEWEST_IMAGES is left aside, since it would leave too
few for the others. This AP is what is drawn, ranked and recommended (Row.compared); that over an
entry's own images stays beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from posemark.report import formats, missing_evidence
from posemark.report.result_row import ComparedAP, Row
from posemark.report.shared_evidence import Derived
from posemark.score.ap_bootstrap import FEWEST_IMAGES

Score = Callable[[Path, frozenset[int]], ComparedAP | None]
"""The AP of a record over some of its images."""


def with_common_images(found: Sequence[Derived], rows: Sequence[Row], score: Score) -> list[Row]:
    """The rows with the AP over common images, where those of a run have different ones.

    Args:
        found: what was derived of each record.
        rows: theirs, in the same order.
        score: reads a record again; asked only where images differ.
    """
    made = list(rows)
    for places in _runs(found, rows):
        common = _common([found[at].images for at in places])
        for at in places:
            if common and found[at].images >= common:
                made[at] = replace(made[at], ap_common=score(found[at].path, common))
    return made


def _runs(found: Sequence[Derived], rows: Sequence[Row]) -> Iterable[list[int]]:
    """Places of the rows with a measured AP, by the folder, the data and the sigmas of a run."""
    runs: dict[tuple[str, ...], list[int]] = {}
    for at, (each, row) in enumerate(zip(found, rows, strict=True)):
        if formats.measured_ap(row) is not None:
            same = (row.fingerprint.get(name, "") for name in ("data", "sigmas"))
            runs.setdefault((str(each.path.parent), *same), []).append(at)
    return runs.values()


def _common(images: Sequence[frozenset[int]]) -> frozenset[int]:
    """None where all records have the same ones, or too few in common."""
    enough = {each for each in images if len(each) >= FEWEST_IMAGES}
    common = frozenset[int].intersection(*enough) if len(enough) > 1 else frozenset[int]()
    return common if len(common) >= FEWEST_IMAGES else frozenset()


def sentences(rows: Sequence[Row]) -> list[str]:
    """What the APs of each run are compared over, and the command that gives more images."""
    runs: dict[str, list[tuple[Row, ComparedAP]]] = {}
    for row in rows:
        if row.ap_common:
            runs.setdefault(row.ap_common.key, []).append((row, row.ap_common))
    return [_sentence(own) for own in runs.values()]


def _sentence(own: list[tuple[Row, ComparedAP]]) -> str:
    images = own[0][1].images
    least, most = (pick((row for row, _ in own), key=_own_images) for pick in (min, max))
    spread = f"{least.ap_images:,} to {most.ap_images:,}"
    again = f"{missing_evidence.going_on(least)} --limit {most.ap_images}"
    return (
        f"AP is compared over the {images:,} images that all entries of the run have (they have "
        f"{spread}). {least.entry} has the fewest; what gives it more: {again}"
    )


def _own_images(row: Row) -> int:
    return row.ap_images
