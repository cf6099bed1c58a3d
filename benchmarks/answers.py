"""How often `recommend` is right, wrong or undecided on simulated machines with noise.

The machines, their true speeds and the wishes are those of tests/report/test_recommend_noise.py.
Run with `python benchmarks/answers.py`; it takes about half a minute.
"""

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"


def main() -> None:
    """Print the shares without and with --people, and how often twins were separated."""
    sys.path[:0] = [str(TESTS), str(TESTS / "report")]
    import numpy as np
    import test_recommend_noise as simulated

    from posemark.report.recommend import Wishes

    tallies = {"without --people": Counter(), "with --people": Counter()}
    dice = random.Random(3)
    for machine in range(simulated.MACHINES):
        with tempfile.TemporaryDirectory() as folder:
            rows = simulated.measured(Path(folder), np.random.default_rng(machine))
        for _ in range(simulated.WISHES_PER_MACHINE):
            wish = Wishes(min_fps=dice.uniform(0.5, 40), people=dice.choice([None, 1, 5, 20]))
            kind = "without --people" if wish.people is None else "with --people"
            simulated.judged(rows, wish, tallies[kind])
    for kind, tally in tallies.items():
        told = {name: tally[name] for name in ("wrong", "right", "undecided")}
        total = sum(told.values())
        shares = ", ".join(f"{name} {100 * count / total:.1f} %" for name, count in told.items())
        print(f"{kind}: {total:,} answers: {shares}; separated twins: {tally['separated']}")


if __name__ == "__main__":
    main()
