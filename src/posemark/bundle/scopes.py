"""What names mean inside definitions: a local variable, or a definition or import of a module."""

import ast
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from posemark.bundle.definitions import External, Reference, bound_names

Kind = Literal["function", "class", "comprehension"]


@dataclass
class Scope:
    """The names of a function, class or comprehension.

    Attributes:
        kind: what it is.
        bound: the names that it binds.
        imports: what the names refer to that it imports, and that the flattened file defines.
        libraries: the libraries and their members that it imports for itself.
    """

    kind: Kind
    bound: set[str]
    imports: dict[str, Reference] = field(default_factory=dict[str, Reference])
    libraries: dict[str, External] = field(default_factory=dict[str, External])


class Scopes:
    """The scopes around the node that is visited, the outermost first."""

    def __init__(self) -> None:
        self._stack: list[Scope] = []

    @contextmanager
    def inside(self, scope: Scope) -> Generator[Scope]:
        """Visit nodes inside a further scope."""
        self._stack.append(scope)
        yield scope
        self._stack.pop()

    @property
    def current(self) -> Scope | None:
        """The innermost scope; None at the top level of a module."""
        return self._stack[-1] if self._stack else None

    def owner(self, name: str) -> Scope | None:
        """Return the scope that binds a name for the node that is visited; None if none does."""
        return next((each for each in self._visible() if name in each.bound), None)

    def imported(self, name: str) -> Reference | None:
        """Return what a name refers to if a function around the node imports it."""
        found = (each.imports.get(name) for each in self._visible())
        return next((each for each in found if each is not None), None)

    def library(self, name: str) -> External | None:
        """Return what a name refers to if a function around the node imports a library so."""
        owner = self.owner(name)
        return owner.libraries.get(name) if owner else None

    def locals(self) -> set[str]:
        """Return all names that hide those of the module for the node that is visited."""
        return {name for scope in self._visible() for name in scope.bound}

    def _visible(self) -> Iterator[Scope]:
        """Yield the scopes from the innermost one. Functions do not see the names of classes."""
        for scope in reversed(self._stack):
            if scope.kind != "class" or scope is self._stack[-1]:
                yield scope


def function_scope(arguments: ast.arguments, body: Iterable[ast.stmt]) -> Scope:
    """Return the scope of a function with these arguments."""
    statements = list(body)
    outer = {name for each in statements for name in _names_of_outer_scopes(each)}
    return Scope("function", {*argument_names(arguments), *bound_names(statements)} - outer)


def argument_names(arguments: ast.arguments) -> Iterator[str]:
    """Yield the names of all arguments."""
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield each.arg
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            yield star.arg


def _names_of_outer_scopes(node: ast.AST) -> Iterator[str]:
    """Yield the names that a function declares as nonlocal or global."""
    if isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for child in ast.iter_child_nodes(node):
            yield from _names_of_outer_scopes(child)
