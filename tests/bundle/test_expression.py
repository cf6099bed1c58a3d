"""Values that are written as expressions and made again."""

import enum
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.bundle.definitions import FlattenError
from posemark.bundle.expression import MOST_ELEMENTS, expression
from posemark.bundle.flatten import flatten
from posemark.codecs.pose_rescore import DEKR_RESCORING, PoseRescore
from posemark.core.skeleton import COCO_17
from posemark.core.spec import IMAGENET
from posemark.geometry.crop import crop_batch
from posemark.models import spec_of


def again(value):
    """Make a value again from its expression."""
    namespace = {}
    exec(expression(value).assigned("made"), namespace)
    return namespace["made"]


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_plain_values_are_made_again(value):
    assert repr(again(value)) == repr(value)


def test_what_has_no_literal_is_made_again():
    values = [float("inf"), -float("inf"), set(), frozenset({3, -8}), {1}, (), (1,), [], {}]
    assert again(values) == values
    assert str(again(float("nan"))) == "nan"
    made = again([np.float32(0.1), np.int64(3), np.bool_(True), Path("models/a.onnx")])
    assert made == [np.float32(0.1), 3, True, Path("models/a.onnx")]
    assert [type(each) for each in made[:3]] == [np.float32, np.int64, np.bool_]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3), (0, 4), (1, 2, 3), ()])
def test_arrays_are_made_again_to_the_last_bit(dtype, shape):
    array = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    made = again(array)
    assert (made.dtype, made.shape, made.tobytes()) == (array.dtype, shape, array.tobytes())


class Colour(enum.Enum):
    RED = "red"


class Pair(NamedTuple):
    one: Any
    two: Any = 2


@dataclass(frozen=True)
class Facts:
    name: str
    numbers: tuple[Any, ...] = ()
    found: Any = None
    computed: int = field(init=False, default=1)


def test_classes_functions_and_their_instances_are_made_again():
    values = [
        *(Facts("a"), Facts("b", (1, (2.5,)), Pair(Colour.RED)), Pair(None, "x"), Colour.RED),
        *(Facts, len, crop_batch, PoseRescore.from_state, Facts.__repr__),
    ]
    assert again(values) == values
    made = again(partial(crop_batch, 1, pixels=IMAGENET))
    assert (made.func, made.args, made.keywords) == (crop_batch, (1,), {"pixels": IMAGENET})


def test_defaults_are_left_out_and_constants_have_their_names():
    made = expression(replace(spec_of("hrnet-w32-256x192"), build=dict, weights=()))
    assert "skeleton" not in made.text
    assert "convention=HRNET" in made.text
    assert "from posemark.geometry.conventions import HRNET" in made.imports
    assert expression([COCO_17, DEKR_RESCORING]).text == "[COCO_17, DEKR_RESCORING]"
    assert expression(Facts("a", (np.zeros(2),))).text.count("array") == 1


def test_classes_of_the_same_name_get_two():
    other = dataclass(
        type("Facts", (), {"__annotations__": {}, "__module__": "posemark.core.text"})
    )
    made = expression([Facts("a"), other()])
    assert made.text == "[Facts(name='a'), Facts_2()]"
    assert "from posemark.core.text import Facts as Facts_2" in made.imports


def test_an_expression_is_a_program_to_flatten():
    made = expression(spec_of("dekr-w32-512").method)
    source = flatten(program=made.assigned("METHOD")).source
    namespace = {"__name__": "flattened"}
    exec(source, namespace)
    assert namespace["METHOD"].codec.name == "centre-offset"
    assert "posemark" not in "".join(line for line in source.splitlines() if "import " in line)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ([1, {"a": OrderedDict}, {"b": object()}], r"value\[2\]\['b'\]: .*type object"),
        (Facts("a", (lambda: 1,)), r"value\.numbers\[0\]: .*<lambda>"),
        (np.zeros(MOST_ELEMENTS + 1), "at most 4096"),
        (np.array([object()]), "type object"),
        (Facts("a", found=(x for x in ())), r"value\.found: .*generator"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_place(value, match):
    with pytest.raises(FlattenError, match=match):
        expression(value)
