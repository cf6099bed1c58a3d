"""Writes definitions of PoseMark, with all that they need, as one file for Python 3.6.

The file is made from the modules themselves, so that nothing is implemented a second time. From
every module only the definitions are taken that the file needs. Annotations are left out, and names
that occur in several modules are changed.
"""

import ast
import builtins
import keyword
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import posemark
from posemark.bundle import substitutes
from posemark.bundle.definitions import (
    PROGRAM,
    Definition,
    External,
    FlattenError,
    Modules,
    Own,
    OwnModule,
    Reference,
)
from posemark.bundle.lowering import Lowered, lowered, reference_of, require_library
from posemark.bundle.wrapping import WIDTH, wrapped

Root = tuple[str, str] | Any
"""A function or class, or the module and the name of any definition."""

_NAMESPACE = External("types", "SimpleNamespace")
_UNUSABLE = frozenset((*dir(builtins), *keyword.kwlist, "async", "await"))

_EXPLANATION = """
The definitions below are those of PoseMark's modules, for Python 3.6 and numpy 1.13 or later.
Annotations and comments are left out, and names that several modules have are changed."""


@dataclass(frozen=True)
class Flattened:
    """A file.

    Attributes:
        source: its text.
        names: the name in the file by the module and the name of every definition.
    """

    source: str
    names: dict[tuple[str, str], str]


def flatten(
    roots: Iterable[Root] = (),
    *,
    program: str = "",
    command: str = "",
    packages: Iterable[str] = ("posemark",),
) -> Flattened:
    """Write definitions, with all that they need, as one file for Python 3.6 and numpy 1.13.

    Args:
        roots: the definitions.
        program: source text of a module that imports what it needs. It is at the end of the file,
            and all of its statements are kept.
        command: the command that generates the file, which the file names at its top.
        packages: the packages whose modules are flattened. Others are imported.

    Raises:
        FlattenError: if something cannot be written for Python 3.6, or needs a library that a
            device does not have. The error names the module and the line.
    """
    modules = Modules(frozenset(packages), program)
    parts = _Parts(modules)
    for module, name in map(_named, roots):
        parts.need(modules.member(module, name))
    for definition in modules[PROGRAM].definitions:
        parts.add(definition)
    parts.complete()
    order = _order(modules, parts)
    names = _names(parts, order)
    sections = [_section(modules, module, parts, names) for module in order]
    source = "\n\n\n".join([_head(command, parts, names), *filter(None, sections)]) + "\n"
    ast.parse(source, feature_version=(3, 6))
    own = {(ref.module, ref.name): new for ref, new in names.items() if isinstance(ref, Own)}
    return Flattened(source, own)


def _named(root: Root) -> tuple[str, str]:
    if isinstance(root, tuple):
        module, name = cast("tuple[str, str]", root)
        return module, name.partition(".")[0]
    return root.__module__, root.__qualname__.partition(".")[0]


# ------------------------------------------------------------------------- what is needed


@dataclass
class _Parts:
    """The definitions that the file consists of.

    Attributes:
        modules: the modules that they come from.
        lowered: the definitions by module, in the order of the module.
        stand_ins: the members that are used of every library with a stand-in.
    """

    modules: Modules
    lowered: dict[str, list[Lowered]] = field(default_factory=dict[str, list[Lowered]])
    stand_ins: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _known: set[int] = field(default_factory=set[int])
    _waiting: list[Reference] = field(default_factory=list[Reference])

    def need(self, reference: Reference) -> None:
        """Add a definition, now or in `complete`."""
        if isinstance(reference, OwnModule):
            raise FlattenError(f"{reference.name} is a module. Name one of its definitions.")
        self._waiting.append(reference)

    def complete(self) -> None:
        """Add everything that the definitions need."""
        while self._waiting:
            reference = self._waiting.pop()
            if isinstance(reference, Own):
                for definition in self.modules[reference.module].of(reference.name):
                    self.add(definition)

    def add(self, definition: Definition) -> None:
        """Add a definition."""
        if id(definition) in self._known:
            return
        self._known.add(id(definition))
        if definition.module not in self.lowered:
            self._refuse_effects(definition.module)
        found = lowered(definition, self.modules)
        of_module = self.lowered.setdefault(definition.module, [])
        of_module.append(found)
        of_module.sort(key=lambda each: each.definition.line)
        for reference in found.references:
            if isinstance(reference, External):
                require_library(definition, reference)
            self._waiting.append(reference)
        for library, member in found.stand_in_members:
            self._use_stand_in(definition, library, member)

    def _refuse_effects(self, module: str) -> None:
        for definition in self.modules[module].definitions:
            if not definition.binds and module != PROGRAM:
                raise definition.refuse(
                    "a statement with an effect at the top level. Call it in a function."
                )

    def _use_stand_in(self, definition: Definition, library: str, member: str) -> None:
        stand_in = substitutes.STAND_INS[library]
        if self.modules.resolved(stand_in, member) is None:
            raise definition.refuse(
                f"{stand_in}, which replaces {library} on some devices, has no {member}. Write it "
                "there, or do without."
            )
        self.stand_ins.setdefault(library, set()).add(member)
        self._waiting += [Own(stand_in, member), _NAMESPACE]

    def of_stand_ins(self) -> Iterator[Reference]:
        """Yield what the statements need that import libraries or their stand-ins."""
        for library, members in self.stand_ins.items():
            yield _NAMESPACE
            for member in sorted(members):
                yield Own(substitutes.STAND_INS[library], member)

    def every(self) -> Iterator[Lowered]:
        """Yield all definitions."""
        for found in self.lowered.values():
            yield from found


def _order(modules: Modules, parts: _Parts) -> list[str]:
    """Return the modules with definitions; each after those that it imports."""
    seen = dict[str, None]()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in seen or name in above:
            return
        for imported in modules[name].imported:
            visit(imported, (*above, name))
        seen[name] = None

    first = (substitutes.PRELUDE, *(substitutes.STAND_INS[each] for each in parts.stand_ins))
    for name in (*first, *(each for each in parts.lowered if each != PROGRAM), PROGRAM):
        if name in parts.lowered:
            visit(name, ())
    order = [name for name in seen if name in parts.lowered]
    _require_order(parts, order)
    return order


def _require_order(parts: _Parts, order: list[str]) -> None:
    """Refuse a definition that needs, when the file is loaded, one that follows it."""
    done = set[Reference]()
    waiting = {Own(e.definition.module, name) for e in parts.every() for name in e.definition.binds}
    for module in order:
        for each in parts.lowered[module]:
            own = {Own(module, name) for name in each.definition.binds}
            late = (each.eager & waiting) - done - own
            if late:
                names = ", ".join(sorted(f"{ref.module}.{ref.name}" for ref in late))  # type: ignore[union-attr]
                raise each.definition.refuse(f"it needs {names}, which is defined after it.")
            done |= own


# ----------------------------------------------------------------------------------- names


def _names(parts: _Parts, order: list[str]) -> dict[Reference, str]:
    """Choose a name for everything: its own, if nothing else has it or hides it."""
    hiding = _hiding_names(parts, order)
    wanted = dict[str, list[Reference]]()
    for reference in hiding:
        wanted.setdefault(_wish(reference), []).append(reference)
    names = dict[Reference, str]()
    for name, references in wanted.items():
        first = _first(references)
        if first and name not in hiding[first] | _UNUSABLE:
            names[first] = name
    taken = {*_UNUSABLE, *names.values()}
    for reference, hidden in hiding.items():
        if reference not in names:
            names[reference] = next(n for n in _other_names(reference) if n not in taken | hidden)
            taken.add(names[reference])
    return names


def _hiding_names(parts: _Parts, order: list[str]) -> dict[Reference, set[str]]:
    """Return everything that needs a name, with the local names that would hide it."""
    hiding = dict[Reference, set[str]]()
    for module in order:
        for each in parts.lowered[module]:
            for reference, hidden in each.references.items():
                hiding.setdefault(reference, set()).update(hidden)
    for reference in parts.of_stand_ins():
        hiding.setdefault(reference, set())
    return hiding


def _wish(reference: Reference) -> str:
    if isinstance(reference, Own):
        return reference.name
    if isinstance(reference, External):
        last = reference.module.rpartition(".")[2]
        return reference.member or {"numpy": "np"}.get(last, last)
    return reference.name


def _first(references: list[Reference]) -> Reference | None:
    """Return which of several definitions keeps the name: the only one, or one that must."""
    if len(references) == 1:
        return references[0]
    must = (each for each in references if isinstance(each, External) or each.module == PROGRAM)  # type: ignore[union-attr]
    return next(must, None)


def _other_names(reference: Reference) -> Iterator[str]:
    name = _wish(reference)
    module = cast("Own | External", reference).module.split(".")
    for length in range(1, len(module) + 1):
        yield f"{name}_in_{'_'.join(module[-length:])}"
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


# ------------------------------------------------------------------------------------ text


_QUIET_INTERRUPT = """import signal

# Ctrl-C during the imports ends the program without a traceback; main() listens to it later.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
"""


def _head(command: str, parts: _Parts, names: dict[Reference, str]) -> str:
    by = f" by `{command}`" if command else ""
    says = f"Generated{by} with PoseMark {posemark.__version__}. Do not change it.\n{_EXPLANATION}"
    imports = [
        _import_line(reference, name)
        for reference, name in names.items()
        if isinstance(reference, External) and reference.module not in parts.stand_ins
    ]
    early = _QUIET_INTERRUPT if command else ""
    return "\n".join(["#!/usr/bin/env python3", _comment(says), "", early, *sorted(imports)])


def _import_line(reference: External, name: str) -> str:
    module, member = reference.module, reference.member
    if not member:
        return f"import {module}" if module == name else f"import {module} as {name}"
    line = f"from {module} import {member}"
    return line if member == name else f"{line} as {name}"


def _section(modules: Modules, module: str, parts: _Parts, names: dict[Reference, str]) -> str:
    """Write the definitions of a module under its name and its docstring."""
    texts = [_text(each, names) for each in parts.lowered[module]]
    texts += [
        _stand_in(library, sorted(members), names)
        for library, members in parts.stand_ins.items()
        if substitutes.STAND_INS[library] == module
    ]
    title = "the program" if module == PROGRAM else module
    rule = f"# {'-' * (WIDTH - 3 - len(title))} {title}"
    says = _comment(modules[module].says)
    return "\n\n\n".join([f"{rule}\n{says}".rstrip(), *_grouped(texts)])


def _grouped(texts: list[str]) -> Iterator[str]:
    """Join neighbouring statements of one line."""
    lines: list[str] = []
    for text in texts:
        if text.startswith(("def ", "class ", "@")):
            if lines:
                yield "\n".join(lines)
                lines = []
            yield text
        else:
            lines.append(text)
    if lines:
        yield "\n".join(lines)


def _text(each: Lowered, names: dict[Reference, str]) -> str:
    for node in ast.walk(each.statement):
        reference = reference_of(node)
        if reference is not None:
            _rename(node, names[reference])
    says = _comment(each.definition.says)
    return f"{says}\n{wrapped(ast.unparse(each.statement))}".strip("\n")


def _rename(node: ast.AST, name: str) -> None:
    match node:
        case ast.Name():
            node.id = name
        case ast.FunctionDef() | ast.ClassDef():
            node.name = name
        case ast.alias():
            node.asname = name if name != node.name else None
        case _:
            raise AssertionError(f"{ast.dump(node)} has no name")


def _stand_in(library: str, members: list[str], names: dict[Reference, str]) -> str:
    """Write the import of a library, or of its stand-in where it is not installed."""
    stand_in, name = substitutes.STAND_INS[library], names[External(library)]
    pairs = ", ".join(f"{member}={names[Own(stand_in, member)]}" for member in members)
    attempt = _import_line(External(library), name)
    return wrapped(
        f"try:\n    {attempt}\nexcept ImportError:\n    {name} = {names[_NAMESPACE]}({pairs})"
    )


def _comment(text: str) -> str:
    """Write text as comment lines."""
    lines = textwrap.dedent(text.strip()).splitlines()
    return "\n".join(f"# {line}".rstrip() for line in lines)
