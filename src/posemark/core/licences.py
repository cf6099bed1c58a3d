"""Classifies licence texts, to sort a list of models. This is not legal advice."""

import re

PERMISSIVE, COPYLEFT, NON_COMMERCIAL, UNKNOWN = (
    "permissive",
    "copyleft",
    "non-commercial",
    "unknown",
)

LEAST_FREE_FIRST = (NON_COMMERCIAL, COPYLEFT, UNKNOWN, PERMISSIVE)

# The first match counts: a text that forbids commercial use may also name a permissive licence.
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


def classify(text: str | None) -> str:
    """Classify a licence text.

    Args:
        text: an SPDX expression or free text; None if the licence is unknown. In a choice
            (A OR B) the freest part counts, in a conjunction (A AND B) the least free part.

    Returns:
        PERMISSIVE, COPYLEFT, NON_COMMERCIAL or UNKNOWN.
    """
    for joint, chosen in ((" OR ", -1), (" AND ", 0)):
        parts = (text or "").split(joint)
        if len(parts) > 1:
            return sorted(map(classify, parts), key=LEAST_FREE_FIRST.index)[chosen]
    matches = (kind for kind, words in _PATTERNS if re.search(words, text or "", re.IGNORECASE))
    return next(matches, UNKNOWN)
