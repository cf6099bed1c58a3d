"""L5: finds the fastest setting of an entry: the steps to try, the search, the comparisons."""

from typing import Literal

Goal = Literal["latency", "throughput"]
"""What the search makes better: the time of one frame after the other (pose stages), or the number
of frames per second of wall time (all stages), for which frames may overlap."""
