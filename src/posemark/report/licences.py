"""Whether a licence text allows commercial use. Facts for a shortlist, no legal advice."""

import re
from dataclasses import dataclass

from posemark.report.rows import Row

PERMISSIVE, COPYLEFT, NON_COMMERCIAL, UNKNOWN = (
    "permissive",
    "copyleft",
    "non-commercial",
    "unknown",
)

LEAST_FREE_FIRST = (NON_COMMERCIAL, COPYLEFT, UNKNOWN, PERMISSIVE)

# In this order: a text that forbids commercial use does so whatever else it names.
_PATTERNS = (
    (
        NON_COMMERCIAL,
        r"non[- ]?commercial|\bNC\b|academic|commons clause"
        r"|research (use|purposes?)|research[- ]only|(evaluation|personal)( use)?[- ]only",
    ),
    (
        COPYLEFT,
        r"\b[AL]?GPL|\baffero|general public licen[cs]e"
        r"|\b(MPL|EUPL|EPL|CDDL|OSL)\b|mozilla public|share[- ]?alike|\bSA\b",
    ),
    (
        PERMISSIVE,
        r"\b(MIT|BSD|0BSD|ISC|Apache|Zlib|Unlicense|BSL-1\.0|CC0|CC[- ]BY(?![- ]ND))\b"
        r"|public domain|python software foundation",
    ),
)
_WHY = {
    PERMISSIVE: "{} licence {}",
    COPYLEFT: "{} licence {} is copyleft: commercial use comes with obligations",
    NON_COMMERCIAL: "{} licence {} forbids commercial use",
    UNKNOWN: "{} licence {} is not one this program knows: read it",
}


@dataclass(frozen=True)
class Licence:
    """What may be done. kind: permissive, copyleft, non-commercial or unknown. why: a sentence."""

    kind: str
    why: str


def classify(text: str | None) -> str:
    """The kind of one licence text.

    Of an SPDX choice (A OR B) the freest part counts, of a conjunction (A AND B) the least free.
    """
    for joint, chosen in ((" OR ", -1), (" AND ", 0)):
        parts = (text or "").split(joint)
        if len(parts) > 1:
            return sorted(map(classify, parts), key=LEAST_FREE_FIRST.index)[chosen]
    matches = (kind for kind, words in _PATTERNS if re.search(words, text or "", re.IGNORECASE))
    return next(matches, UNKNOWN)


def of_row(row: Row) -> Licence:
    """Code and weights of a row: the less free of the two decides.

    A row whose weights come from a formula is judged by its code alone, and says so.
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
