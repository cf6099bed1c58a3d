"""Toy packages, each run as it is and as one flattened file, which must do the same."""

import ast
import itertools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import posemark
from posemark.bundle import substitutes
from posemark.bundle.definitions import FlattenError
from posemark.bundle.flatten import flatten
from posemark.bundle.wrapping import WIDTH, wrapped
from posemark.codecs.heatmap import Heatmap
from posemark.geometry import affine

PACKAGE = Path(posemark.__file__).parent

_NUMBERS = itertools.count()


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Makes a package of its own for the test; TOY in source text is its name."""
    return _Toy(f"toy_package_{next(_NUMBERS)}", tmp_path, monkeypatch)


class _Toy:
    def __init__(self, name, folder, monkeypatch):
        self.name, self._folder = name, folder
        monkeypatch.syspath_prepend(str(folder))
        (folder / name).mkdir()
        self.write("__init__", "")

    def write(self, module, text):
        path = self._folder / self.name / f"{module}.py"
        path.write_text(self._named(text))

    def flattened(self, program):
        packages = (self.name, "posemark")
        return flatten(program=self._named(program), packages=packages).source

    def same(self, program):
        """Require that the flattened program has the same RESULT as the program itself."""
        wanted = self.result(self._named(program))
        source = self.flattened(program)
        assert self.result(source) == wanted
        python = os.environ.get("POSEMARK_OLD_PYTHON")
        if python:
            file = self._folder / "flattened.py"
            file.write_text(f"{source}\nprint(repr(RESULT))\n")
            ended = subprocess.run([python, "-B", str(file)], capture_output=True, text=True)
            assert ended.stdout.strip() == repr(wanted), ended.stderr
        return source

    def result(self, source):
        namespace = {"__name__": "program"}
        exec(compile(source, "program", "exec"), namespace)
        return namespace["RESULT"]

    def _named(self, text):
        return textwrap.dedent(text).replace("TOY", self.name)


# ---------------------------------------------------------------------------------- names


def test_equal_names_of_two_modules_stay_apart(toy):
    toy.write("a", "def _half(x):\n    return x / 2\n\ndef one(x):\n    return _half(x)\n")
    toy.write("b", "def _half(x):\n    return x // 2\n\ndef two(x):\n    return _half(x)\n")
    source = toy.same("from TOY.a import one\nfrom TOY.b import two\nRESULT = one(3), two(3)\n")
    assert "def _half_in_a(x)" in source
    assert "def _half_in_b(x)" in source


def test_a_local_variable_does_not_hide_what_another_name_means(toy):
    toy.write("a", "def area(x):\n    return x * x\n")
    toy.write(
        "b",
        """
        from TOY.a import area as square

        def used(area):
            inner = [square(area) for square_ in (1,)]
            return inner, (lambda area: square(area + 1))(area)
        """,
    )
    toy.same("from TOY.b import used\nRESULT = used(3)\n")


def test_parameters_loops_and_comprehensions_hide_names_of_the_module(toy):
    toy.write(
        "a",
        """
        value, other = 1, 10

        def of_parameter(value):
            return value + other

        def of_loop():
            for value in range(3):
                pass
            return value

        def of_comprehension():
            return [value for value in range(value)], value

        def of_nested():
            other = 5

            def inner(more=other):
                nonlocal other
                other += more
                return other

            return inner(), other, value

        def of_handler():
            try:
                raise ValueError("x")
            except ValueError as value:
                return str(value)
        """,
    )
    toy.write("b", "value = other = 'another module'\n")
    toy.same(
        """
        from TOY import b
        from TOY.a import of_parameter, of_loop, of_comprehension, of_nested, of_handler

        RESULT = (
            *(of_parameter(2), of_loop(), of_comprehension(), of_nested(), of_handler()),
            *(b.value, b.other),
        )
        """
    )


def test_classes_see_the_names_of_the_module_and_methods_do_not_see_those_of_the_class(toy):
    toy.write(
        "a",
        """
        size = 3

        class Box:
            width = size + 1
            both = [each + 1 for each in range(width)]

            def scale(self, size=size):
                return size * self.width
        """,
    )
    toy.write("b", "size = width = 7\n")
    toy.same("from TOY import a, b\nRESULT = a.Box().scale(), a.Box.both, b.size, b.width\n")


def test_modules_are_used_as_namespaces_in_every_way_of_importing_them(toy):
    toy.write("a", "def f():\n    return 'a'\n")
    toy.write("__init__", "from TOY.a import f as shown\n")
    toy.write(
        "b",
        """
        import TOY.a
        import TOY.a as first
        from TOY import a as second
        from . import a as third
        from .a import f as fourth
        from TOY import shown

        def every():
            return [TOY.a.f(), first.f(), second.f(), third.f(), fourth(), shown()]
        """,
    )
    assert toy.same("from TOY.b import every\nRESULT = every()\n").count("def f(") == 1


def test_imports_inside_functions_are_followed(toy):
    toy.write(
        "a",
        """
        def f():
            from TOY.b import g
            import time
            from functools import partial
            return partial(g, 1)(2), time.perf_counter_ns() > 0, time.time() > 0

        def h():
            return 1
        """,
    )
    toy.write("b", "from TOY.a import h\n\ndef g(x, y):\n    return x + y + h()\n")
    toy.same("from TOY.a import f\nRESULT = f()\n")


def test_only_what_is_needed_is_in_the_file(toy):
    toy.write("a", "import torch\n\nUNUSED = torch.zeros(1)\n\ndef f():\n    return 1\n")
    source = toy.flattened("from TOY.a import f\nRESULT = f()\n")
    assert "torch" not in source
    assert "UNUSED" not in source


def test_a_library_may_be_missing_where_that_is_caught(toy):
    toy.write(
        "a",
        """
        def f():
            try:
                import absent_library
            except (ImportError, OSError):
                return "absent"
            else:
                return absent_library
        """,
    )
    toy.same("from TOY.a import f\nRESULT = f()\n")


def test_a_name_that_is_assigned_twice_keeps_both_statements(toy):
    toy.write("a", "table = [1]\ntable = [*table, 2]\ntable += [3]\nother = table\n")
    toy.same("from TOY.a import other\nRESULT = other\n")


def test_blocks_at_the_top_level_are_kept(toy):
    toy.write(
        "a",
        """
        import sys

        try:
            import fcntl
        except ImportError:
            fcntl = None

        if sys.version_info >= (3, 11):
            def locked():
                return fcntl is not None
        else:
            def locked():
                return fcntl is not None
        """,
    )
    toy.same("from TOY.a import locked\nRESULT = locked()\n")


def test_roots_are_objects_or_names_and_their_new_names_are_known():
    made = flatten([("posemark.geometry.affine", "SCALE_UNIT"), affine.invert, Heatmap.decode])
    assert made.names["posemark.geometry.boxes", "SCALE_UNIT"] == "SCALE_UNIT"
    assert made.names["posemark.codecs.heatmap", "Heatmap"] == "Heatmap"
    namespace = {"__name__": "flattened"}
    exec(made.source, namespace)
    assert namespace["SCALE_UNIT"] == affine.SCALE_UNIT
    inverse = namespace["invert"](np.full((1, 2, 3), 2.0))
    assert inverse.tolist() == [[[0.5, 0, -1], [0, 0.5, -1]]]


# -------------------------------------------------------------------------------- classes


def test_data_classes_behave_as_those_of_the_standard_library(toy):
    toy.write(
        "a",
        """
        from dataclasses import asdict, dataclass, field, fields, replace
        from typing import ClassVar

        @dataclass(frozen=True)
        class Base:
            first: int
            second: "list[int]" = field(default_factory=lambda: [1])
            kind: ClassVar[str] = "base"

        @dataclass(frozen=True)
        class More(Base):
            third: float | None = None
            hidden: int = field(default=4, repr=False, compare=False)

        @dataclass
        class Open:
            first: int
            double: int = field(init=False)
            more: int = field(init=False, default=9)

            def __post_init__(self):
                self.double = 2 * self.first

        @dataclass(frozen=True, eq=False)
        class Alone:
            x: int = 0

        @dataclass(kw_only=True, slots=True)
        class Named:
            x: int
            y: int = 2

        def refused(make):
            try:
                make()
            except (TypeError, AttributeError) as error:
                return isinstance(error, AttributeError)
            return "accepted"

        def change(instance):
            instance.first = 1

        def made():
            one, two = More(1), More(first=1, hidden=5)
            opened = Open(2)
            opened.first = 3
            return [
                repr(one), repr(Base(2, [3])), one == two, one == Base(1), one != More(2),
                hash(Base(1, (2,))) == hash(Base(1, (2,))), repr(replace(one, third=1.5)),
                one.second is not two.second, More.kind, [f.name for f in fields(More)],
                asdict(More(1, [Base(2, {"a": Base(3)})])), repr(opened), opened.double,
                Alone() == Alone(), repr(Named(x=1)), Open.__hash__ is None,
                refused(lambda: More()), refused(lambda: More(1, first=2)),
                refused(lambda: More(1, [2], 3, 4, 5)), refused(lambda: More(1, other=2)),
                refused(lambda: change(one)), refused(lambda: Named(1)),
                refused(lambda: Open(1, 2)),
                refused(lambda: hash(Open(1))), More.third, Base(1, [2]).second,
                refused(lambda: replace(one, other=1)),
            ]
        """,
    )
    toy.same("from TOY.a import made\nRESULT = made()\n")


def test_other_kinds_of_classes_keep_what_they_do(toy):
    toy.write(
        "a",
        """
        from abc import ABC, abstractmethod
        from collections.abc import Iterator
        from dataclasses import dataclass
        from enum import Enum
        from functools import cache, cached_property, lru_cache
        from typing import Generic, NamedTuple, Protocol, TypeVar, final

        T = TypeVar("T")

        class Shape(Protocol):
            def area(self) -> float: ...

            @property
            def name(self) -> str:
                return "shape"

        class Pair(NamedTuple):
            first: list[int]
            second: "Pair | None" = None

            @classmethod
            def of(cls, n: int) -> "Pair":
                return cls([n])

            def total(self) -> int:
                return sum(self.first)

        class Kind(Enum):
            A = "a"
            B = "b"

        class Frame(Iterator[int]):
            def __init__(self) -> None:
                self.at: int = 0

            def __next__(self) -> int:
                self.at += 1
                if self.at > 3:
                    raise StopIteration
                return self.at

        class Holder(ABC, Generic[T]):
            held: T

            @abstractmethod
            def get(self) -> T: ...

        @final
        @dataclass(frozen=True)
        class Held(Holder[int], Shape):
            held: int

            def get(self) -> int:
                return super().get() or self.held

            @cached_property
            def costly(self) -> list[int]:
                return [self.held]

        @cache
        def counted(x: int) -> list[int]:
            return [x]

        @lru_cache(maxsize=1)
        def last(x: int) -> list[int]:
            return [x]

        def made():
            try:
                Holder()
            except TypeError:
                abstract = True
            held = Held(3)
            return [
                Pair.of(2), Pair([1, 2], Pair([3])).total(), Pair._fields, Kind("b").name,
                list(Frame()), abstract, held.get(), held.costly is held.costly, held.name,
                counted(1) is counted(1), last(2), list[int](), dict[str, int](a=1),
            ]
        """,
    )
    toy.same("from TOY.a import made\nRESULT = repr(made())\n")


# --------------------------------------------------------------------------------- syntax


def test_newer_syntax_has_a_counterpart(toy):
    toy.write(
        "a",
        """
        from collections import defaultdict, deque
        from collections.abc import Callable, Iterator
        from enum import Enum
        from typing import TYPE_CHECKING, Any, cast, overload

        if TYPE_CHECKING:
            import torch

        @overload
        def kinds(x: int) -> int: ...
        @overload
        def kinds(x: str) -> str: ...
        def kinds(x: Any, /, y: "torch.Tensor | None" = None) -> Any:
            if TYPE_CHECKING:
                import torch
            return isinstance(x, int | float | str), issubclass(bool, (int | str)), y

        def starred(*a: int, end: int = 9) -> tuple[int, ...]:
            return *a, end

        def yielded() -> Iterator[tuple[int, ...]]:
            pair = 1, 2
            yield *pair, 3

        def zipped(*sides: Any) -> Any:
            try:
                return list(zip(*sides, strict=True))
            except ValueError:
                return "lengths"

        def text(name: str, width: int = 7) -> list[str]:
            values: dict[str, float] = {"it": 1.25}
            found: list[int] = []
            declared: int
            return [
                f"{name!r:>{width}}|{values['it']:.1f}|{{}}|{', '.join(['a', 'b'])}",
                f"{name}: {width:04d} {name!r}", f"{width=}", f"{f'{name}-{width}'}",
                f"{name.replace('a', chr(92))}", "it's \\\\ {width}",
                name.removeprefix("na").removesuffix("me"), name.removesuffix(""),
                cast(str, name), cast("Any", found),
            ]

        class Kind(Enum):
            A = 1

        default_factory, name = dict[str, int], "A"

        def made() -> list[Any]:
            waiting, counts = deque[int]([1]), defaultdict[str, int](int)
            call: Callable[[int], int] = lambda x, /: x + 1
            index, table = (0, *[1]), {(0, 1): "found"}
            return [
                kinds(1), kinds([]), starred(1, 2), list(yielded()), text("name"), list(waiting),
                default_factory(), Kind["A"].value, Kind[name].value,
                zipped("ab", (1, 2)), zipped("ab", (1,)), zipped(iter("ab"), iter("ab")),
                zipped(iter("a"), iter("ab")), list(zip("ab", (1,), strict=False)),
                counts["x"], call(1), table[*index], [n for n in (*index, 2)],
                {**{"a": 1}, "b": 2}, [*range(2)], 1_000, {1} | {2}, 1 | 2,
            ]
        """,
    )
    toy.same("from TOY.a import made\nRESULT = repr(made())\n")


def test_newer_functions_have_a_counterpart(toy):
    toy.write(
        "a",
        """
        import math
        import time
        from contextlib import nullcontext
        from datetime import UTC, datetime
        from itertools import pairwise
        from subprocess import run
        import subprocess

        import numpy as np

        def arrays():
            values = np.array([[3, 1, 2], [1, 1, 5]], np.float32)
            none = np.zeros((0, 3), np.float32)
            order = np.argsort(values[1], kind="stable"), values[0].argsort(kind="stable")
            taken = np.take_along_axis(values, values.argsort(1), 1)
            rounded = round(np.float64(2.5))
            return [
                values.max(1, initial=2).tolist(), none.max(0, initial=0).tolist(),
                none.min(1, keepdims=True, initial=4).tolist(), float(none.max(initial=7)),
                values.max(1, keepdims=True, initial=0).dtype.name, order[0].tolist(),
                order[1].tolist(), taken.tolist(), rounded, type(rounded), round(2.567, 1),
                max([], default=3), np.take_along_axis(values, np.array([[1, 0, 1]]), 0).tolist(),
            ]

        def made():
            ended = run(["echo", "x"], capture_output=True, text=True, check=True)
            with nullcontext(3) as three:
                pass
            return [
                arrays(), list(pairwise("abc")), math.prod([2, 3]), math.dist((0, 0), (3, 4)),
                datetime.fromtimestamp(0, UTC).isoformat(), time.perf_counter_ns() > 0,
                time.monotonic_ns() > 0, time.time_ns() > 10**18, ended.stdout, three,
                subprocess.run(["true"]).returncode,
            ]
        """,
    )
    toy.same("from TOY.a import made\nRESULT = repr(made())\n")


def test_docstrings_are_kept_and_those_of_constants_become_comments(toy):
    toy.write(
        "a",
        """
        '''What the module is.

        Source: a paper.
        '''

        LIMIT = 3
        '''The largest number.'''

        def f():
            '''Return the limit.'''
            return LIMIT, __doc__
        """,
    )
    source = toy.same("from TOY.a import f\nRESULT = f()\n")
    assert "# What the module is.\n#\n# Source: a paper.\n" in source
    assert "# The largest number.\nLIMIT = 3\n" in source
    assert '"""Return the limit."""' in source


def test_the_top_of_the_file_says_what_it_is():
    source = flatten(program="x = 1\n", command="posemark bundle lite").source
    first, second, *_ = source.splitlines()
    assert first == "#!/usr/bin/env python3"
    assert second.startswith("# Generated by `posemark bundle lite` with PoseMark")
    assert posemark.__version__ in second


def test_a_library_is_replaced_where_it_is_not_installed(toy, monkeypatch):
    monkeypatch.setitem(substitutes.STAND_INS, "absent_library", f"{toy.name}.plain")
    monkeypatch.setitem(substitutes.STAND_INS, "json", f"{toy.name}.plain")
    toy.write("plain", "def dumps(x):\n    return 'plain'\n\ndef double(x):\n    return 2 * x\n")
    toy.write(
        "a",
        """
        import json

        import absent_library

        TABLE = {1: absent_library.double(4)}

        def f():
            return absent_library.double(2), TABLE, json.dumps([])
        """,
    )
    source = toy.flattened("from TOY.a import f\nRESULT = f()\n")
    assert toy.result(source) == (4, {1: 8}, "[]")
    toy.write("b", "import absent_library\n\ndef f():\n    return absent_library.half(2)\n")
    with pytest.raises(FlattenError, match=r"\.b, line 3: .*\.plain.* has no half"):
        toy.flattened("from TOY.b import f\nRESULT = f()\n")


# ------------------------------------------------------------------------------- refusals

REFUSALS = {
    "walrus": ("line 3: .*no :=", "def made():\n    x = 1\n    if y := x:\n        return y\n"),
    "match": ("no match", "def made(x):\n    match x:\n        case 1:\n            pass\n"),
    "except*": (
        r"no except\*",
        "def made():\n    try:\n        f()\n    except* ValueError: pass\n",
    ),
    "async": ("plain function", "async def made():\n    pass\n"),
    "dict |": ("join dicts", "def made(x):\n    return {'a': 1} | x\n"),
    "dict |=": ("join dicts", "def made(x):\n    x |= dict(a=1)\n"),
    "type |": ("tuple of them", "made = int | str\n"),
    "global": ("`global`", "x = 1\ndef made():\n    global x\n    x = 2\n"),
    "globals()": ("names may change", "def made():\n    return globals()\n"),
    "__file__": ("would mean the flattened file", "def made():\n    return __file__\n"),
    "a library": ("library torch", "import torch\ndef made():\n    return torch.zeros\n"),
    "a library inside": ("line 2: .*torch", "def made():\n    import torch\n    return torch\n"),
    "a module as value": ("used as a value", "from TOY import b\ndef made():\n    return b\n"),
    "an effect": ("line 1: a statement with an effect", "print(1)\ndef made():\n    pass\n"),
    "a loop": ("an effect", "T = {}\nfor x in 'ab':\n    T[x] = 1\ndef made():\n    return T\n"),
    "an unknown name": ("no definition of nothing", "from TOY.b import nothing as made\n"),
    "an unknown module": ("no module .*other", "from TOY.other import made\n"),
    "later numpy": ("Generator", "import numpy as np\ndef made():\n    np.random.Generator\n"),
    "later argument": ("prepend", "import numpy as np\ndef made():\n    np.diff([], prepend=1)\n"),
    "pad": ("mode of pad", "import numpy as np\ndef made():\n    np.pad([], 1)\n"),
    "sum(initial=)": ("initial", "def made(x):\n    return x.sum(initial=1)\n"),
    "max(where=)": ("where", "def made(x):\n    return x.max(initial=1, where=x)\n"),
    "np.max(initial=)": (
        "only the methods",
        "import numpy as np\ndef made(x):\n    return np.max(x, initial=1)\n",
    ),
    "TypedDict": (
        "plain dict",
        "from typing import TypedDict\nclass made(TypedDict):\n    x: int\n",
    ),
    "InitVar": (
        "InitVar",
        "import dataclasses as d\n@d.dataclass\nclass made:\n    x: d.InitVar[int]\n",
    ),
    "typing": ("typing.get_args", "import typing\ndef made(x):\n    return typing.get_args(x)\n"),
    "an alias of types": ("typing", "from typing import Literal\nmade = Literal['a']\n"),
    "a strict flag": ("True and False", "def made(x):\n    return zip(x, strict=x)\n"),
    "two meanings": ("Rename one", "x = 1\nclass made:\n    x = x\n"),
    "missing_ok": ("missing_ok", "def made(x):\n    x.unlink(missing_ok=True)\n"),
    "a part of a package": ("Use `from`", "import xml.dom\ndef made():\n    return xml.dom\n"),
    "a star": ("Write the names", "from os import *\ndef made():\n    return path\n"),
    "continue": (
        "`finally`",
        """
        def made():
            for x in ():
                try:
                    pass
                finally:
                    continue
        """,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_has_no_counterpart_is_refused_with_its_place(toy, case):
    match, text = REFUSALS[case]
    toy.write("b", "x = 1\n")
    toy.write("a", text)
    with pytest.raises(FlattenError, match=match):
        toy.flattened("from TOY.a import made\nRESULT = made\n")


def test_what_is_needed_before_it_is_defined_is_refused(toy):
    toy.write("a", "from TOY import b\n\nmade = b.Late()\n\nclass Base:\n    pass\n")
    toy.write("b", "from TOY import a\n\nclass Late(a.Base):\n    pass\n")
    with pytest.raises(FlattenError, match=r"needs .*\.a\.Base, which is defined after it"):
        toy.flattened("from TOY.a import made\nRESULT = made\n")


def test_type_parameters_are_refused(toy):
    if sys.version_info < (3, 12):
        pytest.skip("this Python has no type parameters")
    toy.write("a", "def made[T](x: T) -> T:\n    return x\n")
    with pytest.raises(FlattenError, match="type parameters"):
        toy.flattened("from TOY.a import made\nRESULT = made\n")


def test_functions_of_the_program_may_import_the_library_of_an_engine():
    program = "def f():\n    import some_engine\n    return some_engine, __file__\n"
    assert "import some_engine" in flatten(program=program).source
    with pytest.raises(FlattenError, match="some_engine"):
        flatten(program=f"import some_engine\n{program}\ny = some_engine.x\n")


# ---------------------------------------------------------------------------------- lines


def test_breaking_long_lines_changes_nothing_else():
    long, broken = 0, 0
    for name in ("codecs/paf.py", "codecs/paf_layouts.py", "pipelines/topdown.py", "core/spec.py"):
        source = ast.unparse(ast.parse((PACKAGE / name).read_text(encoding="utf-8")))
        text = wrapped(source)
        assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(source))
        long += sum(len(line) > WIDTH for line in source.splitlines())
        broken += sum(len(line) > WIDTH for line in text.splitlines())
    assert broken < long / 2  # what is left is text without a comma


def test_lines_break_at_commas_outside_text_and_inner_brackets():
    calls = [f"f({n}, 'a, (b{n}')" for n in range(7)]
    assert max(map(len, wrapped(f"x = call({', '.join(calls)})").splitlines())) <= WIDTH
    assert wrapped(f"x = call({', '.join(calls)})").splitlines() == [
        "x = call(",
        f"    {', '.join(calls[:5])},",
        f"    {', '.join(calls[5:])}",
        ")",
    ]
