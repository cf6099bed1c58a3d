"""Finds the source files that build a network, and hashes them to identify its artefacts."""

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
"""The packages of PoseMark that build networks; imports from them are followed."""

DIGITS = 16
"""Hexadecimal digits of a hash: 64 bits are enough for the artefacts of one machine."""


def code_hash(builders: Iterable[Callable[..., Any]], others: Iterable[Path] = ()) -> str:
    """Hash the source code of some functions, because it may change between releases.

    Args:
        builders: functions, classes or partial objects; the arguments of partial objects are
            hashed, too.
        others: further files to hash.

    Returns:
        DIGITS hexadecimal digits. They depend on the files of `sources`, on the other files and
        on the arguments, but not on the folders of these files or on other model families.

    Raises:
        UsageError: for the same reason as `sources`.
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
    """Find the files of some modules, and of their imports from the same package or from SHARED.

    Imports, also those within functions, are read from the source text without running it. For
    modules of other packages, the recorded version of that package is enough.

    Args:
        modules: full names, such as "posemark.models.hrnet" or a module of a plug-in.

    Returns:
        Files by the full name of their module, sorted by name.

    Raises:
        UsageError: if a module has no file, as in an interactive session.
    """
    waiting, found = list(modules), dict[str, Path]()
    for name in waiting:
        if _file(name) is None:
            raise UsageError(
                f"a network is built by code of {name!r}, which is not a file, so that its "
                "artefacts could be confused with those of other code. Move the code to a file."
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
    """Yield the functions and classes that a builder calls, and its fixed arguments as text."""
    if isinstance(builder, partial):
        whole = cast("partial[Any]", builder)
        yield from _parts(whole.func)
        for argument in (*whole.args, *(value for _, value in sorted(whole.keywords.items()))):
            if callable(argument):
                yield from _parts(argument)
        fixed = f"{whole.args!r} {sorted(whole.keywords.items())!r}"
        yield re.sub(r" at 0x[0-9a-f]+", "", fixed)  # addresses differ between processes
    else:
        yield builder if hasattr(builder, "__qualname__") else type(builder)


def _within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _file(name: str) -> Path | None:
    """Return the file of a module; None if it has no file or the name is not a module."""
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
    """Return the folders of the modules of a package; empty if the name is not a package."""
    if not package:
        return []
    module = sys.modules.get(package)
    if module is not None:
        return [Path(each) for each in getattr(module, "__path__", [])]
    path = _file(package)
    return [path.parent] if path and path.name == "__init__.py" else []


def _imported(name: str, path: Path) -> Iterator[str]:
    """Yield the full names of imported modules, and of imported names that may be modules."""
    if path.suffix != ".py":
        return
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = imported_from(node, package)
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def imported_from(node: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module after `from`; each further dot goes one package up."""
    if not node.level:
        return node.module or ""
    parents = package.split(".")
    base = parents[: len(parents) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])
