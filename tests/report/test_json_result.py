"""The JSON results: their names, their documentation, and that they are complete."""

from dataclasses import fields

import msgspec
import pytest

import json_page
import report_rows
from posemark.measure.clock import STAGES
from posemark.measure.latency import PERCENTILES
from posemark.report import json_descriptions, tables
from posemark.report.json_result import Accuracy, Latency, Result, Stages, result_of
from posemark.report.result_row import Row

RENAMED = {
    "intercept_ms": "base_ms",
    "sustainable_fps": "camera_fps",
    "camera_fps": "paced_fps",
    "share": "of_peak",
}

INSIDE = {
    "inference",
    "shared_fps",
    "ap_draws",
    "ap_images",
    "typed",
    "card",
    "folder",
    "data_images",
    "bundled",
}
"""Fields that rules and commands use, and that are not printed."""


def test_the_page_is_generated_from_the_types():
    written = json_page.PAGE.read_text(encoding="utf-8")
    assert written == json_page.page(), "run `make docs`"


def test_every_field_of_every_printed_type_says_what_it_means():
    for kind in [
        *json_page.WHERE,
        *(own for each in json_page.WHERE for own in json_page.nested(each)),
    ]:
        assert kind.__doc__
        for field in json_descriptions.fields_of(kind):
            assert json_page.meaning(field)[-1:] == ".", f"{kind.__name__}.{field.name}"
            assert f"`{field.name}`" in json_page.page()


def test_all_that_a_row_knows_is_in_its_result():
    names = {RENAMED.get(field.name, field.name) for field in fields(Row)}
    assert names - set(Result.__struct_fields__) == INSIDE
    assert set(Result.__struct_fields__) - names == {"schema"}


def as_json(found):
    return msgspec.json.decode(msgspec.json.encode(found))


@pytest.mark.parametrize("rows", [report_rows.mixed, report_rows.seed_measured])
def test_values_are_those_of_the_row(rows):
    for row in rows():
        found, own = as_json(result_of(row)), as_json(row)
        for name in own.keys() - INSIDE - {"latency_ms", "age_ms", "stage_ms"}:
            assert found[RENAMED.get(name, name)] == own[name], name
        assert found["stage_ms"] == own["stage_ms"]
        for name in ("latency_ms", "age_ms"):
            assert {percent: ms for percent, ms in found[name].items() if ms} == own[name]


def test_the_camera_of_a_run_and_the_camera_it_keeps_up_with_have_names_of_their_own():
    row = report_rows.measured(camera_fps=30.0, sustainable_fps=4.125, share=0.4, mode="paced")
    found = result_of(row)
    assert (found.paced_fps, found.camera_fps, found.of_peak) == (30.0, 4.125, 0.4)


def test_nested_names_are_those_that_are_measured():
    assert Stages.__struct_fields__ == STAGES
    assert Accuracy.__struct_fields__ == tables.METRICS
    assert Latency.__struct_fields__ == tuple(f"p{percent}" for percent in PERCENTILES)
