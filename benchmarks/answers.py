"""How often `recommend` is right, wrong or undecided on simulated machines and images with noise.

The machines, their true speeds and the wishes are those of tests/report/test_recommend_noise.py;
the images and the true APs those of tests/report/test_recommend_accuracy_noise.py. Run with
`python benchmarks/answers.py`; it takes a minute or two. With `--face-value` every figure is
taken as exact, as if there were no noise, which shows the benefit of the intervals.
"""

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"

BENCHMARKS = 25

KINDS = ("wrongly in", "wrongly out", "right", "undecided")


def main() -> None:
    """Print the shares for speed and for AP, and how often twins were separated."""
    sys.path[:0] = [str(TESTS), str(TESTS / "report")]
    if "--face-value" in sys.argv[1:]:
        _forget_noise()
    for kind, tally in {**_speeds(), **_accuracies()}.items():
        total = sum(tally[name] for name in KINDS)
        shares = ", ".join(f"{name} {100 * tally[name] / total:.1f} %" for name in KINDS)
        twins = f"; separated twins: {tally['separated']}" if "people" in kind else ""
        print(f"{kind}: {total:,} answers: {shares}{twins}")


def _forget_noise() -> None:
    """Make all rules treat every figure as exact from here on."""
    from posemark.report import missing_evidence
    from posemark.report.recommend import rules
    from posemark.report.recommend.candidates import Loss

    loss = rules.loss
    rules.bounds = lambda row, fps, people: (fps, fps)
    rules.loss = lambda best, own: Loss(*[loss(best, own).points] * 3)
    missing_evidence.unsure = missing_evidence.noise = lambda row: ""


def _speeds() -> dict[str, Counter[str]]:
    import numpy as np
    import test_recommend_noise as simulated

    from posemark.report.recommend.answer import Wishes

    tallies = {"FPS without --people": Counter(), "FPS with --people": Counter()}
    dice = random.Random(3)
    for machine in range(simulated.MACHINES):
        with tempfile.TemporaryDirectory() as folder:
            rows = simulated.measured(Path(folder), np.random.default_rng(machine))
        for _ in range(simulated.WISHES_PER_MACHINE):
            wish = Wishes(min_fps=dice.uniform(0.5, 40), people=dice.choice([None, 1, 5, 20]))
            kind = "FPS without --people" if wish.people is None else "FPS with --people"
            simulated.judged(rows, wish, tallies[kind])
    return tallies


def _accuracies() -> dict[str, Counter[str]]:
    import test_recommend_accuracy_noise as simulated

    return {"AP": simulated.counts(BENCHMARKS)}


if __name__ == "__main__":
    main()
