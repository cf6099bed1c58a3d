"""How figures are written."""

import pytest

from posemark.report import formats


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, formats.DASH),
        (0.0021, "±0.21%"),
        (0.0213, "±2.1%"),
        (1.0, "±100.0%"),
        (143.78, "±>1000%"),
    ],
)
def test_an_interval_wider_than_the_figure_is_not_given_in_thousands_of_per_cent(share, text):
    assert formats.plus_minus(share) == text
