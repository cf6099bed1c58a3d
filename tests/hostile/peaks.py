"""Hostile files of the peak rates of a machine."""

from pathlib import Path
from unittest.mock import patch

import msgspec

from hostile.kind import Kind, written
from posemark.machine import peak
from posemark.machine.rates import Rate


def peaks() -> list[bytes]:
    """Return the rates of an idle machine, and of one that others used."""
    rates = {name: Rate(1e11, 0.02, "a product") for name in ("fp32", "int8")}
    made = [
        peak.MachinePeak(rates, Rate(2e10, 0.03, "copies"), 1, {"cpu": "made"}, "now", taken)
        for taken in ({}, {"other_cpu_ns": 0.01, "stolen_ns": 0.5})
    ]
    return [msgspec.json.encode(each) for each in made]


def read_peaks(folder: Path, content: bytes) -> object:
    """Load the rates as a run does; the name of the file takes longer than its content."""
    path = written(folder / "ceiling-made.json", content)
    with patch.object(peak, "path_of", lambda *_: path):
        known = peak.load(1)
    return known and (known.disturbed, known.figures())


KINDS = {"peaks": Kind(peaks, read_peaks, lines_of_json=True)}
