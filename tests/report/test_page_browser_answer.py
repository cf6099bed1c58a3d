"""The answer panel: it decides as posemark recommend does, and shows the reasons."""

import random
from dataclasses import replace
from functools import cache

import pytest

import report_rows
from browser_page import chromium, find, opened, settled, text, written
from posemark.report.recommend import answer as decision
from posemark.report.recommend.answer import Wishes
from posemark.report.recommend.reasons import DOUBTED, NOTHING_DECIDED, ON_TRUTH

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
DECIDE = """
const name = (each) => each.row.entry;
const mapped = (found, map) =>
  Object.fromEntries(Object.entries(found).map(([rule, each]) => [rule, map(each)]));
return arguments[0].map(({ rows, wanted }) => {
  const found = recommend(rows, wanted);
  const broken = (each) => Object.entries(each.broken).map((reason) => [name(each), ...reason]);
  return {
    fitting: found.fitting.map(({ each, by }) =>
      [name(each), each.fps, by ? name(by) : "", reasons({ each, by }, wanted)]),
    excluded: found.judged.flatMap(broken),
    undecided: undecided(found.judged).map((one) =>
      [name(one.each), one.rule, one.each.open[one.rule], command(one, wanted)]),
    gains: mapped(found.gains, (own) => own.map(name)),
    nearest: Object.fromEntries(Object.entries(found.nearest).map(([rule, each]) =>
      [rule, each ? `${name(each)}: ${offers(each, wanted)[rule]}` : NOTHING_DECIDED])),
  };
});
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as session:
        yield session


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(report_rows.seed_measured(), tmp_path_factory.mktemp("page"))


@pytest.fixture(autouse=True)
def quiet(browser):
    browser.get_log("browser")
    yield
    assert browser.get_log("browser") == []


@cache
def plain_row(make, boxes, kind):
    """Return the row that random rows start from; cached, because its intervals take long."""
    return report_rows.judged(make(boxes=boxes, letter=None), kind)


def draws(chance, ap):
    """Return resampled APs around an AP, more or less correlated with other rows, or none."""
    spread = chance.choice([None, *[0.0, 0.002, 0.02] * 3])
    return () if spread is None else tuple(chance.gauss(ap, spread) for _ in range(20))


def random_rows(chance):
    """Return rows with few different values, so that ties are common; most fit or are undecided."""
    maker = chance.choice([report_rows.row, report_rows.measured])
    images, rows = chance.choice([9, 120]), []
    for at in range(chance.randint(0, 9)):
        boxes = chance.choice(["gt", "detected", "detected"])
        make = chance.choice([report_rows.row, maker, maker, maker])
        line = chance.choice([(2.0, 3.0), (40.0, 0.5), (0.0, 5.0)] * 3 + [(None, None)])
        kind = chance.choice(["valid"] * 8 + ["noisy", "contended", "incomparable"])
        row = plain_row(make, boxes, kind)
        ap = chance.choice([0.6, 0.65, 0.7, 0.744])
        published = row.ap_published
        fps = chance.choice([None, *[5.0, 10.0, 20.0] * 3])
        row = replace(
            row,
            entry=f"entry-{at}",
            ap=row.ap and row.ap | {"AP": ap},
            ap_draws=draws(chance, ap) if row.ap else (),
            ap_images=images,
            ap_published=published and replace(published, AP=chance.choice([0.6, 0.7, 0.744])),
            fps_pose=fps,
            fps_interval=fps and chance.choice([None, (fps - 0.1, fps + 0.1), (fps - 3, fps + 3)]),
            intercept_ms=line[0],
            ms_per_person=line[1],
            line_spread=chance.choice([None, (0.0, 0.0, 0.0), (400.0, 2.0, 9.0)]),
            licence=chance.choice([*["MIT"] * 6, "CC BY-NC 4.0", None]),
            weights_licence=chance.choice(["MIT", "MIT", "MIT", "GPL-3.0"]),
            peak_memory=chance.choice([None, *[10**9, 2 * 10**9] * 3]),
            machine=chance.choice([*["one"] * 6, "another"]),
        )
        rows.append(row)
    return rows


def random_wishes(chance):
    return Wishes(
        min_fps=chance.choice([None, 5.0, 10.0, 12.5]),
        people=chance.choice([None, 1, 5, 20]),
        max_ap_loss=chance.choice([None, None, 0.0, 4.4, 10.0]),
        commercial=chance.choice([False, False, True]),
        max_memory=chance.choice([None, None, 10**9, 1_500_000_000]),
    )


def as_in_the_page(wishes):
    return {
        "fps": wishes.min_fps,
        "people": wishes.people,
        "loss": wishes.max_ap_loss,
        "commercial": wishes.commercial,
        "memory": wishes.max_memory,
    }


def decided(answer):
    return {
        "fitting": [
            [each.name, each.fps, each.beaten_by, [*each.reasons]] for each in answer.fitting
        ],
        "excluded": [[each.name, each.constraint, each.why] for each in answer.excluded],
        "undecided": [
            [each.name, each.constraint, each.why, each.command] for each in answer.undecided
        ],
        "gains": {rule: list(names) for rule, names in answer.gains.items()},
        "nearest": answer.nearest,
    }


def test_the_page_decides_as_the_program_does(browser, page):
    opened(browser, page)
    chance = random.Random(11)
    cases = [(random_rows(chance), random_wishes(chance)) for _ in range(400)]
    asked = [
        {"rows": decision.page_data(rows), "wanted": as_in_the_page(wishes)}
        for rows, wishes in cases
    ]
    answers = [decision.recommend(rows, wishes) for rows, wishes in cases]
    assert browser.execute_script(DECIDE, asked) == [decided(answer) for answer in answers]
    assert sum(len(answer.shortlist) > 1 for answer in answers) > 20
    assert sum(bool(answer.beaten) for answer in answers) > 20
    for rule in ("fps", "ap"):
        found = [each for answer in answers for each in answer.undecided if each.constraint == rule]
        assert len(found) > 20
        assert len({each.why.rpartition(" ")[0] for each in found}) > 5
    near = [text for answer in answers for text in answer.nearest.values()]
    assert sum(text == NOTHING_DECIDED for text in near) > 5
    assert sum(text != NOTHING_DECIDED for text in near) > 20


def wish(browser, **wishes):
    for name, value in wishes.items():
        field = find(browser, f"#wishes [name={name}]")
        field.clear()
        field.send_keys(str(value))
    settled(browser)


def test_the_panel_shows_the_shortlist_what_is_excluded_and_what_a_wish_costs(browser, page):
    opened(browser, page)
    wish(browser, min_fps=0.5, max_loss=20)
    answer = decision.recommend(report_rows.seed_measured(), Wishes(min_fps=0.5, max_ap_loss=20.0))
    browser.execute_script("document.querySelector('#answer > details').open = true")
    shown = text(browser, "#answer")
    assert shown.startswith(f"{len(answer.fitting)} of 25 entries fit")
    places = [shown.index(f"{each.name} {each.reasons[0]}") for each in answer.fitting]
    assert places == sorted(places)
    first_on_truth = next(at for at, each in enumerate(answer.fitting) if each.on_truth)
    assert places[first_on_truth - 1] < shown.index(ON_TRUTH) < places[first_on_truth]
    first_doubted = next(at for at, each in enumerate(answer.fitting) if not each.speed_valid)
    assert places[first_doubted - 1] < shown.index(DOUBTED) < places[first_doubted]
    assert [note for note in answer.notes if note not in shown] == [answer.notes[-1]]  # --people
    by_fps = sum(each.constraint == "fps" for each in answer.excluded)
    assert f"{by_fps} excluded: speed" in shown
    for name in answer.gains["fps"]:
        assert name in shown.split("Without the wish for speed:")[1]
    assert "min_fps=0.5" in browser.execute_script("return location.hash")


def test_speeds_that_are_not_valid_stand_behind_a_line_unless_there_are_no_others(
    browser, tmp_path
):
    rows = report_rows.seed_measured()[:2]
    mixed = written([rows[0], report_rows.judged(rows[1], "contended")], tmp_path)
    opened(browser, mixed)
    assert f"1 more, {DOUBTED}" in text(browser, "#answer > details > summary")
    assert rows[1].entry not in text(browser, "#answer .shortlist")
    assert find(browser, "#answer > details").get_attribute("open") is None
    opened(browser, written([report_rows.judged(rows[1], "contended")], tmp_path, "only.html"))
    assert text(browser, "#answer > details > summary") == f"1, {DOUBTED}"
    assert rows[1].entry in text(browser, "#answer > details .shortlist")


def test_the_panel_says_what_comes_nearest_where_nothing_fits(browser, page):
    opened(browser, page, "#min_fps=1000&crowd=20")
    shown = text(browser, "#answer")
    assert shown.startswith("0 of 25 entries fit")
    answer = decision.recommend(report_rows.seed_measured(), Wishes(min_fps=1000.0, people=20))
    assert answer.nearest["fps"].partition(":")[0] in shown.split("Nearest")[1]
    assert find(browser, "[name=crowd]").get_attribute("value") == "20"


def test_the_panel_works_for_phones_and_without_entries(browser, tmp_path):
    opened(browser, written([], tmp_path), "#min_fps=5", width=375)
    assert "nothing to choose from" in text(browser, "#answer")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 375
