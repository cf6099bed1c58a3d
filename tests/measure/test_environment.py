"""What the record says about the machine."""

import json
import os
from importlib.metadata import version

import pytest

from posemark.measure import environment as module
from posemark.measure.environment import cpu_model, environment, usable_cores


def test_it_names_the_machine_and_the_software_and_can_be_written_as_json():
    found = environment()
    assert set(found) == {
        *("cpu", "cores", "cpus", "memory_gib", "system", "machine", "python", "libraries"),
    }
    assert json.loads(json.dumps(found)) == found
    assert found["cpu"] == cpu_model() != ""
    assert found["cores"] == usable_cores() >= 1
    assert found["memory_gib"] > 0
    assert found["libraries"]["numpy"] == version("numpy")
    assert found["libraries"]["torch"] == version("torch")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == 3


@pytest.mark.parametrize(("counted", "expected"), [(6, 6), (None, 1)])
def test_without_affinity_all_cores_count_and_there_is_at_least_one(monkeypatch, counted, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores() == expected


def test_a_library_that_is_not_installed_is_none(monkeypatch):
    monkeypatch.setattr(module, "LIBRARIES", ("numpy", "no-such-library-anywhere"))
    found = environment()["libraries"]
    assert found == {"numpy": version("numpy"), "no-such-library-anywhere": None}
