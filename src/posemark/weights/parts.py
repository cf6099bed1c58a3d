"""Which sets of weights a checkpoint holds, and where: plain ones, averaged ones, modules."""

from collections.abc import Iterator
from typing import Any

from posemark.weights.pickles import DamagedError, Thing
from posemark.weights.rebuild import tensor_of
from posemark.weights.tensors import State, Stored

ROOT = "."
"""The name of the part that is the file itself, with nothing around it."""

_DEEPEST = 4
_MOST_PARTS = 20
_MOST_VISITS = 200_000
_LONGEST_NAME = 1000


def parts_of(loaded: Any) -> dict[str, State]:
    """Every dictionary of tensors and every module in what a file holds, by its path.

    Of very many (states of optimizers) the _MOST_PARTS largest. Paths join keys with dots.
    A module's state is its parameters and its buffers that are saved, as torch names them.

    Raises:
        DamagedError: if modules are nested without end.
    """
    found: list[tuple[str, State]] = []
    seen: set[int] = set()
    visits = _Visits()
    waiting: list[tuple[str, Any, int]] = [(ROOT, loaded, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        entries = _entries(value)
        if id(value) in seen or entries is None or depth > _DEEPEST:
            continue
        seen.add(id(value))
        state = _module_state(value, visits) if _is_module(value) else _tensors(entries)
        if state:
            found.append((path, state))
        if not _is_module(value):
            children = [(_joined(path, k), v, depth + 1) for k, v in entries.items()]
            waiting += [c for c in reversed(children) if _entries(c[1]) is not None]
    largest = sorted(found, key=lambda part: -len(part[1]))[:_MOST_PARTS]
    return {path: state for path, state in found if any(path == p for p, _ in largest)}


def _joined(path: str, key: str) -> str:
    return key if path == ROOT else f"{path}.{key}"


def _entries(value: Any) -> dict[str, Any] | None:
    """What a dictionary holds, or an object: its items, else its attributes."""
    if isinstance(value, Thing):
        return value.items or (_attributes(value) if value.state else None)
    return value if isinstance(value, dict) else None


def _attributes(thing: Thing) -> dict[str, Any] | None:
    """The state of an object: a dictionary, or the first of (dictionary, slots)."""
    state = thing.state[0] if isinstance(thing.state, tuple) and thing.state else thing.state
    return state if isinstance(state, dict) else None


def _tensors(entries: dict[str, Any]) -> dict[str, Stored]:
    found = ((name, tensor_of(value)) for name, value in entries.items())
    return {name: tensor for name, tensor in found if tensor is not None}


# --- pickled modules ----------------------------------------------------------------------------


class _Visits:
    """Counts the modules and tensors that were looked at, in all."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, count: int) -> None:
        self.count += count
        if self.count > _MOST_VISITS:
            raise DamagedError(f"its modules hold more than {_MOST_VISITS:,} things")


def _is_module(value: Any) -> bool:
    attributes = _attributes(value) if isinstance(value, Thing) else None
    return attributes is not None and isinstance(attributes.get("_parameters"), dict)


def _module_state(module: Thing, visits: _Visits) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    waiting: list[tuple[str, Any]] = [("", module)]
    while waiting:
        prefix, current = waiting.pop()
        visits.add(1)
        if len(prefix) > _LONGEST_NAME:
            raise DamagedError("its modules hold one another without end")
        if _is_module(current):
            own = dict(_own(current))
            visits.add(len(own))
            found.update({prefix + name: tensor for name, tensor in own.items()})
            waiting += [(f"{prefix}{k}.", m) for k, m in reversed(_modules(current))]
    return found


def _own(module: Thing) -> Iterator[tuple[str, Stored]]:
    attributes = _attributes(module) or {}
    unsaved = attributes.get("_non_persistent_buffers_set")
    unsaved = [n for n in unsaved if isinstance(n, str)] if isinstance(unsaved, list) else []
    yield from _tensors(attributes["_parameters"]).items()
    buffers = attributes.get("_buffers")
    for name, tensor in _tensors(buffers).items() if isinstance(buffers, dict) else ():
        if name not in unsaved:
            yield name, tensor


def _modules(module: Thing) -> list[tuple[str, Any]]:
    modules = (_attributes(module) or {}).get("_modules")
    return list(modules.items()) if isinstance(modules, dict) else []
