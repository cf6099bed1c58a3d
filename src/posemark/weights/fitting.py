"""Fits the tensors of a file to a network: key names, shapes, and the choice of a part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from posemark.core.errors import CheckpointError
from posemark.weights.parts import ROOT
from posemark.weights.pickles import DamagedError
from posemark.weights.reading import Contents, opened, shown
from posemark.weights.tensors import State, Stored, bytes_of, read_all

Tensors = Mapping[str, Tensor]
"""Tensors by key name."""

Convert = Callable[[Tensors], Tensors]
"""A model's rule that maps another arrangement of tensors to that of its network."""

_COUNTER = "num_batches_tracked"
_WRAPPERS = ("module.", "model.", "network.", "_orig_mod.")
_BYTES_FACTOR, _BYTES_SPARE = 4, 16 << 20  # how much larger than its network a file may be


def load_into(network: nn.Module, path: Path, convert: Convert | None = None) -> None:
    """Load a checkpoint into a network; every key and every shape must match.

    Supported are PyTorch's files of any age (a state dict, with a prefix or inside a training
    script's dictionary; a pickled module), mmpose 0.x and 1.x key names, safetensors, and
    Caffe's .caffemodel. Counters of batch norms, which only training uses, may be missing.

    Args:
        network: the network that receives the weights.
        path: the checkpoint.
        convert: the model's rule for other arrangements (ModelSpec.convert).

    Raises:
        CheckpointError: for the reasons of load_fitting.
    """
    wanted = network.state_dict()
    state = load_fitting(path, wanted, type(network).__name__, convert)
    network.load_state_dict(state, strict=True)


def load_fitting(
    path: Path, wanted: Tensors, name: str, convert: Convert | None = None, part: str = ""
) -> dict[str, Tensor]:
    """Read the tensors of a file with the names, shapes and types of a network.

    Names and shapes are compared before any tensor is read, so that only the tensors of the
    network are read.

    Args:
        path: the file.
        wanted: the state of the network; its tensors may be on the meta device.
        name: the name of the network, for errors.
        convert: the model's rule for other arrangements.
        part: which of several sets of weights in the file; "" for the only one that fits.

    Returns:
        The tensors under the network's own key names.

    Raises:
        CheckpointError: if the file is unreadable; if tensors are missing, superfluous or of
            other shapes (the message lists them); if several parts fit and differ; if values
            are not finite.
    """
    with opened(path) as contents:
        fits = [
            _best_fit(where, state, wanted, convert)
            for where, state in _chosen(path, contents, part).items()
        ]
        fitting = [fit for fit in fits if not fit.problems]
        if not fitting:
            raise _misfit(path, min(fits, key=lambda fit: fit.severity), contents, wanted, name)
        loaded = _read(path, fitting[0], wanted)
        for other in fitting[1:]:
            _require_same(path, fitting, loaded, _read(path, other, wanted), name)
    _require_finite(path, loaded)
    return loaded


def fits(
    path: Path, contents: Contents, wanted: Tensors, convert: Convert | None = None, part: str = ""
) -> bool:
    """Return whether an opened file has weights for a network, by names, shapes and types.

    No numbers are read. The arguments are those of load_fitting.

    Raises:
        CheckpointError: if the file holds no weights, or has no part of that name.
    """
    parts = _chosen(path, contents, part)
    return any(
        _may_fit(state, wanted, convert) and not _best_fit(where, state, wanted, convert).problems
        for where, state in parts.items()
    )


def problems(
    path: Path, contents: Contents, wanted: Tensors, convert: Convert | None = None, part: str = ""
) -> tuple[str, ...]:
    """Describe why an opened file does not fit a network that it nearly fits.

    The arguments are those of load_fitting.

    Returns:
        Phrases such as "2 missing: a, b". Empty if half of the network's tensors or more do not
        fit: the file belongs to another program then, and a list would not help.

    Raises:
        CheckpointError: if the file holds no weights, or has no part of that name.
    """
    parts = _chosen(path, contents, part)
    found = (_best_fit(where, state, wanted, convert) for where, state in parts.items())
    best = min(found, key=lambda fit: fit.severity)
    return best.problems if 2 * best.severity < len(wanted) else ()


def sizes(contents: Contents) -> list[int]:
    """Return the number of floating-point values in each part of a file."""
    return [_numbers(state) for state in contents.parts.values()]


def _may_fit(state: State, wanted: Tensors, convert: Convert | None) -> bool:
    """Return whether names are worth comparing: a rule may drop tensors and make others."""
    return convert is not None or _numbers(state) == _numbers(wanted)


def _numbers(state: Mapping[str, Tensor | Stored]) -> int:
    return sum(prod(t.shape) for t in state.values() if t.dtype.is_floating_point)


def _chosen(path: Path, contents: Contents, part: str) -> dict[str, State]:
    if not contents.parts:
        raise CheckpointError(
            f"{path}: expected a state dict (names and tensors), found {contents.top} without "
            "one. Save `model.state_dict()` instead."
        )
    if not part:
        return contents.parts
    if part not in contents.parts:
        known = ", ".join(f"{shown(k)} ({len(s)} tensors)" for k, s in contents.parts.items())
        raise CheckpointError(
            f"{path}: this file has no weights under {part!r}. --part can be: {known}."
        )
    return {part: contents.parts[part]}


# --- names --------------------------------------------------------------------------------------


def _strip_parts(name: str) -> str:
    for part in ("backbone.", "keypoint_head.", "head."):
        name = name.removeprefix(part)
    return name


def _new_head_to_old(name: str) -> str:
    return "keypoint_head." + name.removeprefix("head.") if name.startswith("head.") else name


# For official names; for mmpose's names of networks whose official names have no such prefixes
# (HRNet); and for mmpose 1.x's names of networks that were published for mmpose 0.x (Lite-HRNet).
_RENAMINGS: tuple[Callable[[str], str], ...] = (str, _strip_parts, _new_head_to_old)


def _unwrapped(state: State) -> State:
    """Remove the prefixes that all names share, and the marks of torch.compile."""
    names = {name: name.replace("_orig_mod.", "") for name in state}
    while prefix := next((w for w in _WRAPPERS if all(map(_begins(w), names.values()))), ""):
        names = {name: new.removeprefix(prefix) for name, new in names.items()}
    return {names[name]: tensor for name, tensor in state.items()}


def _begins(prefix: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(prefix)


# --- the fit ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fit:
    """One way to read a part as a network's state.

    Attributes:
        part: the name of the part.
        state: the tensors to read.
        convert: the rule to apply to them after reading; None if there is none.
        problems: phrases on the tensors that do not fit.
        severity: the number of tensors that do not fit.
    """

    part: str
    state: State
    convert: Convert | None
    problems: tuple[str, ...]
    severity: int


def _best_fit(part: str, state: State, wanted: Tensors, convert: Convert | None) -> _Fit:
    """Return the fit with the renaming that leaves the fewest tensors unmatched."""
    arrangements = [state, _unwrapped(state)]
    candidates: list[tuple[State, Convert | None]] = [
        ({rename(name): tensor for name, tensor in arranged.items()}, None)
        for arranged in arrangements
        for rename in _RENAMINGS
    ]
    if convert:
        candidates += [(arranged, convert) for arranged in arrangements]
    fits = (_fit(part, *candidate, wanted) for candidate in candidates)
    return min(fits, key=lambda fit: fit.severity)


def _fit(part: str, state: State, convert: Convert | None, wanted: Tensors) -> _Fit:
    shapes: Mapping[str, Tensor | Stored] = _converted_shapes(state, convert) if convert else state
    missing = [k for k in wanted if k not in shapes and not k.endswith(_COUNTER)]
    unexpected = [k for k in shapes if k not in wanted]
    shared = [k for k in wanted if k in shapes]
    misshapen = [
        f"{shown(k)} (expected {tuple(wanted[k].shape)}, got {tuple(shapes[k].shape)})"
        for k in shared
        if _shape(shapes[k]) != _shape(wanted[k])
    ]
    mistyped = [
        f"{shown(k)} (expected {_type(wanted[k])}, got {_type(shapes[k])})"
        for k in shared
        if wanted[k].dtype.is_floating_point and not shapes[k].dtype.is_floating_point
    ]
    every = (
        ("missing", missing),
        ("unexpected", unexpected),
        ("with another shape", misshapen),
        ("with another type", mistyped),
    )
    found = [(what, keys) for what, keys in every if keys]
    few = _MOST_NAMED if len(found) == 1 else 1
    words = tuple(f"{len(keys):,} {what}: {_some(keys, few)}" for what, keys in found)
    return _Fit(part, state, convert, words, sum(len(keys) for _, keys in found))


_MOST_NAMED = 3
"""Most tensors that a message names: in the file of another network nearly all differ."""


def _converted_shapes(state: State, convert: Convert) -> Tensors:
    """Apply a rule to names and shapes only, on the meta device."""
    try:
        empty = {k: torch.empty(s.shape, dtype=s.dtype, device="meta") for k, s in state.items()}
        return convert(empty)
    except (RuntimeError, ValueError, IndexError, TypeError):  # the rule is for other shapes
        return {}


def _shape(tensor: Tensor | Stored) -> tuple[int, ...]:
    """Return the shape, with (1,) as (): torch before 0.4 stored counters as vectors."""
    return () if tuple(tensor.shape) == (1,) else tuple(tensor.shape)


def _type(tensor: Tensor | Stored) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _some(keys: list[str], limit: int) -> str:
    more = f" and {len(keys) - limit:,} more" if len(keys) > limit else ""
    return ", ".join(shown(key) for key in keys[:limit]) + more


def _misfit(
    path: Path, fit: _Fit, contents: Contents, wanted: Tensors, name: str
) -> CheckpointError:
    looked = "" if fit.part == ROOT else f" (looked at {shown(fit.part)} of: {contents.top})"
    return CheckpointError(
        f"{path}: these weights are for another network than {name}{looked}. Expected its "
        f"{len(wanted):,} tensors; {'; '.join(fit.problems)}. Check the model name; `posemark "
        "weights list` shows which file belongs to which model."
    )


# --- reading what fits --------------------------------------------------------------------------


def _read(path: Path, fit: _Fit, wanted: Tensors) -> dict[str, Tensor]:
    needed = sum(t.numel() * t.element_size() for t in wanted.values())
    announced = bytes_of(fit.state)
    if announced > _BYTES_FACTOR * needed + _BYTES_SPARE:
        raise CheckpointError(
            f"{path}: its tensors would take {announced:,} bytes of memory, but the network has "
            f"{needed:,} bytes. The file was not read. Save the tensors of `model.state_dict()` "
            "alone."
        )
    found: Tensors = read_all(fit.state)
    if fit.convert:
        found = fit.convert(found)
    return {k: _as_wanted(found.get(k), w) for k, w in wanted.items()}


def _as_wanted(tensor: Tensor | None, wanted: Tensor) -> Tensor:
    """Convert a tensor to the type and shape of the network; a missing counter becomes zero."""
    if tensor is None:
        return torch.zeros(wanted.shape, dtype=wanted.dtype)
    if tensor.numel() != wanted.numel():
        raise DamagedError("a tensor in it has another size than its description says")
    return tensor.to(wanted.dtype).reshape(wanted.shape)


def _require_same(
    path: Path, fitting: list[_Fit], first: Tensors, other: Tensors, name: str
) -> None:
    if all(torch.equal(tensor, other[key]) for key, tensor in first.items()):
        return
    parts = " and ".join(shown(fit.part) for fit in fitting)
    raise CheckpointError(
        f"{path}: several sets of weights in it fit {name}, and they differ: {parts}. Say which "
        f"one: `posemark weights import FILE --as MODEL.TAG --part {shown(fitting[0].part)}`, "
        "then run MODEL.TAG."
    )


def _require_finite(path: Path, state: Tensors) -> None:
    broken = [k for k, t in state.items() if not bool(torch.isfinite(t).all())]
    if broken:
        raise CheckpointError(
            f"{path}: {len(broken)} of {len(state)} tensors hold values that are not finite "
            f"numbers: {_some(broken, _MOST_NAMED)}. A network finds no poses with them: the file "
            "is damaged, or the training failed. Fetch it again, or use an earlier checkpoint."
        )
