"""Writes values as the Python expressions that make them again."""

import enum
import keyword
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import lru_cache, partial
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from posemark.bundle.definitions import FlattenError, Modules

MOST_ELEMENTS = 4096
"""The largest number of elements of an array that is written. Larger arrays belong in files."""

_CONSTANTS = ("posemark.core.", "posemark.geometry.", "posemark.codecs.")
"""Modules whose constants are written by their names."""


@dataclass(frozen=True)
class Expression:
    """An expression.

    Attributes:
        text: its source text, in which the names of `imports` occur.
        imports: the import statements that it needs, which are also what has to be flattened.
    """

    text: str
    imports: tuple[str, ...]

    def assigned(self, name: str) -> str:
        """Return the source text that imports what the expression needs and assigns it."""
        return "\n".join([*self.imports, "", f"{name} = {self.text}", ""])


def expression(value: object) -> Expression:
    """Write a value as the expression that makes it again.

    It may consist of data classes, named tuples, members of enumerations, tuples, lists, sets,
    dicts, numbers, text, bytes, None, paths, small arrays, functions, classes, class methods and
    functools.partial objects.

    Args:
        value: the value.

    Raises:
        FlattenError: if it contains anything else; the error names the place.
    """
    writer = _Writer()
    text = writer.of(value, "value")
    return Expression(text, tuple(writer.imports()))


class _Writer:
    """Writes one value and notes what its expression needs."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._constants = _named_constants(
            tuple(name for name in sorted(sys.modules) if name.startswith(_CONSTANTS))
        )

    def imports(self) -> list[str]:
        """Return the import statements, sorted."""
        return sorted(
            f"import {module} as {name}"
            if not member
            else f"from {module} import {member}" + ("" if member == name else f" as {name}")
            for (module, member), name in self._names.items()
        )

    def of(self, value: object, place: str) -> str:
        """Write a value.

        Args:
            value: the value.
            place: where it is, for errors.
        """
        if isinstance(value, bool | int | str | bytes | None) and not isinstance(value, enum.Enum):
            return repr(value)
        if isinstance(value, float) and not isinstance(value, np.generic):
            return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
        if id(value) in self._constants:
            return self._name(*self._constants[id(value)])
        return self._composed(value, place)

    def _composed(self, value: Any, place: str) -> str:
        if isinstance(value, np.ndarray):
            return self._array(cast("NDArray[Any]", value), place)
        if isinstance(value, np.generic):
            scalar = cast("np.generic[Any]", value)
            return f"{self._numpy()}.{scalar.dtype.name}({self.of(scalar.item(), place)})"
        if isinstance(value, PurePath):
            return f"{self._name('pathlib', 'Path')}({str(value)!r})"
        if isinstance(value, enum.Enum):
            return f"{self._defined(type(value), place)}.{value.name}"
        if isinstance(value, partial):
            return self._partial(cast("partial[Any]", value), place)
        if isinstance(value, type | FunctionType | BuiltinFunctionType | MethodType):
            return self._function(value, place)
        if is_dataclass(value):
            return self._data(value, place)
        return self._collection(value, place)

    def _collection(self, value: Any, place: str) -> str:
        if isinstance(value, tuple) and hasattr(cast("object", value), "_fields"):
            named = cast("Any", value)
            given = self._arguments(named._asdict(), place)
            return f"{self._defined(_class_of(named), place)}({given})"
        if isinstance(value, Mapping):
            return self._mapping(cast("Mapping[Any, Any]", value), place)
        if not isinstance(value, tuple | list | set | frozenset):
            raise FlattenError(
                f"{place}: a value of the type {type(value).__qualname__} cannot be written as an "
                "expression. Leave it out, or write it to a file."
            )
        return self._elements(cast("Iterable[Any]", value), place)

    def _mapping(self, value: Mapping[Any, Any], place: str) -> str:
        keys = {key: self.of(key, place) for key in value}
        pairs = (f"{keys[k]}: {self.of(v, f'{place}[{k!r}]')}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"

    def _elements(self, value: Iterable[Any], place: str) -> str:
        texts = [self.of(each, f"{place}[{at}]") for at, each in enumerate(value)]
        inner = ", ".join(texts if isinstance(value, tuple | list) else sorted(texts))
        if isinstance(value, tuple):
            return f"({inner},)" if len(texts) == 1 else f"({inner})"
        if isinstance(value, list):
            return f"[{inner}]"
        kind = type(value).__name__
        return f"{kind}([{inner}])"

    def _array(self, value: NDArray[Any], place: str) -> str:
        if value.size > MOST_ELEMENTS or value.dtype.kind not in "biuf":
            raise FlattenError(
                f"{place}: an array of {value.size} elements of the type {value.dtype} cannot be "
                f"written as an expression. Expected at most {MOST_ELEMENTS} numbers; write it to "
                "a file."
            )
        numbers = self.of(value.ravel().tolist(), place)
        made = f"{self._numpy()}.array({numbers}, {value.dtype.name!r})"
        return made if value.ndim == 1 else f"{made}.reshape({value.shape})"

    def _numpy(self) -> str:
        return self._name("numpy", "")

    def _partial(self, value: "partial[Any]", place: str) -> str:
        parts = [self.of(each, place) for each in (value.func, *value.args)]
        named = self._arguments(value.keywords, place)
        return (
            f"{self._name('functools', 'partial')}({', '.join([*parts, *filter(None, [named])])})"
        )

    def _function(self, value: Any, place: str) -> str:
        owner = getattr(value, "__self__", None)
        if isinstance(value, MethodType):
            return f"{self.of(owner, place)}.{value.__name__}"
        return self._defined(value, place)

    def _defined(self, value: type | Callable[..., Any], place: str) -> str:
        """Write the name of a class or function that a module defines."""
        module, name = value.__module__, value.__qualname__
        if module == "builtins":
            return name
        if "<" in name or module == "__main__":
            raise FlattenError(
                f"{place}: {name} is not defined at the top level of a module. Define it there."
            )
        first, *rest = name.split(".")
        return ".".join([self._name(module, first), *rest])

    def _data(self, value: Any, place: str) -> str:
        given = {
            each.name: getattr(value, each.name)
            for each in fields(value)
            if each.init and not _is_default(getattr(value, each.name), each.default)
        }
        return f"{self._defined(_class_of(value), place)}({self._arguments(given, place)})"

    def _arguments(self, given: Mapping[str, Any], place: str) -> str:
        return ", ".join(f"{k}={self.of(v, f'{place}.{k}')}" for k, v in given.items())

    def _name(self, module: str, member: str) -> str:
        """Return the name by which the expression refers to a member of a module."""
        wanted = member or {"numpy": "np"}.get(module, module)
        key = module, member
        if key not in self._names:
            taken = {*self._names.values(), *keyword.kwlist}
            names = [wanted, *(f"{wanted}_{n}" for n in range(2, 2 + len(taken)))]
            self._names[key] = next(name for name in names if name not in taken)
        return self._names[key]


def _class_of(value: object) -> type[Any]:
    return type(value)


def _is_default(value: Any, default: Any) -> bool:
    if default is MISSING:
        return False
    return value is default or (
        type(value) is type(default) and _is_plain(value) and repr(value) == repr(default)
    )


def _is_plain(value: Any) -> bool:
    """Return whether a value has a `repr` that describes it completely."""
    if isinstance(value, tuple):
        return all(map(_is_plain, cast("tuple[Any, ...]", value)))
    return type(value) in (bool, int, float, str, bytes, type(None))


@lru_cache(maxsize=1)
def _named_constants(loaded: tuple[str, ...]) -> dict[int, tuple[str, str]]:
    """Return the module and the name of the constants of modules that are data classes, by id."""
    modules = Modules(frozenset({"posemark"}))
    return {
        id(value): (name, member)
        for name in loaded
        for member, value in vars(sys.modules[name]).items()
        if is_dataclass(value) and not isinstance(value, type) and modules[name].of(member)
    }
