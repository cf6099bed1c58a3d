"""Rewrites a definition so that Python 3.6 can run it, and finds what it refers to.

Annotations and other typing go, because they would need modules that a device lacks. Newer syntax
and newer members of the standard library and of numpy are replaced. What cannot be replaced is
refused, so that no code with another meaning results.

Types are unknown here. A | of two dicts in variables is therefore not recognised: it raises a
TypeError on the device. Before numpy 2, the types of scalars in arithmetic depend on their values.
tests/bundle holds poses of such a numpy to those of this one, if POSEMARK_OLD_PYTHON names one.
"""

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

from posemark.bundle import substitutes
from posemark.bundle.definitions import (
    BUILTINS,
    PROGRAM,
    Definition,
    External,
    Module,
    Modules,
    Own,
    OwnModule,
    Reference,
    bound_names,
)
from posemark.bundle.scopes import Scope, Scopes, argument_names, function_scope

_GONE_BASES = frozenset(("typing.Generic", "typing.Protocol"))
_GONE_DECORATORS = frozenset(("typing.final", "typing.override"))
_TYPING = frozenset(("typing", "numpy.typing"))
_NO_TYPES = "typing is not available in the flattened file. Use no types in expressions."
_REDUCTIONS = frozenset(("max", "min", "amax", "amin", "sum", "prod", "mean", "std", "any", "all"))
_LATER_OPTIONS = frozenset(("initial", "where"))
_REFUSED_BUILTINS = frozenset(f"builtins.{n}" for n in ("eval", "exec", "globals", "__import__"))
_REFUSED: dict[type[ast.AST], str] = {
    ast.NamedExpr: "Python 3.6 has no :=. Assign in a statement of its own.",
    ast.Match: "Python 3.6 has no match. Write it with if.",
    ast.TryStar: "Python 3.6 has no except*. Write it with except.",
    ast.AsyncFunctionDef: "asynchronous functions are not flattened. Write a plain function.",
}


@dataclass
class Lowered:
    """A definition as it is written to the flattened file, and what it refers to.

    Attributes:
        definition: the definition that it was.
        statement: the statement. Names of other definitions have the attribute `reference`.
        references: for every reference, the local names where it is used; the name that it gets in
            the flattened file may be none of them.
        eager: the references whose values the statement needs when the file is loaded.
        libraries: full names of the modules of other packages that must be imported.
        stand_in_members: members of libraries with a stand-in that are used, such as ("cv2",
            "resize").
        lazy_modules: the modules that its functions import when they are called.
    """

    definition: Definition
    statement: ast.stmt
    references: dict[Reference, set[str]] = field(default_factory=dict[Reference, set[str]])
    eager: set[Reference] = field(default_factory=set[Reference])
    stand_in_members: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    lazy_modules: list[str] = field(default_factory=list[str])


def lowered(definition: Definition, modules: Modules) -> Lowered:
    """Rewrite a definition for Python 3.6.

    Raises:
        FlattenError: if it uses what has no counterpart there; the error names the line.
    """
    found = Lowered(definition, deepcopy(definition.statement))
    rewritten = _Lowering(found, modules).visit(found.statement)
    found.statement = rewritten if isinstance(rewritten, ast.stmt) else ast.Pass()
    ast.fix_missing_locations(found.statement)
    return found


def reference_of(node: ast.AST) -> Reference | None:
    """Return what a name of a lowered statement refers to; None for other nodes."""
    return getattr(node, "reference", None)


class _Lowering(ast.NodeTransformer):
    """Rewrites one definition."""

    def __init__(self, found: Lowered, modules: Modules) -> None:
        self._found, self._modules = found, modules
        self._module: Module = modules[found.definition.module]
        self._scopes = Scopes()
        self._later = 0  # the number of functions around the node, which run later
        self._optional = 0  # the number of `try` statements around it that catch ImportError
        self._fields = False  # whether the class around the node keeps its annotations

    def visit(self, node: ast.AST) -> Any:
        why = _REFUSED.get(type(node))
        if why:
            raise self._refused(node, why)
        return super().visit(node)

    def _refused(self, node: ast.AST, why: str) -> Exception:
        return self._found.definition.refuse(why, node)

    # ------------------------------------------------------------------------------ names

    def _meaning(self, name: str) -> Reference | None:
        """Return what a name refers to outside the definition; None for locals and builtins."""
        imported = self._scopes.imported(name)
        if imported is not None:
            return imported
        owner = self._scopes.owner(name)
        if owner is None:
            return self._modules.resolved(self._module.name, name)
        if owner.kind == "class" and self._modules.resolved(self._module.name, name):
            raise self._refused(
                self._found.definition.statement,
                f"{name} is a name of the class and of the module. Rename one of them.",
            )
        return None

    def _path(self, node: ast.AST) -> Reference | None:
        """Return what a dotted name refers to; None if it is no such name, or local."""
        if isinstance(node, ast.Name):
            return self._scopes.library(node.id) or self._meaning(node.id)
        if not isinstance(node, ast.Attribute):
            return None
        base = self._path(node.value)
        if isinstance(base, OwnModule):
            return self._modules.member(base.name, node.attr)
        if isinstance(base, External):
            return External(base.path, node.attr)
        return None

    def _dotted(self, node: ast.AST) -> str:
        """Return the full name of a member of another package; "" for anything else."""
        found = self._path(node)
        if isinstance(found, External):
            return found.path.replace("typing_extensions.", "typing.")
        name = node.id if isinstance(node, ast.Name) else ""
        is_builtin = found is None and name in BUILTINS and not self._scopes.owner(name)
        return f"builtins.{name}" if is_builtin else ""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == "__doc__" and not self._scopes.owner(node.id):
            return ast.Constant(self._module.says)
        if node.id in ("__name__", "__file__", "__path__", "__package__", "__spec__"):
            return self._place(node)
        reference = self._meaning(node.id)
        if self._dotted(node) in _REFUSED_BUILTINS:
            raise self._refused(node, f"{node.id}() is not flattened: names may change.")
        return node if reference is None else self._referring(node, reference)

    def _place(self, node: ast.Name) -> ast.expr:
        if _is_runner(self._module.name) and node.id in ("__name__", "__file__"):
            return node
        raise self._refused(node, f"{node.id} would mean the flattened file. Do without it.")

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        reference = self._path(node)
        if isinstance(reference, Own | OwnModule):
            return self._referring(node, reference)
        if isinstance(reference, External):
            self._note_stand_in(node, reference)
            replaced = self._substitute(reference.path) or reference.module in _TYPING
            if replaced or reference.path in substitutes.LATER_NUMPY:
                return self._referring(node, reference)
        return self.generic_visit(node)  # type: ignore[return-value]

    def _note_stand_in(self, node: ast.Attribute, reference: External) -> None:
        base = node.value
        is_local = isinstance(base, ast.Name) and self._scopes.owner(base.id) is not None
        if reference.module in substitutes.STAND_INS and not is_local:
            self._found.stand_in_members.add((reference.module, reference.member))

    def _referring(self, node: ast.expr, reference: Reference) -> ast.expr:
        """Return the name in place of a node that refers to a definition or a library."""
        if isinstance(reference, OwnModule):
            raise self._refused(
                node, f"the module {reference.name} is used as a value. Name its members."
            )
        if isinstance(reference, External):
            reference = self._available(node, reference)
        self._found.references.setdefault(reference, set()).update(self._scopes.locals())
        if not self._later:
            self._found.eager.add(reference)
        context = getattr(node, "ctx", ast.Load())
        name = ast.copy_location(ast.Name(_last(reference), context), node)
        cast("Any", name).reference = reference
        return name

    def _available(self, node: ast.AST, reference: External) -> Own | External:
        """Return a member of another package as a device has it, or its substitute."""
        path = reference.path
        if not reference.member and reference.module in self._module.dotted:
            raise self._refused(node, f"`import {path}.…` is not lowered. Use `from` or `as`.")
        substitute = self._substitute(path)
        if substitute:
            return substitute
        if path == "typing.TYPE_CHECKING":
            raise self._refused(node, "TYPE_CHECKING is only lowered as the test of an `if`.")
        if path in substitutes.LATER_NUMPY:
            raise self._refused(node, f"numpy 1.13 has no {path}. Compute it with older functions.")
        if reference.module in _TYPING and path != "typing.NamedTuple":
            raise self._refused(node, f"{path}: {_NO_TYPES}")
        return reference

    def _substitute(self, path: str) -> Own | None:
        name = substitutes.SUBSTITUTES.get(path)
        return Own(substitutes.PRELUDE, name) if name and not self._is_prelude else None

    @property
    def _is_prelude(self) -> bool:
        return self._module.name == substitutes.PRELUDE

    def _prelude(self, node: ast.expr, name: str) -> ast.expr:
        return self._referring(node, Own(substitutes.PRELUDE, name))

    def visit_Global(self, node: ast.Global) -> ast.Global:
        raise self._refused(node, "`global` is not flattened. Keep the state in an object.")

    # ------------------------------------------------------------------ statements that import

    def visit_Import(self, node: ast.Import) -> ast.stmt | None:
        return self._import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | None:
        return self._import(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> ast.stmt | None:
        """Drop an import of what the flattened file defines, and keep one of a library."""
        found = self._modules.imported(node, self._module.package)
        self._found.lazy_modules += found.modules
        kept: list[ast.alias] = []
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            if self._keeps_import(node, alias, name, found.names[name]):
                kept.append(alias)
        node.names = kept
        return node if kept else None

    def _keeps_import(self, node: ast.stmt, alias: ast.alias, name: str, target: Reference) -> bool:
        scope = self._scopes.current
        if isinstance(target, External) and not self._is_replaced(target):
            if not self._optional:
                require_library(self._found.definition, target, node, inside=bool(self._later))
            if scope is None:
                self._bind(alias, name)
            else:
                scope.libraries[name] = target
            return True
        if scope is None:
            raise self._refused(node, "an import of this package in a block. Import it outside.")
        scope.imports[name] = target
        scope.bound.discard(name)
        return False

    def _is_replaced(self, target: External) -> bool:
        return bool(self._substitute(target.path)) or target.module == "typing"

    # -------------------------------------------------------------------------- functions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self._refuse_type_parameters(node)
        self._bind(node, node.name)
        node.decorator_list = self._decorators(node.decorator_list)
        node.returns, node.type_comment = None, None
        self._visit_arguments(node, node.args)
        scope = function_scope(node.args, node.body)
        self._later += 1
        with self._scopes.inside(scope), self._without_fields():
            node.body = self._body(node.body)
        self._later -= 1
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self._visit_arguments(node, node.args)
        self._later += 1
        with self._scopes.inside(Scope("function", set(argument_names(node.args)))):
            node.body = self.visit(node.body)
        self._later -= 1
        return node

    def _bind(self, node: ast.AST, name: str) -> None:
        """Note that a node at the top level binds a name, which may be changed."""
        if self._scopes.current is None:
            reference = Own(self._module.name, name)
            cast("Any", node).reference = reference
            self._found.references.setdefault(reference, set())

    def _without_fields(self) -> "_Restored":
        return _Restored(self, fields=False)

    def _visit_arguments(self, node: ast.AST, arguments: ast.arguments) -> None:
        """Visit the defaults, and drop annotations and the mark of positional arguments."""
        if arguments.posonlyargs and arguments.kwarg:
            raise self._refused(node, "arguments before / beside ** have no counterpart.")
        arguments.args = [*arguments.posonlyargs, *arguments.args]
        arguments.posonlyargs = []
        every = (*arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        for each in every:
            if each is not None:
                each.annotation = None
        arguments.defaults = [self.visit(each) for each in arguments.defaults]
        arguments.kw_defaults = [each and self.visit(each) for each in arguments.kw_defaults]

    def _refuse_type_parameters(self, node: ast.AST) -> None:
        if getattr(node, "type_params", None):
            raise self._refused(node, "Python 3.6 has no type parameters in []. Use TypeVar.")

    def _decorators(self, decorators: list[ast.expr]) -> list[ast.expr]:
        kept = [each for each in decorators if self._dotted(each) not in _GONE_DECORATORS]
        return [self.visit(each) for each in kept]

    def _body(self, statements: Iterable[ast.stmt]) -> list[ast.stmt]:
        """Visit statements; a `pass` remains if nothing else does."""
        return self._statements(statements) or [ast.Pass()]

    def _statements(self, statements: Iterable[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in statements:
            result = self.visit(statement)
            found += result if isinstance(result, list) else [result] if result else []
        return found

    # ---------------------------------------------------------------------------- classes

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self._refuse_type_parameters(node)
        self._bind(node, node.name)
        fields = self._has_fields(node)
        node.decorator_list = self._decorators(node.decorator_list)
        bases = [each.value if isinstance(each, ast.Subscript) else each for each in node.bases]
        node.bases = [self.visit(each) for each in bases if self._dotted(each) not in _GONE_BASES]
        node.keywords = [self.visit(each) for each in node.keywords]
        with (
            self._scopes.inside(Scope("class", set(bound_names(node.body)))),
            _Restored(self, fields=fields),
        ):
            node.body = self._body(node.body)
        return node

    def _has_fields(self, node: ast.ClassDef) -> bool:
        """Return whether the annotations of a class have a meaning when it is made."""
        called = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
        is_data = any(self._dotted(each) == "dataclasses.dataclass" for each in called)
        names = [self._dotted(each) for each in node.bases]
        if "typing.TypedDict" in names:
            raise self._refused(node, "a TypedDict is not flattened. Build a plain dict.")
        return is_data or "typing.NamedTuple" in names

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        """Keep the annotation of a field as text, and drop any other."""
        says = _annotation_text(node.annotation)
        if self._fields and not says.startswith(("ClassVar", "typing.ClassVar")):
            if "InitVar" in says or "KW_ONLY" in says:
                raise self._refused(node, f"{says} is not flattened. Use plain fields.")
            node.annotation = ast.Constant(says)
            node.value = node.value and self.visit(node.value)
            return node
        if node.value is None:
            return None
        target, value = self.visit(node.target), self.visit(node.value)
        return ast.copy_location(ast.Assign([target], value), node)

    # --------------------------------------------------------------------- comprehensions

    def _comprehension(self, node: Any) -> Any:
        first, *_ = node.generators
        first.iter = self.visit(first.iter)
        targets = [name for each in node.generators for name in _targets(each.target)]
        with self._scopes.inside(Scope("comprehension", set(targets))):
            for each in node.generators:
                each.target = self.visit(each.target)
                each.iter = each.iter if each is first else self.visit(each.iter)
                each.ifs = [self.visit(condition) for condition in each.ifs]
            for part in ("elt", "key", "value"):
                if hasattr(node, part):
                    setattr(node, part, self.visit(getattr(node, part)))
        return node

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    # ------------------------------------------------------------------------- statements

    def visit_If(self, node: ast.If) -> Any:
        if self._dotted(node.test) == "typing.TYPE_CHECKING":
            return self._body(node.orelse) if node.orelse else None
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        visited: Any = super().generic_visit(node)
        if getattr(visited, "body", None) == []:
            visited.body = [ast.Pass()]  # where only an import was
        return visited

    def visit_Try(self, node: ast.Try) -> Any:
        for inner in node.finalbody:
            if any(isinstance(each, ast.Continue) for each in ast.walk(inner)):
                raise self._refused(inner, "Python 3.6 has no `continue` in `finally`.")
        optional = any(map(_catches_import_errors, node.handlers))
        self._optional += optional
        node.body = self._body(node.body)
        self._optional -= optional
        node.handlers = [self.visit(each) for each in node.handlers]
        node.orelse = self._statements(node.orelse)
        node.finalbody = self._statements(node.finalbody)
        return node

    def visit_For(self, node: ast.For) -> Any:
        node.iter = _as_tuple(node.iter)
        return self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> Any:
        node.value = node.value and _as_tuple(node.value)
        return self.generic_visit(node)

    def visit_Yield(self, node: ast.Yield) -> Any:
        node.value = node.value and _as_tuple(node.value)
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        node.value = _as_tuple(node.value)
        return self.generic_visit(node)

    # ------------------------------------------------------------------------ expressions

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if self._is_generic(node.value):  # such as dict[str, int] as a default factory
            return self.visit(node.value)
        node.slice = _as_tuple(node.slice)
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        if isinstance(node.op, ast.BitOr):
            self._refuse_union(node, node.left, node.right)
        return self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        if isinstance(node.op, ast.BitOr):
            self._refuse_union(node, node.value)
        return self.generic_visit(node)

    def _refuse_union(self, node: ast.AST, *sides: ast.expr) -> None:
        """Refuse | of types and of dicts, as far as they can be recognised."""
        for side in sides:
            if isinstance(side, ast.Dict | ast.DictComp) or self._makes_dict(side):
                raise self._refused(node, "Python 3.6 cannot join dicts by |. Write {**a, **b}.")
            if self._is_class(side):
                raise self._refused(node, "Python 3.6 has no | of types. Use a tuple of them.")

    def _makes_dict(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self._dotted(node.func) == "builtins.dict"

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        """Write an f-string with text inside its braces by str.format.

        Python 3.6 allows neither a backslash nor the quote of the string itself there.
        """
        values = list(_braces(node))
        for each in values:
            each.value = self.visit(each.value)
        inner = (part for each in values for part in ast.walk(each.value))
        if any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in inner):
            return _formatted(node)
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        special = self._special_call(node)
        if special is not None:
            return ast.copy_location(special, node)
        for each in node.keywords:
            self._lower_keyword(node, each)
        return self.generic_visit(node)

    def _lower_keyword(self, node: ast.Call, keyword: ast.keyword) -> None:
        if keyword.arg in ("missing_ok", "dirs_exist_ok"):
            raise self._refused(node, f"Python 3.6 has no {keyword.arg}=. Catch the error.")
        if keyword.arg == "kind" and _value(keyword.value) == "stable":
            # Its name before numpy 1.15; since then, "mergesort" means any stable order.
            keyword.value = ast.Constant("mergesort")

    def _special_call(self, node: ast.Call) -> ast.expr | None:
        called = self._dotted(node.func)
        named = {each.arg: each for each in node.keywords}
        if called == "typing.cast":
            return self.visit(node.args[1])
        if called == "builtins.zip" and "strict" in named:
            return self._zip(node, named["strict"])
        if called == "builtins.round" and len(node.args) == 1:
            # The round() of older numpys returns floats.
            self.generic_visit(node)
            return ast.Call(ast.Name("int", ast.Load()), [node], [])
        if called in ("builtins.isinstance", "builtins.issubclass"):
            node.args[1] = _without_union(node.args[1])
        self._refuse_later_arguments(node, called, set(named))
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, named)
        return None

    def _refuse_later_arguments(self, node: ast.Call, called: str, named: set[str | None]) -> None:
        for name in named & substitutes.LATER_ARGUMENTS.get(called, frozenset()):
            raise self._refused(
                node, f"numpy 1.13 has no {called}({name}=). Compute it in two steps."
            )
        if called == "numpy.pad" and len(node.args) < 3 and "mode" not in named:
            raise self._refused(node, "numpy 1.13 needs the mode of pad. Name it.")

    def _zip(self, node: ast.Call, strict: ast.keyword) -> ast.expr:
        node.keywords.remove(strict)
        value = _value(strict.value)
        if value not in (True, False):
            raise self._refused(node, "zip(strict=) is only lowered for True and False.")
        self.generic_visit(node)
        if value:
            node.func = self._prelude(node.func, "zip_strict")
        return node

    def _method(
        self, node: ast.Call, func: ast.Attribute, named: dict[str | None, ast.keyword]
    ) -> ast.expr | None:
        """Lower methods that older strings and arrays lack, or whose arguments they lack."""
        if func.attr in ("removeprefix", "removesuffix"):
            arguments = [self.visit(each) for each in (func.value, *node.args)]
            return ast.Call(self._prelude(func, func.attr), arguments, [])
        if self._is_prelude or func.attr not in _REDUCTIONS or not named.keys() & _LATER_OPTIONS:
            return None
        is_function = isinstance(self._path(func), External)
        if func.attr not in ("max", "min") or "where" in named or is_function:
            raise self._refused(
                node,
                "of numpy's reductions with initial= or where=, only the methods max and min with "
                "initial= are lowered. Compute it in two steps.",
            )
        numpy = self._referring(func, External("numpy"))
        ufunc = ast.Attribute(numpy, "maximum" if func.attr == "max" else "minimum", ast.Load())
        others: list[ast.expr] = [self.visit(each) for each in node.args]
        arguments: list[ast.expr] = [self.visit(func.value), ufunc, *others]
        keywords = [self.visit(each) for each in node.keywords]
        return ast.Call(self._prelude(func, "extreme"), arguments, keywords)

    def _is_class(self, node: ast.expr) -> bool:
        """Return whether an expression names a class."""
        return bool(self._own_classes(node)) or isinstance(self._imported(node), type)

    def _is_generic(self, node: ast.expr) -> bool:
        """Return whether an expression names a class that [] gives types, and not an Enum."""
        bases = [base for each in self._own_classes(node) for base in each.bases]
        known = self._imported(node)
        return any(isinstance(base, ast.Subscript) for base in bases) or (
            isinstance(known, type) and hasattr(known, "__class_getitem__")
        )

    def _own_classes(self, node: ast.expr) -> list[ast.ClassDef]:
        reference = self._path(node)
        found = (
            self._modules[reference.module].of(reference.name) if isinstance(reference, Own) else []
        )
        return [each.statement for each in found if isinstance(each.statement, ast.ClassDef)]

    def _imported(self, node: ast.expr) -> object:
        """Return the member of the standard library or of numpy that an expression names."""
        module, _, member = self._dotted(node).rpartition(".")
        known = module.partition(".")[0] in {*sys.stdlib_module_names, *substitutes.LIBRARIES}
        return getattr(importlib.import_module(module), member, None) if known else None


class _Restored:
    """Whether annotations are kept, inside a `with` statement."""

    def __init__(self, lowering: Any, fields: bool) -> None:
        self._lowering, self._fields = lowering, fields

    def __enter__(self) -> None:
        self._before, self._lowering._fields = self._lowering._fields, self._fields

    def __exit__(self, *_: object) -> None:
        self._lowering._fields = self._before


def require_library(
    definition: Definition, target: External, node: ast.AST | None = None, inside: bool = False
) -> None:
    """Refuse a library that a device may not have.

    Args:
        definition: what needs it.
        target: the library or its member.
        node: the place.
        inside: whether it is imported inside a function.

    Raises:
        FlattenError: if a device may not have it.
    """
    top = target.module.partition(".")[0]
    known = {*sys.stdlib_module_names, *substitutes.LIBRARIES, *substitutes.STAND_INS}
    if top not in known and not (inside and _is_runner(definition.module)):
        raise definition.refuse(
            f"a device may not have the library {target.module}. Only the functions of "
            f"{substitutes.RUNNER} may import it.",
            node,
        )


def _catches_import_errors(handler: ast.ExceptHandler) -> bool:
    return handler.type is not None and any(
        isinstance(each, ast.Name) and each.id == "ImportError" for each in ast.walk(handler.type)
    )


def _is_runner(module: str) -> bool:
    return module == PROGRAM or f"{module}.".startswith(f"{substitutes.RUNNER}.")


def _last(reference: Own | External) -> str:
    if isinstance(reference, Own):
        return reference.name
    return reference.member or reference.module


def _value(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _annotation_text(annotation: ast.expr) -> str:
    text = _value(annotation)
    return text if isinstance(text, str) else ast.unparse(annotation)


def _targets(target: ast.AST) -> list[str]:
    return [
        each.id
        for each in ast.walk(target)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]


def _as_tuple(node: ast.expr) -> ast.expr:
    """Return a tuple with a star as a call, because Python 3.6 wants brackets around it."""
    if isinstance(node, ast.Tuple) and any(isinstance(each, ast.Starred) for each in node.elts):
        name = ast.Name("tuple", ast.Load())
        return ast.copy_location(ast.Call(name, [ast.List(node.elts, ast.Load())], []), node)
    return node


def _without_union(node: ast.expr) -> ast.expr:
    """Return A | B as the tuple (A, B)."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.BitOr):
        return node
    kinds = [_without_union(each) for each in (node.left, node.right)]
    flat = [
        each for kind in kinds for each in (kind.elts if isinstance(kind, ast.Tuple) else [kind])
    ]
    return ast.copy_location(ast.Tuple(flat, ast.Load()), node)


def _braces(node: ast.JoinedStr) -> Iterator[ast.FormattedValue]:
    """Yield what is in the braces of an f-string, and in those of its format specifications."""
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            yield part
            if isinstance(part.format_spec, ast.JoinedStr):
                yield from _braces(part.format_spec)


def _formatted(node: ast.JoinedStr) -> ast.expr:
    """Return an f-string as a call of str.format."""
    text, values = _template(node)
    return ast.copy_location(
        ast.Call(ast.Attribute(ast.Constant(text), "format", ast.Load()), values, []), node
    )


def _template(node: ast.JoinedStr) -> tuple[str, list[ast.expr]]:
    text, values = "", list[ast.expr]()
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            conversion = f"!{chr(part.conversion)}" if part.conversion > 0 else ""
            spec, inner = "", list[ast.expr]()
            if isinstance(part.format_spec, ast.JoinedStr):
                spec, inner = _template(part.format_spec)
                spec = f":{spec}"
            text += f"{{{conversion}{spec}}}"
            values += [part.value, *inner]
        else:
            text += str(_value(part)).replace("{", "{{").replace("}", "}}")
    return text, values
