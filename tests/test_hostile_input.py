"""Every reader of bytes from outside refuses hostile input with an error of one paragraph.

`benchmarks/fuzz.py` searches for longer, guided by coverage; what it has found is read here again.
"""

from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("av")
pytest.importorskip("pyarrow")

from hostile import kinds, mutants
from hostile.kind import LONGEST_MESSAGE
from posemark.core.errors import PoseMarkError

MUTANTS = 200
"""Mutants of each kind."""

KEPT = Path(__file__).parent / "golden" / "hostile"


def refusal(kind, folder, content):
    """Return the error with which an input is refused; "" if it is read."""
    try:
        kind.read(folder, content)
    except PoseMarkError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", kinds.NAMES)
def test_mutants_are_read_or_refused(name, tmp_path):
    kind = kinds.kind_of(name)
    seeds = kind.seeds()
    assert [refusal(kind, tmp_path, seed) for seed in seeds] == [""] * len(seeds)
    for number in range(MUTANTS):
        try:
            said = refusal(kind, tmp_path, mutants.mutant(kind, seeds, number))
        except Exception as error:
            raise AssertionError(f"mutant {number} of {name}") from error
        assert len(said) <= LONGEST_MESSAGE, f"mutant {number} of {name}"


@pytest.mark.parametrize("path", sorted(KEPT.glob("*/*")), ids=lambda path: path.name)
def test_what_the_fuzzer_found_is_read_or_refused(path, tmp_path):
    kind = kinds.kind_of(path.parent.name)
    assert len(refusal(kind, tmp_path, path.read_bytes())) <= LONGEST_MESSAGE


def test_every_kind_of_finding_belongs_to_a_reader():
    assert {path.name for path in KEPT.iterdir()} <= set(kinds.NAMES)


def test_mutants_are_reproducible_and_differ_from_their_seeds():
    kind = kinds.kind_of("records")
    seeds = kind.seeds()
    made = [mutants.mutant(kind, seeds, number) for number in range(40)]
    assert made == [mutants.mutant(kind, seeds, number) for number in range(40)]
    assert len({*made} - {*seeds}) > 35
