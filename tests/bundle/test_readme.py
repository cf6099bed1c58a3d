"""What a bundle says of itself, in its README.txt and in docs/edge.md."""

import pytest

import edge_page
from posemark.bundle.readme import readme
from posemark.bundle.targets import TARGETS


def test_the_table_of_the_page_is_that_of_the_targets():
    assert edge_page.PAGE.read_text(encoding="utf-8") == edge_page.page(), "run `make docs`"
    assert all(f"`{target.name}`" in edge_page.table() for target in TARGETS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_it_fits_a_serial_console_and_names_every_engine(target):
    text = readme(target, ["tiny@gt"], {"other@gt": "no “engine” reads it"}, 7)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"  {name}: " in text for name in target.engines)
    assert "tiny@gt" in text
    assert "other@gt: no ?engine? reads it" in text
    assert "(7 frames each)" in text
    assert ("jetson_clocks" in text) == target.name.startswith("jetson")
