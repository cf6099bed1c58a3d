"""Reads pickles as data: nothing that a pickle names is ever imported or called.

A pickle is a program for a small stack machine. This machine runs it without the two dangerous
instructions: a global becomes a Name, and a call becomes the value that `make` builds from the
name and its arguments, or an inert Thing that keeps state and items and does nothing.

Time and memory are bounded by the length of the pickle and by MOST_STEPS: no instruction does
more work than its own length, and only short texts are ever hashed or compared.
"""

import pickletools
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, cast, runtime_checkable

MOST_STEPS = 2_000_000
"""Most instructions in one pickle; the state of a large network and its optimizer has 100,000."""

LONGEST_KEY = 1000
"""Most characters of a dictionary key; entries with longer keys, or no text, are left out."""


class DamagedError(ValueError):
    """A checkpoint is damaged; the message says how and completes "expected ..., but ..."."""


class OtherKindError(DamagedError):
    """A file is sound but no checkpoint; the message says what it is and what to do."""


@dataclass(frozen=True)
class Name:
    """The name of a class or function in a pickle, such as "torch.FloatStorage"."""

    text: str


@dataclass(eq=False)
class Thing:
    """A placeholder for an object of a class that is not known here.

    Attributes:
        kind: the name of the class or function that would have made the object.
        state: the object's attributes, mostly a dictionary.
        items: the entries that the object would hold if it were a dictionary.
    """

    kind: str
    state: object = None
    items: dict[str, object] = field(default_factory=dict[str, object])


@runtime_checkable
class _Stateful(Protocol):
    """An object that takes the state that a pickle gives it: Thing, and NumPy's in rebuild.py."""

    state: object


class _Readable(Protocol):
    """A file in binary mode, or a mapped one; a read beyond its end gives the bytes there are."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self) -> bytes: ...


Make = Callable[[str, tuple[object, ...]], object]
"""Builds a value from a name and arguments; raises ValueError for wrong arguments."""


def read(file: _Readable, make: Make, persistent: Callable[[object], object]) -> object:
    """Read the pickle that begins at the position of a file, and move the file behind it.

    Dictionaries keep the entries whose keys are texts of at most LONGEST_KEY characters; sets
    become lists.

    Args:
        file: the file, at the beginning of the pickle.
        make: builds the value of a call of a known name.
        persistent: builds the value of a reference to something stored outside the pickle.

    Raises:
        DamagedError: if it is no pickle, is cut off, or has more than MOST_STEPS instructions.
    """
    machine = _Machine(make, persistent)
    stream = cast("IO[bytes]", file)  # genops uses the two methods of _Readable and tell only
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about escapes in texts
            for step, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
                if step >= MOST_STEPS:
                    raise DamagedError(f"it takes more than {MOST_STEPS:,} steps to read")
                machine.do(instruction.name, argument)
    except DamagedError:
        raise
    except (ValueError, OverflowError) as error:  # pickletools raises these for damage
        raise DamagedError(f"it is no sound pickle ({str(error)[:100]})") from error
    return machine.pop()


def as_dict(value: object) -> dict[str, object] | None:
    """Return a value of a pickle if it is a dictionary, else None; `put` lets in text keys only."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """Return a value of a pickle if it is a list, else None."""
    return cast("list[object]", value) if isinstance(value, list) else None


def as_tuple(value: object) -> tuple[object, ...] | None:
    """Return a value of a pickle if it is a tuple, else None."""
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else None


def put(target: object, pairs: Iterable[tuple[object, object]]) -> None:
    """Put (key, value) pairs into a dictionary or a Thing; other keys than texts are left out."""
    items = target.items if isinstance(target, Thing) else as_dict(target)
    if items is not None:
        for key, value in pairs:
            if isinstance(key, str) and len(key) <= LONGEST_KEY:
                items[key] = value


_NO_EFFECT = {"PROTO", "FRAME", "STOP"}
_CONSTANTS: dict[str, object] = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
    "EMPTY_TUPLE": (),
}
_EMPTY: dict[str, Callable[[], object]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
_MARKED: dict[str, Callable[[list[object]], object]] = {
    "TUPLE": tuple,
    "LIST": list,
    "FROZENSET": list,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE"}
_BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINUNICODE8"}
_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_LITERALS = _TEXTS | _BYTES | _NUMBERS


class _Machine:
    """The stack, the stacks below the marks, and the memo."""

    def __init__(self, make: Make, persistent: Callable[[object], object]) -> None:
        self.make = make
        self.persistent = persistent
        self.stack: list[object] = []
        self.below: list[list[object]] = []
        self.memo: dict[int, object] = {}

    def do(self, name: str, argument: object) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _MARKED:
            made = _MARKED[name](self.marked())  # before append, as it replaces self.stack
            self.stack.append(made)
        elif name in _TUPLES:
            self.stack.append(self.last(_TUPLES[name]))
        elif name in _OTHERS:
            _OTHERS[name](self, argument)
        elif name not in _NO_EFFECT:
            raise DamagedError(f"the instruction {name} belongs to no checkpoint")

    def pop(self) -> object:
        return self.last(1)[0]

    def last(self, count: int) -> tuple[object, ...]:
        if len(self.stack) < count:
            raise DamagedError("its stack runs empty")
        found = tuple(self.stack[-count:])
        del self.stack[-count:]
        return found

    def top(self) -> object:
        if not self.stack:
            raise DamagedError("its stack runs empty")
        return self.stack[-1]

    def marked(self) -> list[object]:
        if not self.below:
            raise DamagedError("a mark is missing in it")
        found, self.stack = self.stack, self.below.pop()
        return found

    def mark(self, _: object) -> None:
        self.below.append(self.stack)
        self.stack = []

    def drop(self, _: object) -> None:
        self.pop()

    def drop_marked(self, _: object) -> None:
        self.marked()

    def twice(self, _: object) -> None:
        self.stack.append(self.top())

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise DamagedError("it refers to a value that it never stored")
        self.stack.append(self.memo[index])

    def keep(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.top()

    def append(self, _: object) -> None:
        self._extend([self.pop()])

    def extend(self, _: object) -> None:
        self._extend(self.marked())

    def _extend(self, values: list[object]) -> None:
        target = as_list(self.top())
        if target is not None:
            target.extend(values)

    def dictionary(self, _: object) -> None:
        made: dict[str, object] = {}
        put(made, _pairs(self.marked()))
        self.stack.append(made)

    def set_item(self, _: object) -> None:
        key, value = self.last(2)
        put(self.top(), [(key, value)])

    def set_items(self, _: object) -> None:
        pairs = _pairs(self.marked())
        put(self.top(), pairs)

    def name(self, words: str) -> None:
        self.stack.append(Name(words.replace(" ", ".")[:LONGEST_KEY]))

    def name_from_stack(self, _: object) -> None:
        words = [w for w in self.last(2) if isinstance(w, str) and len(w) <= LONGEST_KEY]
        if len(words) != 2:
            raise DamagedError("a name in it is no text")
        self.stack.append(Name(".".join(words)))

    def call(self, _: object) -> None:
        self._call(*self.last(2))

    def call_with_keywords(self, _: object) -> None:
        made, arguments, _keywords = self.last(3)
        self._call(made, arguments)

    def call_marked(self, _: object) -> None:
        made, *arguments = self.marked() or [None]
        self._call(made, tuple(arguments))

    def call_named(self, words: str) -> None:
        self._call(Name(words.replace(" ", ".")), tuple(self.marked()))

    def _call(self, made: object, arguments: object) -> None:
        known = as_tuple(arguments)
        if isinstance(made, Name) and known is not None:
            self.stack.append(self.make(made.text, known))
        else:
            self.stack.append(Thing("something unnamed"))

    def build(self, _: object) -> None:
        """Give the object on top of the stack its state, if it takes one."""
        state, target = self.pop(), self.top()
        if isinstance(target, _Stateful):
            target.state = state

    def refer(self, argument: object) -> None:
        self.stack.append(self.persistent(self.pop() if argument is None else argument))


def _pairs(values: list[object]) -> Iterable[tuple[object, object]]:
    if len(values) % 2:
        raise DamagedError("a key in it lacks its value")
    return zip(values[::2], values[1::2], strict=True)


_OTHERS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.drop_marked,
    "DUP": _Machine.twice,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.keep),
    "APPEND": _Machine.append,
    **dict.fromkeys(("APPENDS", "ADDITEMS"), _Machine.extend),
    "DICT": _Machine.dictionary,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _Machine.call),
    "NEWOBJ_EX": _Machine.call_with_keywords,
    "OBJ": _Machine.call_marked,
    "INST": _Machine.call_named,
    "BUILD": _Machine.build,
    **dict.fromkeys(("PERSID", "BINPERSID"), _Machine.refer),
}
