"""Writes docs/json.md from the types of the JSON results: `make docs`."""

from pathlib import Path

from msgspec import inspect

from posemark.report import json_descriptions, json_outputs
from posemark.report.json_result import Result

PAGE = Path(__file__).parents[1] / "docs" / "json.md"
WHERE = {
    Result: "`posemark run --json` (one object per line), `posemark report -o x.json` (an array)",
    json_outputs.Recommendation: "`posemark recommend --json`",
    json_outputs.ComparedRuns: "`posemark compare --json`",
    json_outputs.Tuning: "`posemark tune --json`",
    json_outputs.MachinePeaks: "`posemark machine --json`",
    json_outputs.Addresses: "`posemark weights doctor --json`",
}
INTRODUCTION = f"""# JSON

<!-- Generated from src/posemark/report by `make docs`. Do not edit. -->

What PoseMark prints with `--json`. Every object has the version of its form in `schema`, currently
{json_descriptions.SCHEMA}. The version rises when a field is removed or changes its name, type or
meaning. New fields do not raise it, so readers should ignore fields that they do not know. Shares
and AP are between 0 and 1, whatever the tables print. Records (`*.jsonl`) are another format.

CSV has the fields of [Result](#result) as columns, with nested fields as `stage_ms.infer` or
`fps_interval.low`; fields marked "not in CSV" are left out.
"""
SCALARS = {
    inspect.StrType: "text",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "true or false",
    inspect.AnyType: "any value",
    inspect.NoneType: "null",
}


def page():
    """Return the text of docs/json.md."""
    inner, parts = [], [INTRODUCTION]
    for kind, where in WHERE.items():
        parts.append(section(kind, f"Printed by {where}."))
        inner += nested(kind)
    parts += [section(kind) for kind in dict.fromkeys(inner)]
    return "\n".join(parts)


def nested(kind):
    """Return the types of the fields of a type, and recursively those of their fields."""
    return [
        each
        for field in json_descriptions.fields_of(kind)
        for own in structs(field.type)
        for each in (own, *nested(own))
    ]


def structs(kind):
    """Return the classes that a type annotation contains."""
    match kind:
        case inspect.StructType():
            return [kind.cls]
        case inspect.Metadata():
            return structs(kind.type)
        case inspect.UnionType():
            return [each for own in kind.types for each in structs(own)]
        case inspect.TupleType():
            return [each for own in kind.item_types for each in structs(own)]
        case inspect.VarTupleType() | inspect.ListType():
            return structs(kind.item_type)
        case inspect.DictType():
            return structs(kind.value_type)
        case _:
            return []


def section(kind, where=""):
    """Return the section of one type: its description and a table of its fields."""
    rows = [
        f"| `{field.name}` | {words(field.type)} | {field.type.extra['unit']} | {meaning(field)} |"
        for field in json_descriptions.fields_of(kind)
    ]
    head = ["| field | type | unit | meaning |", "|:--|:--|:--|:--|"]
    text = where or " ".join(kind.__doc__.split())
    return "\n".join([f"## {kind.__name__}", "", text, "", *head, *rows, ""])


def meaning(field):
    """Return the description of a field."""
    note = "" if field.type.extra["csv"] else " Not in CSV."
    return field.type.extra_json_schema["description"].replace("|", "\\|") + note


def words(kind):
    """Return the words for a type."""
    match kind:
        case inspect.StructType():
            return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
        case inspect.Metadata():
            return words(kind.type)
        case inspect.UnionType():
            return " or ".join(map(words, kind.types))
        case inspect.TupleType():
            return f"array of {len(kind.item_types)}: {', '.join(map(words, kind.item_types))}"
        case inspect.VarTupleType() | inspect.ListType():
            return f"array of {words(kind.item_type)}"
        case inspect.DictType():
            return f"object by name of {words(kind.value_type)}"
        case _:
            return SCALARS[type(kind)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
