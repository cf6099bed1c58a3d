"""What is written for Python 3.6 in place of subscripted classes."""

from posemark.bundle.flatten import flatten


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
