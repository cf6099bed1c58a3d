"""The division of images into shards depends on the images alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.scale import layout


class Numbered:
    def __init__(self, image_id):
        self.image_id = image_id


@given(st.integers(0, 5000))
def test_every_image_is_in_one_shard_in_order(count):
    parts = layout.parts_of([Numbered(i) for i in range(count)])
    assert [frame.image_id for part in parts for frame in part.frames] == list(range(count))
    assert [part.shard.number for part in parts] == list(range(1, len(parts) + 1))
    assert {part.shard.of for part in parts} <= {len(parts)}
    assert len({part.shard.images for part in parts}) <= 1
    assert all(len(part.frames) >= layout.FEWEST_IMAGES for part in parts[:-1])


def test_many_images_make_large_shards_and_not_more_of_them():
    parts = layout.parts_of([Numbered(i) for i in range(100_000)])
    assert len(parts) <= layout.MOST_SHARDS


@pytest.mark.parametrize("other", [[1, 2, 3, 5], [2, 1, 3, 4], [1, 2, 3]])
def test_other_images_make_another_digest(other):
    digests = [layout.parts_of(list(map(Numbered, ids)))[0] for ids in ([1, 2, 3, 4], other)]
    assert digests[0].shard.images != digests[1].shard.images
