"""The gallery as one HTML file that loads nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from posemark import drawing
from posemark.core.counting import counted
from posemark.gallery import pictures
from posemark.gallery.choice import FEWEST_POINTS, Choice
from posemark.gallery.judged_frames import GOOD_OKS, LEAST_OKS, OFF, JudgedEntry, JudgedFrame
from posemark.gallery.words import size_of_people, what_went_wrong
from posemark.report.page.offline import filled, inline, part, policy

_HERE = "posemark.gallery"


@dataclass(frozen=True)
class Picture:
    """A frame as one entry sees it.

    Attributes:
        frame: the frame.
        uri: its picture; None if the image cannot be shown.
        reason: why it cannot be shown.
    """

    frame: JudgedFrame
    uri: str | None
    reason: str = ""


@dataclass(frozen=True)
class Section:
    """A choice of frames with their pictures.

    Attributes:
        choice: the choice.
        pictures: for each shown frame, the picture of each entry.
    """

    choice: Choice
    pictures: Sequence[Sequence[Picture]]


def html(
    entries: Sequence[JudgedEntry], sections: Sequence[Section], notes: Sequence[str], report: str
) -> str:
    """Return the page.

    Args:
        entries: the entries, in order.
        sections: the sections, in order.
        notes: sentences on entries that are left out.
        report: the file name of the report beside the page.
    """
    script = inline(part("theme.js"))
    parts = {
        "style": part("style.css") + filled(part("gallery.css", _HERE), _colours()),
        "sentence": escape(_sentence(entries)),
        "notes": "\n".join(f'<p class="warning">{escape(note)}</p>' for note in notes),
        "report": escape(quote(report)),
        "good": f"{GOOD_OKS:g}",
        "least": f"{LEAST_OKS:g}",
        "fewest": str(FEWEST_POINTS),
        "off": f"{OFF:g}",
        "scores": escape(_scores(entries)),
        "against": escape(_against(sections)),
        "contents": _contents(sections),
        "sections": "\n".join(_section(at, section) for at, section in enumerate(sections)),
        "script": script,
        "policy": policy(script),
    }
    return filled(part("gallery.html", _HERE), parts)


def _colours() -> dict[str, str]:
    found = {
        "left": drawing.LEFT,
        "right": drawing.RIGHT,
        "middle": drawing.MIDDLE,
        "truth": drawing.TRUTH,
        "mark": pictures.MARK,
        "bare": pictures.UNLABELLED,
    }
    return {name: f"rgb({', '.join(map(str, colour))})" for name, colour in found.items()}


def _sentence(entries: Sequence[JudgedEntry]) -> str:
    names = ", ".join(entry.name for entry in entries)
    differ = " and the frames where entries differ most" if len(entries) > 1 else ""
    return f"The frames where each entry does worst{differ}, with the truth and the poses: {names}."


def _scores(entries: Sequence[JudgedEntry]) -> str:
    return " ".join(f"{entry.name}: {entry.least_score:.2f}." for entry in entries)


def _against(sections: Sequence[Section]) -> str:
    """What the entries are compared with."""
    best = next((s.choice.entries[0] for s in sections if len(s.choice.entries) > 1), None)
    if best is None:
        return ""
    return (
        f"Differences are those of an entry and {best.name}, which has the highest AP, in the "
        "accuracy of a frame, in either direction."
    )


def _title(choice: Choice) -> str:
    if len(choice.entries) == 1:
        return f"Where {choice.entries[0].name} does worst"
    return f"Where {' and '.join(entry.name for entry in choice.entries)} differ most"


def _contents(sections: Sequence[Section]) -> str:
    items = (
        f'<li><a href="#section-{at}">{escape(_title(section.choice))}</a></li>'
        for at, section in enumerate(sections)
    )
    return f'<nav aria-label="Contents"><ul class="contents">{"".join(items)}</ul></nav>'


def _section(at: int, section: Section) -> str:
    choice = section.choice
    kind = "frames two" if len(choice.entries) > 1 else "frames"
    figures = "\n".join(_figure(choice.entries, shown) for shown in section.pictures)
    return (
        f'<section id="section-{at}">\n<h2>{escape(_title(choice))}</h2>\n'
        f'<p class="soft">{escape(_chosen(choice))}</p>\n'
        f'<div class="{kind}">\n{figures}\n</div>\n</section>'
    )


def _chosen(choice: Choice) -> str:
    frames = counted(choice.candidates, "frame")
    if not choice.shown and choice.candidates:
        return (
            f"The entries have the same accuracy in all of {frames} with at least {FEWEST_POINTS} "
            "labelled key points."
        )
    if not choice.shown:
        return f"No frame has {FEWEST_POINTS} labelled key points or more."
    return f"{len(choice.shown)} of {frames} with at least {FEWEST_POINTS} labelled key points."


def _figure(entries: Sequence[JudgedEntry], shown: Sequence[Picture]) -> str:
    views = "".join(map(_view, entries, shown))
    frame = shown[0].frame
    return (
        f'<figure><div class="views">{views}</div>\n<figcaption><b>{escape(frame.source.name)}</b> '
        f'<span class="soft">{escape(size_of_people(frame))}</span></figcaption></figure>'
    )


def _view(entry: JudgedEntry, picture: Picture) -> str:
    frame = picture.frame
    what = what_went_wrong(frame)
    if picture.uri is None:
        image = f'<p class="none">{escape(picture.reason)}</p>'
    else:
        words = escape(f"{frame.source.name} by {entry.name}: {what}")
        image = f'<img src="{picture.uri}" alt="{words}" loading="lazy">'
    return (
        f'<div class="view">{image}<p>{escape(entry.name)}: <b>mean OKS {frame.accuracy:.2f}</b> '
        f'<span class="what">{escape(what)}</span></p></div>'
    )
