"""What is written for Python 3.6: subscripted classes, and libraries that may be missing."""

import pytest

from posemark.bundle.flatten import flatten
from posemark.core.errors import FlattenError


def run(program):
    """Flatten a program, run it, and return its variables."""
    variables = {}
    exec(flatten(program=program).source, variables)
    return variables


def test_a_subscripted_class_is_the_class():
    found = run(
        "from collections import Counter\n"
        "kinds = (dict[str, float], Counter[int], list[tuple[int, str]])\n"
        "made = set[int]()\n"
        "cells = {'dict': [1]}['dict'][0]\n"
    )
    assert [each.__name__ for each in found["kinds"]] == ["dict", "Counter", "list"]
    assert (found["made"], found["cells"]) == (set(), 1)


GUARDED = """
def power():
    try:
        import {library}
    except {error}:
        return None
    return {library}
"""


def test_a_library_may_be_missing_if_the_error_is_caught(monkeypatch):
    from posemark.bundle import substitutes

    monkeypatch.setattr(substitutes, "RUNNER", "nothing.at.all")
    monkeypatch.setattr("posemark.bundle.lowering.PROGRAM", "no program")
    found = run(GUARDED.format(library="no_such_library", error="ImportError"))
    assert found["power"]() is None
    with pytest.raises(FlattenError, match="a device may not have the library no_such_library"):
        run(GUARDED.format(library="no_such_library", error="ValueError"))
