"""Answers from simulated machines with noise, against the true speeds: never from noise."""

import random
from collections import Counter

import numpy as np
import pytest

import made_records as records
from posemark.records.schema import Published
from posemark.report import results
from posemark.report.recommend.answer import Wishes, recommend

NETWORKS = {"a": (20, 40), "b": (5, 25), "c": (60, 12), "d": (2, 70)}
WISHES_PER_MACHINE = 100
MACHINES = 10


def true_ms(entry, people):
    base, slope = NETWORKS[entry[0]]
    return base + slope * people


def measured(folder, chance):
    """Yield two entries of each network: 3 to 30 blocks on a machine whose speed varies."""
    for network in NETWORKS:
        for twin in "12":
            lines, blocks = iter(range(10_000)), []
            for _ in range(chance.choice([3, 6, 12, 30])):
                pace = 1 + chance.normal(0, 0.03)
                crowds = chance.integers(1, 9, 4)
                blocks.append(
                    [
                        records.frame(
                            next(lines),
                            int(1e6 * true_ms(network, n) * pace * chance.lognormal(0, 0.01)),
                            boxes=int(n),
                        )
                        for n in crowds
                    ]
                )
            head = records.header(
                f"{network}{twin}@gt",
                network=network,
                published=Published(0.7, "gt", True, "p"),
                truth=f"truth-{network}{twin}.json",
            )
            records.write(folder, head, blocks)
    return results.load_rows([folder])


def judged(rows, wish, tally):
    answer = recommend(rows, wish)
    fits = {each.name for each in (*answer.shortlist, *answer.beaten)}
    out = {each.name for each in answer.excluded}
    for row in rows:
        people = row.persons / row.frames if wish.people is None else wish.people
        true = 1000 / true_ms(row.entry, people) >= wish.min_fps
        if row.entry in fits:
            tally["right" if true else "wrongly in"] += 1
        elif row.entry in out:
            tally["wrongly out" if true else "right"] += 1
        else:
            tally["undecided"] += 1
    for network in NETWORKS:
        pair = {f"{network}1@gt", f"{network}2@gt"}
        tally["separated"] += len(pair & fits) == 1 and len(pair & out) == 1


@pytest.fixture(scope="module")
def tally(tmp_path_factory):
    counts, dice = Counter(), random.Random(3)
    for machine in range(MACHINES):
        rows = measured(tmp_path_factory.mktemp("machine"), np.random.default_rng(machine))
        for _ in range(WISHES_PER_MACHINE):
            wish = Wishes(min_fps=dice.uniform(0.5, 40), people=dice.choice([None, 1, 5, 20]))
            judged(rows, wish, counts)
    return counts


def test_a_thousand_wishes_are_answered_rightly_or_not_at_all(tally):
    wrong = tally["wrongly in"] + tally["wrongly out"]
    answered = tally["right"] + wrong + tally["undecided"]
    assert answered == 8 * MACHINES * WISHES_PER_MACHINE
    assert wrong <= 0.05 * answered
    assert tally["undecided"] <= 0.6 * answered


def test_entries_of_one_network_are_never_separated(tally):
    assert tally["separated"] == 0
