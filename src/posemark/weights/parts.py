"""Finds the sets of weights in a checkpoint: plain weights, averaged weights, pickled modules."""

from collections.abc import Iterator

from posemark.weights.pickles import DamagedError, Thing, as_dict, as_list, as_tuple
from posemark.weights.rebuild import tensor_of
from posemark.weights.tensors import State, Stored

ROOT = "."
"""The name of the part that is the top level of the file."""

_DEEPEST = 4
_MOST_PARTS = 20
_MOST_VISITS = 200_000
_LONGEST_NAME = 1000


def parts_of(loaded: object) -> dict[str, State]:
    """Find every dictionary of tensors and every module in the content of a file.

    If there are very many (states of optimizers), the _MOST_PARTS largest are returned. The
    state of a module consists of its parameters and its saved buffers, named as torch names
    them.

    Args:
        loaded: the content, as pickles.read returns it.

    Returns:
        The states by their path, which joins dictionary keys with dots; ROOT for the top level.

    Raises:
        DamagedError: if modules contain one another without end.
    """
    found: list[tuple[str, State]] = []
    seen: set[int] = set()
    visits = _Visits()
    waiting: list[tuple[str, object, int]] = [(ROOT, loaded, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        entries = _entries(value)
        if id(value) in seen or entries is None or depth > _DEEPEST:
            continue
        seen.add(id(value))
        module = _module(value)
        state = _module_state(module, visits) if module else _tensors(entries)
        if state:
            found.append((path, state))
        if not module:
            children = [(_joined(path, k), v, depth + 1) for k, v in entries.items()]
            waiting += [c for c in reversed(children) if _entries(c[1]) is not None]
    largest = sorted(found, key=lambda part: -len(part[1]))[:_MOST_PARTS]
    return {path: state for path, state in found if any(path == p for p, _ in largest)}


def _joined(path: str, key: str) -> str:
    return key if path == ROOT else f"{path}.{key}"


def _entries(value: object) -> dict[str, object] | None:
    """Return the entries of a dictionary, or the items or else the attributes of an object."""
    if isinstance(value, Thing):
        return value.items or (_attributes(value) if value.state else None)
    return as_dict(value)


def _attributes(thing: Thing) -> dict[str, object] | None:
    """Return the attributes of an object, whose state is a dictionary or (dictionary, slots)."""
    pair = as_tuple(thing.state)
    return as_dict(pair[0] if pair else thing.state)


def _tensors(entries: dict[str, object]) -> dict[str, Stored]:
    found = ((name, tensor_of(value)) for name, value in entries.items())
    return {name: tensor for name, tensor in found if tensor is not None}


# --- pickled modules ----------------------------------------------------------------------------


class _Visits:
    """Counts the modules and tensors that were visited, and ends endless visits."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, count: int) -> None:
        self.count += count
        if self.count > _MOST_VISITS:
            raise DamagedError(f"its modules hold more than {_MOST_VISITS:,} things")


_Attributes = dict[str, object]


def _module(value: object) -> _Attributes | None:
    """Return the attributes of a pickled module; None for any other value."""
    attributes = _attributes(value) if isinstance(value, Thing) else None
    is_module = attributes is not None and as_dict(attributes.get("_parameters")) is not None
    return attributes if is_module else None


def _module_state(module: _Attributes, visits: _Visits) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    waiting: list[tuple[str, _Attributes | None]] = [("", module)]
    while waiting:
        prefix, current = waiting.pop()
        visits.add(1)
        if len(prefix) > _LONGEST_NAME:
            raise DamagedError("its modules contain one another without end")
        if current:
            own = dict(_own(current))
            visits.add(len(own))
            found.update({prefix + name: tensor for name, tensor in own.items()})
            inner = as_dict(current.get("_modules")) or {}
            waiting += [(f"{prefix}{k}.", _module(m)) for k, m in reversed(inner.items())]
    return found


def _own(module: _Attributes) -> Iterator[tuple[str, Stored]]:
    """Yield the parameters and the saved buffers of a module itself, by name."""
    unsaved = as_list(module.get("_non_persistent_buffers_set")) or []
    unsaved = [name for name in unsaved if isinstance(name, str)]
    yield from _tensors(as_dict(module["_parameters"]) or {}).items()
    for name, tensor in _tensors(as_dict(module.get("_buffers")) or {}).items():
        if name not in unsaved:
            yield name, tensor
