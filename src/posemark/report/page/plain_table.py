"""A table of the page that is neither sorted nor filtered, in a box that scrolls sideways."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class PlainTable:
    """A table and the section around it.

    Attributes:
        heading: the heading of the section.
        caption: a paragraph above the table.
        id: the id of its box.
        label: what a screen reader calls it.
        titles: the titles of the columns.
        numeric: the titles of the columns with numbers, which are aligned right.
        lines: the cells of each row; the first one names the row.
    """

    heading: str
    caption: str
    id: str
    label: str
    titles: Sequence[str]
    numeric: frozenset[str]
    lines: Sequence[Sequence[str]]

    def section(self) -> str:
        """Return the section in HTML."""
        heads = "".join(
            f'<th scope="col"{self._kind(title)}>{_lines(title)}</th>' for title in self.titles
        )
        body = "\n".join(f"<tr>{''.join(self._cells(line))}</tr>" for line in self.lines)
        return (
            f"<section>\n<h2>{escape(self.heading)}</h2>\n"
            f'<p class="soft">{escape(self.caption)} All entries, whatever the filters.</p>\n'
            f'<div class="scroll plain" id="{self.id}" tabindex="0" role="region" '
            f'aria-label="{escape(self.label)}">\n'
            f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"
            "</div>\n</section>\n"
        )

    def _cells(self, line: Sequence[str]) -> Iterable[str]:
        named, *cells = line
        yield f'<th scope="row">{escape(named)}</th>'
        for title, cell in zip(self.titles[1:], cells, strict=True):
            yield f"<td{self._kind(title)}>{escape(cell)}</td>"

    def _kind(self, title: str) -> str:
        return ' class="number"' * (title in self.numeric)


def _lines(title: str) -> str:
    return "<br>".join(map(escape, title.split("\n")))
