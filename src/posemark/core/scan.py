"""Imports the modules of a folder that is searched for what they define."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules_in(package: str, path: Iterable[str]) -> Iterator[ModuleType]:
    """Import the modules of a package, by name, except those that begin with an underscore.

    Args:
        package: the full name of the package.
        path: its folders, the package's `__path__`.
    """
    for module in iter_modules(path):
        if not module.name.startswith("_"):
            yield import_module(f"{package}.{module.name}")
