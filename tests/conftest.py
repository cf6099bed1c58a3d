"""One thread a test process: two workers on two cores would otherwise wait for each other."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
