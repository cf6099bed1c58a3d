"""Lists the imported checkpoints of a model, the best one first."""

from posemark.core.checkpoint_names import SUFFIXES
from posemark.core.spec import ModelSpec
from posemark.weights.cache import NONE, RESCORE, cache_dir, cached, row_of

OFFICIAL = "official"
"""The tag of the checkpoint that the authors of a model released."""


def at_hand(spec: ModelSpec, variant: str) -> list[str]:
    """Return the tags of a model's imported checkpoints, the best one first.

    The authors' own checkpoint is the best. The other registered checkpoints follow by their
    published AP for the variant, then the user's own checkpoints by name.

    Args:
        spec: the model.
        variant: Entry.variant: the boxes or scales that the checkpoint is used with.
    """
    found = [tag for tag in _imported(spec) if tag not in (NONE, RESCORE) and cached(spec, tag)]
    return sorted(found, key=lambda tag: _rank(spec, tag, variant))


def own_tags(spec: ModelSpec) -> list[str]:
    """Return the unregistered tags under which the user has imported checkpoints of a model."""
    return sorted(_imported(spec) - {row.tag for row in spec.weights})


def _imported(spec: ModelSpec) -> set[str]:
    prefix = f"{spec.name}."
    files = cache_dir().glob(f"{prefix}*")
    return {path.stem.removeprefix(prefix) for path in files if path.suffix in SUFFIXES}


def _rank(spec: ModelSpec, tag: str, variant: str) -> tuple[bool, bool, float, str]:
    row = row_of(spec, tag)
    published = spec.reported(variant, row) if row else None
    return tag != OFFICIAL, row is None, -published.ap if published else 0.0, tag
