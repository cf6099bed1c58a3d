"""The source files that a network is built from, and a hash of them that artefacts hang on."""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from posemark.core.errors import UsageError

SHARED = ("posemark.models", "posemark.nn")
"""Packages of ours that networks are built from: an import of these is followed."""

DIGITS = 16
"""Hexadecimal digits of a hash: 64 bits, ample for the artefacts of one machine."""


def code_hash(builders: Iterable[Callable[..., Any]], others: Iterable[Path] = ()) -> str:
    """A hash of the code behind some functions: it may change between two releases, too.

    Args:
        builders: functions, classes, or partial ones, whose arguments count as well.
        others: further files to be covered.

    Returns:
        DIGITS hexadecimal digits. They depend on the files of `sources`, on the other files and
        on the arguments, but neither on where the files lie nor on any other family of networks.

    Raises:
        UsageError: as `sources`.
    """
    functions = [each for builder in builders for each in _parts(builder)]
    files = sources(each.__module__ for each in functions if not isinstance(each, str))
    digest = sha256()
    for text in (each for each in functions if isinstance(each, str)):
        digest.update(f"argument {text}\n".encode())
    named = {**files, **{path.name: path for path in sorted(others)}}
    for name, path in named.items():
        digest.update(f"file {name}, {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:DIGITS]


def sources(modules: Iterable[str]) -> dict[str, Path]:
    """The files of some modules, and of what they import from the same package or from SHARED.

    Imports are read from the text, not by running it, those within functions included. A module
    of another package is covered by the version of that package, where that is recorded.

    Args:
        modules: full names, such as "posemark.models.hrnet", or a plug-in's own.

    Returns:
        Files by the full name of their module, in the order of the names.

    Raises:
        UsageError: for a module without a file, as in an interactive session.
    """
    waiting, found = list(modules), dict[str, Path]()
    for name in waiting:
        if _file(name) is None:
            raise UsageError(
                f"a network is built by code of {name!r}, which is no file: what is kept of the "
                "network could not be told from that of other code. Put the code into a file."
            )
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in found or path is None:
            continue
        found[name] = path
        packages = {*SHARED, *([own] if (own := name.partition(".")[0]) != "posemark" else [])}
        waiting += [each for each in _imported(name, path) if _within(each, packages)]
    return dict(sorted(found.items()))


def _parts(builder: Any) -> Iterator[Any]:
    """The functions and classes that a builder calls, and its fixed arguments as text."""
    if isinstance(builder, partial):
        whole = cast("partial[Any]", builder)
        yield from _parts(whole.func)
        for argument in (*whole.args, *(value for _, value in sorted(whole.keywords.items()))):
            if callable(argument):
                yield from _parts(argument)
        fixed = f"{whole.args!r} {sorted(whole.keywords.items())!r}"
        yield re.sub(r" at 0x[0-9a-f]+", "", fixed)  # an address is another one in every process
    else:
        yield builder if hasattr(builder, "__qualname__") else type(builder)


def _within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _file(name: str) -> Path | None:
    """The file of a module; None where it has none, or is no module at all."""
    module = sys.modules.get(name)
    if module is not None:
        path = getattr(module, "__file__", None)
        return Path(path) if path and Path(path).is_file() else None
    package, _, last = name.rpartition(".")
    for folder in _folders(package):
        for path in (folder / f"{last}.py", folder / last / "__init__.py"):
            if path.is_file():
                return path
    return None


def _folders(package: str) -> list[Path]:
    """Where the modules of a package lie; none where it is no package."""
    if not package:
        return []
    module = sys.modules.get(package)
    if module is not None:
        return [Path(each) for each in getattr(module, "__path__", [])]
    path = _file(package)
    return [path.parent] if path and path.name == "__init__.py" else []


def _imported(name: str, path: Path) -> Iterator[str]:
    """Full names of what a module imports: modules, and names in them that may be modules."""
    if path.suffix != ".py":
        return
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _absolute(node, package)
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The full name of what an import is from; each dot beyond the first goes one package up."""
    if not node.level:
        return node.module or ""
    parents = package.split(".")
    base = parents[: len(parents) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])
