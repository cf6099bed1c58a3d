"""The checkpoints of a model that are on this machine, the best first."""

from posemark.core.spec import ModelSpec
from posemark.weights.cache import NONE, RESCORE, cache_dir, cached, row_of
from posemark.weights.reading import SUFFIXES

OFFICIAL = "official"
"""The tag of what the authors of a model released."""


def at_hand(spec: ModelSpec, variant: str) -> list[str]:
    """The tags of a model's imported checkpoints, the best first.

    The authors' own is the best; then come the registered ones by their AP as published for the
    variant, then the user's own by name.

    Args:
        spec: the model.
        variant: Entry.variant, the boxes or scales that they are to be used with.
    """
    found = [tag for tag in _imported(spec) if tag not in (NONE, RESCORE) and cached(spec, tag)]
    return sorted(found, key=lambda tag: _rank(spec, tag, variant))


def own_tags(spec: ModelSpec) -> list[str]:
    """The tags of the user's own under which checkpoints of a model were imported."""
    return sorted(_imported(spec) - {row.tag for row in spec.weights})


def _imported(spec: ModelSpec) -> set[str]:
    begins = f"{spec.name}."
    files = cache_dir().glob(f"{begins}*")
    return {path.stem.removeprefix(begins) for path in files if path.suffix in SUFFIXES}


def _rank(spec: ModelSpec, tag: str, variant: str) -> tuple[bool, bool, float, str]:
    row = row_of(spec, tag)
    published = spec.reported(variant, row) if row else None
    return tag != OFFICIAL, row is None, -published.ap if published else 0.0, tag
