"""One type of options: its limits are those of the command line, and its rules hold everywhere."""

from dataclasses import fields, replace
from inspect import unwrap
from typing import get_args, get_type_hints

import pytest

from posemark.cli.run import run
from posemark.core.errors import UsageError
from posemark.run.options import LIMITS, Options, as_key, require_consistent, with_choices
from posemark.run.plan import plan

USUAL = Options("sample", 1)
ENTRY = "naive-litehrnet-18-256x192@gt"


def declared(field):
    """What the command line takes for a field: its type without None, and its typer.Option."""
    name = {"camera_fps": "fps"}.get(field, field)
    kind, option = get_args(get_type_hints(unwrap(run), include_extras=True)[name])
    return kind, option


@pytest.mark.parametrize("field", [field.name for field in fields(Options)])
def test_the_command_line_has_every_option_with_its_limits(field):
    _, option = declared(field)
    assert (option.min, option.max) == LIMITS.get(field, (None, None))


@pytest.mark.parametrize("field", ["persons", "mode", "precision"])
def test_the_choices_of_the_command_line_are_those_of_the_type(field):
    kind, _ = declared(field)
    assert kind == get_type_hints(Options)[field]


def test_a_number_beyond_all_floats_is_beyond_its_limit():
    with pytest.raises(ValueError, match=r"^threads: expected 1 to 1024, got -1000"):
        with_choices(USUAL, {"threads": -(10**400)})


@pytest.mark.parametrize("name", LIMITS)
def test_a_value_beyond_its_limit_is_one_for_files_as_well(name):
    low, high = LIMITS[name]
    kind = float if "float" in str(get_type_hints(Options)[name]) else int
    assert getattr(with_choices(USUAL, {name: kind(low)}), name) == kind(low) or kind is int
    for wrong in [low - 1] + ([high + 1] if high else []):
        with pytest.raises(ValueError, match=f"{name}: expected {low:g} "):
            with_choices(USUAL, {name: kind(wrong)})


CONTRADICTIONS = [
    ({"max_batch": 4}, "--max-batch 4 only applies with --persons batched", "max_batch = 4 only"),
    (
        {"calibrate": "sample", "precision": "bf16"},
        "--calibrate sample only applies with --precision int8. Add --precision int8, or leave",
        'calibrate = "sample" only applies with precision = "int8"',
    ),
    (
        {"mode": "sustained", "repeat": 2},
        "--repeat 2 only applies with --mode burst or --mode overlapped. In a sustained run the",
        "repeat = 2 only applies",
    ),
    ({"streams": 2}, "--streams 2 only applies with --mode overlapped", "streams = 2 only"),
    (
        {"mode": "overlapped", "streams": 2},
        "--streams 2 needs at least one thread for each frame, but there are 1. Use at most "
        "--streams 1, or more --threads 2.",
        "streams = 2 needs at least one thread",
    ),
    ({"mode": "paced"}, "needs the frame rate of its camera", "camera_fps = 30"),
    ({"camera_fps": 30.0}, "no other mode has a camera", "camera_fps = 30"),
]


@pytest.mark.parametrize(("changes", "typed", "written"), CONTRADICTIONS)
def test_options_that_contradict_each_other_are_refused_in_the_words_of_their_place(
    changes, typed, written
):
    wrong = replace(USUAL, **changes)
    with pytest.raises(UsageError) as error:
        plan([ENTRY], wrong)
    assert typed in str(error.value)
    with pytest.raises(UsageError) as error:
        require_consistent(wrong, as_key)
    assert written in str(error.value)
