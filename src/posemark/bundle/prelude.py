"""What Python 3.6 and numpy 1.13 lack, for the code that flattening writes for them.

Everything here behaves as its namesake in the standard library or numpy, as far as PoseMark uses
it. It is written in Python 3.6, and only what is used gets into a flattened file.
"""

# pyright: basic

import subprocess
import sys
import time
from datetime import timezone
from functools import lru_cache
from itertools import islice
from operator import attrgetter

import numpy as np

UTC = timezone.utc

# ----------------------------------------------------------------------------- dataclasses

_NONE = object()


class Field:
    """A field of a data class.

    Attributes:
        name: its name.
        default: its default.
        default_factory: makes its default.
        init: whether the constructor takes it.
        repr: whether the text of an instance shows it.
        compare: whether instances are compared by it.
    """

    def __init__(self, default, default_factory, init, repr, compare):
        self.name = ""
        self.default, self.default_factory = default, default_factory
        self.init, self.repr, self.compare = init, repr, compare

    def has_default(self):
        """Return whether the constructor can do without it."""
        return self.default is not _NONE or self.default_factory is not _NONE

    def fresh(self):
        """Return its default for a new instance."""
        return self.default if self.default_factory is _NONE else self.default_factory()


def field(default=_NONE, default_factory=_NONE, init=True, repr=True, compare=True):
    """Describe a field of a data class."""
    return Field(default, default_factory, init, repr, compare)


def dataclass(
    cls=None,
    *,
    frozen=False,
    eq=True,
    repr=True,
    slots=False,
    kw_only=False,
):
    """Make a data class, as dataclasses.dataclass does. It has no slots and no order."""
    if cls is None:
        return lambda decorated: dataclass(
            decorated, frozen=frozen, eq=eq, repr=repr, kw_only=kw_only
        )
    cls.__dataclass_fields__ = _fields_of(cls)
    added = {}
    added["__init__"] = _constructor(cls, kw_only)
    if repr:
        added["__repr__"] = _repr_of(cls)
    if eq:
        added.update(_comparisons(cls, frozen))
    if frozen:
        added.update(__setattr__=_refused_change, __delattr__=_refused_change)
    for name, method in added.items():
        if name not in cls.__dict__:
            setattr(cls, name, method)
    return cls


def _fields_of(cls):
    """Return the fields of the bases and of the class itself, by name."""
    found = {}
    for base in reversed(cls.__mro__[1:]):
        found.update(base.__dict__.get("__dataclass_fields__", {}))
    for name in _annotations(cls):
        given = cls.__dict__.get(name, _NONE)
        each = given if isinstance(given, Field) else field(default=given)
        each.name = name
        if isinstance(given, Field):
            if each.default is _NONE:
                delattr(cls, name)
            else:
                setattr(cls, name, each.default)
        found[name] = each
    return found


def _annotations(cls):
    """Return the annotations of a class without those of its bases."""
    if sys.version_info >= (3, 10):
        return cls.__annotations__
    return cls.__dict__.get("__annotations__", {})


def _constructor(cls, kw_only):
    # Poses and boxes are made inside the clock, so that what is known beforehand is done here.
    every = cls.__dataclass_fields__.values()
    taken = [each for each in every if each.init]
    names = tuple(each.name for each in taken)
    places = () if kw_only else names
    count, known = len(names), frozenset(names)
    fixed = {each.name: each.default for each in taken if each.default is not _NONE}
    made = [each for each in taken if each.default_factory is not _NONE]
    others = [each for each in every if not each.init and each.has_default()]
    after = hasattr(cls, "__post_init__")

    def __init__(self, *given, **named):
        values = dict(fixed)
        values.update(zip(places, given))
        values.update(named)
        for each in made:
            if each.name not in values:
                values[each.name] = each.fresh()
        if len(values) != count or len(given) > len(places) or not named.keys() <= known:
            raise _wrong_arguments(cls, given, named)
        if named and not named.keys().isdisjoint(places[: len(given)]):
            raise _wrong_arguments(cls, given, named)
        for each in others:
            values[each.name] = each.fresh()
        self.__dict__.update(values)
        if after:
            self.__post_init__()

    return __init__


def _wrong_arguments(cls, given, named):
    known = ", ".join(each.name for each in fields(cls) if each.init)
    return TypeError(
        "%s() takes %s; got %d arguments by position and %s by name"
        % (cls.__name__, known, len(given), ", ".join(sorted(named)) or "none")
    )


def _repr_of(cls):
    shown = [each.name for each in cls.__dataclass_fields__.values() if each.repr]

    def __repr__(self):
        values = ", ".join("%s=%r" % (name, getattr(self, name)) for name in shown)
        return "%s(%s)" % (type(self).__name__, values)

    return __repr__


def _comparisons(cls, frozen):
    """Return the methods that compare instances by their fields, and hash frozen ones."""
    names = [each.name for each in cls.__dataclass_fields__.values() if each.compare]
    values_of = attrgetter(*names) if names else lambda _: ()

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return values_of(self) == values_of(other)

    def __hash__(self):
        return hash(values_of(self))

    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}


def _refused_change(self, name, *_):
    raise AttributeError("cannot change %s of a frozen %s" % (name, type(self).__name__))


def fields(of):
    """Return the fields of a data class or of its instance."""
    return tuple(of.__dataclass_fields__.values())


def replace(instance, **changes):
    """Return a copy of an instance of a data class with other values of some fields."""
    values = {e.name: getattr(instance, e.name) for e in fields(instance) if e.init}
    values.update(changes)
    return type(instance)(**values)


def asdict(value):
    """Return an instance of a data class as a dict, with all that it contains."""
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: asdict(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[asdict(each) for each in value])
    if isinstance(value, (list, tuple)):
        return type(value)(asdict(each) for each in value)
    if isinstance(value, dict):
        return {asdict(key): asdict(each) for key, each in value.items()}
    return value


# ---------------------------------------------------------------------- functions, iterators


def cache(function):
    """Remember what a function returned for its arguments, without a limit."""
    return lru_cache(maxsize=None)(function)


class cached_property:
    """A property that is computed once per instance."""

    def __init__(self, function):
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        values = instance.__dict__
        if self._name not in values:
            values[self._name] = self._function(instance)
        return values[self._name]


class nullcontext:
    """A context that does nothing."""

    def __init__(self, result=None):
        self._result = result

    def __enter__(self):
        return self._result

    def __exit__(self, *_):
        return None


def zip_strict(*iterables):
    """Zip iterables of the same length; raise a ValueError if their lengths differ."""
    if not all(hasattr(each, "__len__") for each in iterables):
        return _zip_strict_one_by_one(iterables)
    if len({len(each) for each in iterables}) > 1:
        raise ValueError("zip() got iterables of different lengths")
    return zip(*iterables)


def _zip_strict_one_by_one(iterables):
    sides = [iter(each) for each in iterables]
    while True:
        row = [list(islice(side, 1)) for side in sides]
        if not all(row):
            if any(row):
                raise ValueError("zip() got iterables of different lengths")
            return
        yield tuple(each[0] for each in row)


def pairwise(iterable):
    """Yield every element together with the next one."""
    every = list(iterable)
    return zip(every[:-1], every[1:])  # noqa: RUF007 (it is what this function replaces)


def prod(numbers, start=1):
    """Multiply numbers."""
    for number in numbers:
        start *= number
    return start


def dist(one, other):
    """Compute the distance of two points."""
    return sum((a - b) ** 2 for a, b in zip(one, other)) ** 0.5


def removeprefix(text, prefix):
    """Return a text without a prefix, if it has it."""
    return text[len(prefix) :] if text.startswith(prefix) else text


def removesuffix(text, suffix):
    """Return a text without a suffix, if it has it."""
    return text[: len(text) - len(suffix)] if suffix and text.endswith(suffix) else text


def run(arguments, *, capture_output=False, text=None, **others):
    """Run a program, as subprocess.run does."""
    if capture_output:
        others.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if text is not None:
        others["universal_newlines"] = text
    return subprocess.run(arguments, **others)  # noqa: S603 (the caller's options)


# ------------------------------------------------------------------------------------ clocks


def _nanoseconds(clock):
    """Return a clock in whole nanoseconds, from one in seconds."""
    return lambda: int(clock() * 1e9)


monotonic_ns = getattr(time, "monotonic_ns", None) or _nanoseconds(time.monotonic)
perf_counter_ns = getattr(time, "perf_counter_ns", None) or _nanoseconds(time.perf_counter)
time_ns = getattr(time, "time_ns", None) or _nanoseconds(time.time)

# ------------------------------------------------------------------------------------- numpy


def take_along_axis(values, indices, axis):
    """Take elements by indices that match the values along all other axes, as numpy 1.15 does."""
    places = []
    for at, side in enumerate(values.shape):
        shape = [1] * values.ndim
        shape[at] = -1
        places.append(np.arange(side).reshape(shape))
    places[axis] = indices
    return values[tuple(places)]


def array2string(values, *, threshold=1000, **others):
    """Write an array as text, shortened above a number of elements, as numpy 1.14 does."""
    before = np.get_printoptions()["threshold"]
    np.set_printoptions(threshold=threshold)
    try:
        return np.array2string(values, **others)
    finally:
        np.set_printoptions(threshold=before)


def extreme(values, ufunc, axis=None, *, initial, keepdims=False):
    """Compute a maximum or minimum with an initial value, as numpy 1.15 does.

    Args:
        values: the array.
        ufunc: np.maximum or np.minimum.
        axis: the axis; None for all.
        initial: the result is at least (or at most) this.
        keepdims: whether the axis is kept with one element.
    """
    values = np.asarray(values)
    if values.size == 0:
        sides = range(values.ndim) if axis is None else np.atleast_1d(axis) % values.ndim
        shape = [1 if at in sides else side for at, side in enumerate(values.shape)]
        found = np.full(shape, initial, values.dtype)
        return (
            found
            if keepdims
            else found.reshape([n for at, n in enumerate(shape) if at not in sides])[()]
        )
    found = ufunc.reduce(values, axis, None, None, keepdims)
    return ufunc(found, np.asarray(initial, values.dtype))
