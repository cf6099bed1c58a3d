"""Files of LiteRT with inputs of several shapes."""

from pathlib import Path

import numpy as np
import pytest

WEIGHTS = Path(__file__).parents[2].parent / "shared" / "weights"
FILE = WEIGHTS / "movenet_multipose_lightning_fp16.tflite"


@pytest.mark.skipif(not FILE.exists(), reason="needs ../shared/weights")
def test_every_shape_has_an_interpreter_so_that_none_is_prepared_twice(capfd, monkeypatch):
    from posemark.runtimes import tflite

    monkeypatch.setattr(tflite, "SHAPES", 2)
    file = tflite.TfliteFile(FILE, 1, tflite._interpreter)
    rng = np.random.default_rng(0)
    shapes = [(1, 96, 128, 3), (1, 128, 96, 3), (1, 128, 128, 3)]
    batches = [rng.integers(0, 255, shape, np.uint8) for shape in shapes]
    wanted = [tflite.TfliteFile(FILE, 1, tflite._interpreter).infer(batch) for batch in batches]
    opened = []
    monkeypatch.setattr(file, "_open", lambda: opened.append(1) or tflite._interpreter(FILE, 1))
    for index in (0, 1, 0, 1, 2, 0):
        found = file.infer(batches[index])
        for name, rows in wanted[index].items():
            np.testing.assert_array_equal(found[name], rows)
    assert len(opened) == 1, "the first was open already, and the third shape took over the oldest"
    assert "INFO" not in capfd.readouterr().err
