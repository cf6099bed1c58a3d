"""Whether the licences of a row allow commercial use: facts for a shortlist, not legal advice."""

from dataclasses import dataclass

from posemark.core.licences import (
    COPYLEFT,
    LEAST_FREE_FIRST,
    NON_COMMERCIAL,
    PERMISSIVE,
    UNKNOWN,
    classify,
)
from posemark.report.result_row import Row

_WHY = {
    PERMISSIVE: "{} licence {}",
    COPYLEFT: "{} licence {} is copyleft: commercial use comes with obligations",
    NON_COMMERCIAL: "{} licence {} forbids commercial use",
    UNKNOWN: "{} licence {} is not one this program knows: read it",
}


@dataclass(frozen=True)
class Licence:
    """What a licence allows.

    Attributes:
        kind: permissive, copyleft, non-commercial or unknown.
        why: the reason in words, with the name of the licence.
    """

    kind: str
    why: str


def of_row(row: Row) -> Licence:
    """Judge the licences of code and weights of a row; the more restrictive one decides.

    A row whose weights come from a formula is judged by its code alone, and the reason says that
    the licence of the weights remains to be checked.
    """
    code = _part("code", row.licence)
    if row.weights == "none":
        ask = "; weights to be chosen: check their licence" if code.kind == PERMISSIVE else ""
        return Licence(code.kind, code.why + ask)
    weights = _part("weights", row.weights_licence)
    if code.kind == weights.kind == PERMISSIVE:
        return Licence(PERMISSIVE, f"{code.why}, {weights.why}")
    return min(code, weights, key=lambda part: LEAST_FREE_FIRST.index(part.kind))


def _part(what: str, text: str | None) -> Licence:
    if not text:
        return Licence(UNKNOWN, f"{what} licence unknown: ask its authors")
    kind = classify(text)
    return Licence(kind, _WHY[kind].format(what, text))
