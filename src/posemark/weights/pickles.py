"""Pickles read as data: nothing that a pickle names is ever imported or called.

A pickle is a program for a small stack machine. This one runs it without its two dangerous
instructions: a global becomes a Name, and a call becomes what `make` builds from the name and
its arguments, or an inert Thing that keeps state and items and does nothing.

Time and memory are bounded by the length of the pickle and by MOST_STEPS: no instruction does
more work than its own length, and nothing is ever hashed or compared but short texts.
"""

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

MOST_STEPS = 2_000_000
"""Instructions of one pickle. The state of a large network and its optimizer takes 100,000."""

LONGEST_KEY = 1000
"""Characters of a key that is kept; entries with other keys are left out of dictionaries."""


class DamagedError(ValueError):
    """What is wrong with a file, to complete "but ..."."""


class OtherKindError(DamagedError):
    """What a sound file is instead, and what to do, to complete "but ..."."""


@dataclass(frozen=True)
class Name:
    """The name of a class or function in a pickle, such as "torch.FloatStorage"."""

    text: str


@dataclass(eq=False)
class Thing:
    """Stands for an object of a class that is not known here.

    kind: what would have made it. state: its attributes, mostly a dictionary. items: what it
    would hold if it were a dictionary.
    """

    kind: str
    state: Any = None
    items: dict[str, Any] = field(default_factory=dict)


Make = Callable[[str, tuple[Any, ...]], Any]
"""(name, arguments) -> the value. Raises DamagedError (or ValueError) for wrong arguments."""


def read(file: IO[bytes], make: Make, persistent: Callable[[Any], Any]) -> Any:
    """The value of the pickle that begins where the file stands; the file stands after it then.

    Dictionaries keep the entries whose keys are texts of at most LONGEST_KEY characters; sets
    become lists.

    Args:
        file: in binary mode; must answer a request for too many bytes with what is there.
        make: builds what known names stand for.
        persistent: builds what the pickle refers to as stored outside of it.

    Raises:
        DamagedError: if it is no pickle, is cut off, or takes more than MOST_STEPS.
    """
    machine = _Machine(make, persistent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about escapes in texts
            for step, (instruction, argument, _) in enumerate(pickletools.genops(file)):
                if step >= MOST_STEPS:
                    raise DamagedError(f"it takes more than {MOST_STEPS:,} steps to read")
                machine.do(instruction.name, argument)
    except DamagedError:
        raise
    except (ValueError, OverflowError) as error:  # what pickletools says of damage
        raise DamagedError(f"it is no sound pickle ({str(error)[:100]})") from error
    return machine.pop()


def put(target: Any, pairs: Any) -> None:
    """Put (key, value) pairs into a dictionary or a Thing; keys of other kinds are left out."""
    items = target.items if isinstance(target, Thing) else target
    if isinstance(items, dict):
        for key, value in pairs:
            if isinstance(key, str) and len(key) <= LONGEST_KEY:
                items[key] = value


_NO_EFFECT = {"PROTO", "FRAME", "STOP"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list}
_MARKED = {"TUPLE": tuple, "LIST": list, "FROZENSET": list}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE"}
_BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINUNICODE8"}
_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_LITERALS = _TEXTS | _BYTES | _NUMBERS


class _Machine:
    """The stack, the stacks below the marks, and the memo."""

    def __init__(self, make: Make, persistent: Callable[[Any], Any]) -> None:
        self.make = make
        self.persistent = persistent
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _MARKED:
            made = _MARKED[name](self.marked())  # first: it changes which stack is in use
            self.stack.append(made)
        elif name in _TUPLES:
            self.stack.append(self.last(_TUPLES[name]))
        elif name in _OTHERS:
            _OTHERS[name](self, argument)
        elif name not in _NO_EFFECT:
            raise DamagedError(f"the instruction {name} belongs to no checkpoint")

    def pop(self) -> Any:
        return self.last(1)[0]

    def last(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise DamagedError("its stack runs empty")
        found = tuple(self.stack[-count:])
        del self.stack[-count:]
        return found

    def top(self) -> Any:
        if not self.stack:
            raise DamagedError("its stack runs empty")
        return self.stack[-1]

    def marked(self) -> list[Any]:
        if not self.below:
            raise DamagedError("a mark is missing in it")
        found, self.stack = self.stack, self.below.pop()
        return found

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def drop(self, _: Any) -> None:
        self.pop()

    def drop_marked(self, _: Any) -> None:
        self.marked()

    def twice(self, _: Any) -> None:
        self.stack.append(self.top())

    def recall(self, index: Any) -> None:
        if index not in self.memo:
            raise DamagedError("it recalls what was never kept")
        self.stack.append(self.memo[index])

    def keep(self, index: Any) -> None:
        self.memo[len(self.memo) if index is None else index] = self.top()

    def append(self, _: Any) -> None:
        self._extend([self.pop()])

    def extend(self, _: Any) -> None:
        self._extend(self.marked())

    def _extend(self, values: list[Any]) -> None:
        target = self.top()
        if isinstance(target, list):
            target.extend(values)

    def dictionary(self, _: Any) -> None:
        made: dict[str, Any] = {}
        put(made, _pairs(self.marked()))
        self.stack.append(made)

    def set_item(self, _: Any) -> None:
        pair = self.last(2)
        put(self.top(), [pair])

    def set_items(self, _: Any) -> None:
        pairs = _pairs(self.marked())
        put(self.top(), pairs)

    def name(self, words: Any) -> None:
        self.stack.append(Name(words.replace(" ", ".")[:LONGEST_KEY]))

    def name_from_stack(self, _: Any) -> None:
        words = self.last(2)
        if not all(isinstance(word, str) and len(word) <= LONGEST_KEY for word in words):
            raise DamagedError("a name in it is no text")
        self.stack.append(Name(".".join(words)))

    def call(self, _: Any) -> None:
        self._call(*self.last(2))

    def call_with_keywords(self, _: Any) -> None:
        made, arguments, _keywords = self.last(3)
        self._call(made, arguments)

    def call_marked(self, _: Any) -> None:
        made, *arguments = self.marked() or [None]
        self._call(made, tuple(arguments))

    def call_named(self, words: Any) -> None:
        self._call(Name(words.replace(" ", ".")), tuple(self.marked()))

    def _call(self, made: Any, arguments: Any) -> None:
        if isinstance(made, Name) and isinstance(arguments, tuple):
            self.stack.append(self.make(made.text, arguments))
        else:
            self.stack.append(Thing("something unnamed"))

    def build(self, _: Any) -> None:
        """Give the object on top its state: whatever can be given one, says so itself."""
        state, target = self.pop(), self.top()
        if hasattr(target, "state"):
            target.state = state

    def refer(self, argument: Any) -> None:
        self.stack.append(self.persistent(self.pop() if argument is None else argument))


def _pairs(values: list[Any]) -> Any:
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
