"""Reads modules as definitions: their top-level statements by the names that these bind.

Modules are parsed and never imported, so that a module whose imports are heavy costs nothing if
only a part of it is needed.
"""

import ast
import builtins
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from posemark.core.errors import PoseMarkError
from posemark.core.source_hash import imported_from

BUILTINS = frozenset(dir(builtins))

PROGRAM = "__main__"
"""The name of the module that stands at the end of a flattened file."""


class FlattenError(PoseMarkError):
    """A part of PoseMark cannot be written as one file for an older Python."""


@dataclass(frozen=True)
class Own:
    """A top-level definition of a module that is flattened.

    Attributes:
        module: the full name of the module.
        name: the name that the definition binds there.
    """

    module: str
    name: str


@dataclass(frozen=True)
class External:
    """A module of another package, or a member of it.

    Attributes:
        module: the full name of the module.
        member: the name of the member; "" for the module itself.
    """

    module: str
    member: str = ""

    @property
    def path(self) -> str:
        """The full name with the member, such as "functools.cache"."""
        return f"{self.module}.{self.member}" if self.member else self.module


@dataclass(frozen=True)
class OwnModule:
    """A module that is flattened, used as a namespace."""

    name: str


Reference = Own | External | OwnModule


@dataclass
class Definition:
    """A top-level statement.

    Attributes:
        module: the full name of its module.
        statement: the statement.
        binds: the names that it binds; empty if it only has an effect.
        says: the text literal that follows it, which describes it.
    """

    module: str
    statement: ast.stmt
    binds: tuple[str, ...]
    says: str = ""

    @property
    def line(self) -> int:
        """The number of its first line."""
        return self.statement.lineno

    def refuse(self, why: str, node: ast.AST | None = None) -> FlattenError:
        """Return the error that this definition cannot be flattened.

        Args:
            why: what it has, and what to write instead.
            node: the place; None for the definition itself.
        """
        line = getattr(node, "lineno", self.line)
        return FlattenError(f"{self.module}, line {line}: {why}")


@dataclass
class Module:
    """A module, parsed.

    Attributes:
        name: its full name.
        package: the package that its relative imports refer to.
        says: its docstring; "" if it has none.
        definitions: its top-level statements without imports, in order.
        imports: what the names that it imports refer to.
        imported: the modules that its top level imports, in order.
        dotted: the names that statements such as `import a.b` bind.
    """

    name: str
    package: str
    says: str = ""
    definitions: list[Definition] = field(default_factory=list[Definition])
    imports: dict[str, Reference] = field(default_factory=dict[str, Reference])
    imported: list[str] = field(default_factory=list[str])
    dotted: set[str] = field(default_factory=set[str])

    def of(self, name: str) -> list[Definition]:
        """Return the definitions that bind a name; several if it is assigned repeatedly."""
        return self._by_name.get(name, [])

    @cached_property
    def _by_name(self) -> dict[str, list[Definition]]:
        found = dict[str, list[Definition]]()
        for definition in self.definitions:
            for name in definition.binds:
                found.setdefault(name, []).append(definition)
        return found


class Modules:
    """The modules of some packages, each read when it is asked for.

    Args:
        packages: the names of the packages that are flattened.
        program: the source text of the module PROGRAM.
    """

    def __init__(self, packages: frozenset[str], program: str = "") -> None:
        self._packages = packages
        self._read = {PROGRAM: self._parsed(PROGRAM, "", program)}

    def is_own(self, name: str) -> bool:
        """Return whether a module belongs to the packages that are flattened."""
        return name == PROGRAM or name.partition(".")[0] in self._packages

    def __getitem__(self, name: str) -> Module:
        if name not in self._read:
            path = file_of(name)
            if path is None:
                raise FlattenError(f"There is no module {name}. Correct its name.")
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            self._read[name] = self._parsed(name, package, path.read_text(encoding="utf-8"))
        return self._read[name]

    def resolved(self, module: str, name: str) -> Reference | None:
        """Return what a name means at the top level of a module; None if it is unknown there."""
        known = self[module]
        if known.of(name):
            return Own(module, name)
        target = known.imports.get(name)
        return self.member(target.module, target.name) if isinstance(target, Own) else target

    def member(self, module: str, name: str) -> Reference:
        """Return what `from module import name` imports.

        Raises:
            FlattenError: if the module does not define it.
        """
        found = self.resolved(module, name)
        if found is None and file_of(f"{module}.{name}"):
            found = OwnModule(f"{module}.{name}")
        if found is None:
            raise FlattenError(
                f"{module} has no definition of {name} at its top level. Import it from the "
                "module that defines it."
            )
        return found

    def imported(self, statement: ast.Import | ast.ImportFrom, package: str) -> "Imported":
        """Return what the names of an import statement mean, and the modules that it imports."""
        if isinstance(statement, ast.Import):
            return self._plain(statement)
        if any(alias.name == "*" for alias in statement.names):
            raise FlattenError(
                f"line {statement.lineno} of a module in {package or PROGRAM} has "
                f"`from {statement.module} import *`. Write the names that it imports."
            )
        start = imported_from(statement, package)
        if not self.is_own(start):
            names = {a.asname or a.name: External(start, a.name) for a in statement.names}
            return Imported(dict(names))
        found, modules = dict[str, Reference](), [start]
        for alias in statement.names:
            submodule = f"{start}.{alias.name}"
            is_module = file_of(submodule) is not None
            target = OwnModule(submodule) if is_module else Own(start, alias.name)
            found[alias.asname or alias.name] = target
            modules += [submodule] if is_module else []
        return Imported(found, modules)

    def _plain(self, statement: ast.Import) -> "Imported":
        found = Imported({})
        for alias in statement.names:
            own = self.is_own(alias.name)
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            target = OwnModule(name) if own else External(name)
            found.names[alias.asname or name] = target
            if own:
                found.modules.append(alias.name)
            elif name != alias.name and alias.name != "os.path":
                found.dotted.append(name)
        return found

    def _parsed(self, name: str, package: str, text: str) -> Module:
        tree = ast.parse(text)
        module = Module(name, package, ast.get_docstring(tree, clean=False) or "")
        for statement in tree.body[1:] if module.says else tree.body:
            self._sort_in(module, statement)
        return module

    def _sort_in(self, module: Module, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found = self.imported(statement, module.package)
            module.imports |= found.names
            module.imported += found.modules
            module.dotted.update(found.dotted)
        elif _is_for_types_only(statement):
            return
        elif text := _literal(statement):
            if module.definitions:
                module.definitions[-1].says = text
        elif _binds_dunder(statement):
            return
        else:
            binds = () if _has_effect(statement) else tuple(bound_names([statement]))
            module.definitions.append(Definition(module.name, statement, binds))


@dataclass(frozen=True)
class Imported:
    """What an import statement binds.

    Attributes:
        names: what every name refers to.
        modules: the modules that are flattened among those it imports.
        dotted: the names that `import a.b` binds: only a, although the import of b is needed.
    """

    names: dict[str, Reference]
    modules: list[str] = field(default_factory=list[str])
    dotted: list[str] = field(default_factory=list[str])


@cache
def file_of(name: str) -> Path | None:
    """Return the file of a module; None if there is no such module. Nothing is imported."""
    package, _, last = name.rpartition(".")
    if not package:
        found = importlib.util.find_spec(name)
        return Path(found.origin) if found and found.origin else None
    above = file_of(package)
    if above is None or above.name != "__init__.py":
        return None
    places = above.parent / f"{last}.py", above.parent / last / "__init__.py"
    return next((place for place in places if place.is_file()), None)


def bound_names(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind in their own scope."""
    for statement in statements:
        yield from _bound(statement)


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds, without those of inner scopes."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
            return
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id
        case ast.alias():
            yield node.asname or node.name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return
        case ast.AnnAssign(value=None):
            return
        case _:
            pass
    for child in ast.iter_child_nodes(node):
        yield from _bound(child)


def _is_for_types_only(statement: ast.stmt) -> bool:
    """Return whether a statement is for the type checker: it runs never, or not on its own."""
    match statement:
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=[]):
            return True
        case ast.FunctionDef(decorator_list=[ast.Name(id="overload"), *_]):
            return True
        case ast.AnnAssign(value=None):
            return True
        case _:
            return False


def _has_effect(statement: ast.stmt) -> bool:
    """Return whether a statement does more than to bind names."""
    match statement:
        case ast.If(body=body, orelse=orelse):
            return any(map(_has_effect, (*body, *orelse)))
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            inner = [each for handler in handlers for each in handler.body]
            return any(map(_has_effect, (*body, *inner, *orelse, *final)))
        case ast.Assign(targets=targets):
            return not all(isinstance(each, ast.Name | ast.Tuple) for each in targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return not isinstance(target, ast.Name)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return False
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Raise():
            return False
        case _:
            return True


def _literal(statement: ast.stmt) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
        case _:
            return ""


def _binds_dunder(statement: ast.stmt) -> bool:
    """Return whether a statement sets __all__, which flattening ignores."""
    match statement:
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case _:
            return False
