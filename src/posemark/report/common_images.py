"""AP over common images, which makes the APs of entries comparable that saw different images.

Where entries share a time budget, slow ones process fewer images than fast ones, and APs over
different images cannot be compared. Each record is therefore scored again over the images that
all records of its run have. A record with fewer than FEWEST_IMAGES images is left out of this,
since too few images would remain for the others. Charts, rankings and recommendations use this AP
(Row.compared); the AP over an entry's own images is kept beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from posemark.report import formats, missing_evidence
from posemark.report.result_row import ComparedAP, Row
from posemark.report.shared_evidence import Derived
from posemark.score.ap_bootstrap import FEWEST_IMAGES

Score = Callable[[Path, frozenset[int]], ComparedAP | None]
"""Computes the AP of a record, given by its path, over the images with these ids."""


def with_common_images(found: Sequence[Derived], rows: Sequence[Row], score: Score) -> list[Row]:
    """Return the rows, with the AP over common images where entries of a run saw different ones.

    Args:
        found: the figures of each record.
        rows: the rows of the same records, in the same order.
        score: reads a record again and scores it; called only where images differ.
    """
    made = list(rows)
    for places in _runs(found, rows):
        common = _common([found[at].images for at in places])
        for at in places:
            if common and found[at].images >= common:
                made[at] = replace(made[at], ap_common=score(found[at].path, common))
    return made


def _runs(found: Sequence[Derived], rows: Sequence[Row]) -> Iterable[list[int]]:
    """Indices of the rows with a measured AP, grouped by run folder, data and sigmas."""
    runs: dict[tuple[str, ...], list[int]] = {}
    for at, (each, row) in enumerate(zip(found, rows, strict=True)):
        if formats.measured_ap(row) is not None:
            same = (row.fingerprint.get(name, "") for name in ("data", "sigmas"))
            runs.setdefault((str(each.path.parent), *same), []).append(at)
    return runs.values()


def _common(images: Sequence[frozenset[int]]) -> frozenset[int]:
    """Images that all records have; empty where there are too few of them or no two records.

    Records with too few images of their own are not considered.
    """
    enough = {each for each in images if len(each) >= FEWEST_IMAGES}
    common = frozenset[int].intersection(*enough) if len(enough) > 1 else frozenset[int]()
    return common if len(common) >= FEWEST_IMAGES else frozenset()


def sentences(rows: Sequence[Row]) -> list[str]:
    """Say for each run over which images its APs are compared, and which command adds images."""
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
        f"{spread}). {least.entry} has the fewest; this command gives it more: {again}"
    )


def _own_images(row: Row) -> int:
    return row.ap_images
