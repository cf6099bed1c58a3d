"""Whether other processes used the machine."""

import pytest
from msgspec import structs

import made_records
from posemark.measure.contention import MOST_TAKEN, contended, share
from posemark.records import files


def record(folder, **taken):
    """Return a record of ten blocks; in each, others took this share of the machine."""
    lines = [[made_records.frame(image, 20_000_000)] for image in range(10)]
    made = files.read(made_records.write(folder, made_records.header(), lines))
    cpus = made.header.environment["cpus"]
    for block in made.blocks:
        readings = {name: int(part * cpus * block.readings.wall_ns) for name, part in taken.items()}
        object.__setattr__(block, "readings", structs.replace(block.readings, **readings))
    return made


@pytest.mark.parametrize("name", MOST_TAKEN)
@pytest.mark.parametrize(("factor", "expected"), [(0.9, False), (1.1, True)])
def test_more_than_the_limit_is_contended(tmp_path, name, factor, expected):
    made = record(tmp_path, **dict.fromkeys(MOST_TAKEN, 0.0) | {name: factor * MOST_TAKEN[name]})
    assert share(made, name) == pytest.approx(factor * MOST_TAKEN[name], abs=1e-6)
    assert contended(made) is expected


def test_missing_readings_do_not_count_against_a_run(tmp_path):
    made = record(tmp_path)
    for block in made.blocks:
        unknown = structs.replace(block.readings, **dict.fromkeys(MOST_TAKEN))
        object.__setattr__(block, "readings", unknown)
    assert [share(made, name) for name in MOST_TAKEN] == [None] * 3
    assert not contended(made)
