"""Writes the table of targets into docs/edge.md: `make docs`."""

import re
from pathlib import Path

from posemark.bundle.targets import TARGETS

PAGE = Path(__file__).parents[1] / "docs" / "edge.md"
PART = re.compile(r"(<!-- Generated from \S+targets\.py .*? -->\n).*?(<!-- end -->)", re.DOTALL)


def table():
    """Return the table of targets."""
    rows = [
        ("`--target`", "device", "opset", "precision", "frames", "engines, the first is preferred"),
        ("---",) * 6,
    ]
    for each in TARGETS:
        engines = ", ".join(each.engines)
        name = f"`{each.name}`"
        rows.append((name, each.title, each.opset, each.precision, each.frames, engines))
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)


def page():
    """Return the page with the present table."""
    written, count = PART.subn(
        lambda found: f"{found[1]}{table()}{found[2]}", PAGE.read_text(encoding="utf-8")
    )
    assert count == 1
    return written


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
