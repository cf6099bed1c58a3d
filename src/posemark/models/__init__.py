"""L2: one file per model family. A folder scan collects the MODELS tuple of every file."""

from collections.abc import Iterable
from functools import cache

from posemark.core.errors import UsageError
from posemark.core.names import nearest
from posemark.core.scan import modules_in
from posemark.core.spec import ModelSpec


@cache
def all_models() -> dict[str, ModelSpec]:
    """Return every variant by name, in the order of the family files."""
    modules = modules_in(__name__, __path__)
    return collect(spec for module in modules for spec in module.MODELS)


def collect(specs: Iterable[ModelSpec]) -> dict[str, ModelSpec]:
    """Return specs by name.

    Raises:
        RuntimeError: if two specs have the same name, which is a bug in the family files.
    """
    found: dict[str, ModelSpec] = {}
    for spec in specs:
        if spec.name in found:
            raise RuntimeError(f"two models are called {spec.name!r}; names must be unique")
        found[spec.name] = spec
    return found


def spec_of(name: str) -> ModelSpec:
    """Return the variant with this name.

    Raises:
        UsageError: if no variant has it; the message lists the most similar names.
    """
    models = all_models()
    if name not in models:
        raise UsageError(f"no model is called {name!r}. {nearest(name, models)}")
    return models[name]
