"""Accuracy by size, crowding and occlusion of people, in words and cells."""

from posemark.report import formats
from posemark.report.result_row import Row
from posemark.score.people_groups import FEWEST_PEOPLE, MUCH_HIDDEN, MUCH_OVERLAP, PeopleGroup

HEADING = "Who is found"

CAPTION = (
    "COCO's AR in points: the share of the people of a group that are found, averaged over the OKS "
    "thresholds 0.50 to 0.95, with the number of people. small, medium, large: areas below 32², "
    "up to 96² and above. overlap: the largest IoU of the person's box with another person's box "
    f"is 0, at most {MUCH_OVERLAP:g}, or above. hidden: the share of the labelled key points that "
    f"are annotated as not visible is 0, at most {MUCH_HIDDEN:g}, or above. Fewer than "
    f"{FEWEST_PEOPLE} people give no figure (too few)."
)

Key = tuple[str, str]
"""The property of a group and its value."""


def shown(rows: list[Row]) -> dict[Key, str]:
    """Return the titles of the groups that have people, by key, in order.

    A title has the number of people on its second line, if it is the same for all rows.
    """
    found: dict[Key, set[int]] = {}
    for group in (group for row in rows for group in row.people_groups):
        found.setdefault((group.by, group.name), set()).add(group.people)
    return {key: _title(key[1], counts) for key, counts in found.items() if any(counts)}


def _title(name: str, counts: set[int]) -> str:
    return f"{name}\n{_people(*counts)}" if len(counts) == 1 else name


def _people(count: int) -> str:
    return formats.counted(count, "person", "people")


def cells(row: Row, titles: dict[Key, str]) -> list[str]:
    """Return the figures of a row for the groups of `shown`.

    Args:
        row: a row with people_groups.
        titles: the groups; a figure has the number of its people where the title does not.
    """
    own = {(group.by, group.name): group for group in row.people_groups}
    return [_cell(own[key], "\n" in title) for key, title in titles.items()]


def _cell(group: PeopleGroup, counted: bool) -> str:
    if not group.people:
        return formats.DASH
    text = "too few" if group.recall is None else formats.points(group.recall)
    return text if counted else f"{text} ({group.people:,})"
