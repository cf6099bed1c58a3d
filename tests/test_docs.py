"""Tables of the documentation: every row has as many cells as its heading."""

import re
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def cells(line):
    """Return the number of cells; an escaped bar, or one in a code span, separates nothing."""
    return len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_rows_of_a_table_have_the_cells_of_its_heading(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    numbered = enumerate(lines, 1)
    for is_table, group in groupby(numbered, lambda pair: pair[1].startswith("|")):
        if is_table:
            (_, heading), *rest = group
            wrong = [number for number, line in rest if cells(line) != cells(heading)]
            assert not wrong, f"{page.name}: lines {wrong}"
