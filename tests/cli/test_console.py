"""Values that users type: times in a video."""

import pytest
import typer

from posemark.cli import console


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(
            ("0", 0),
            ("0.0s", 0),
            ("12.5", 12.5),
            ("1m30s", 90),
            ("1:30", 90),
            (" 0:00:02.25", 2.25),
        ),
        *(("1:00:00", 3600), ("00:05", 5)),
    ],
)
def test_a_time_in_a_video_is_read_as_people_write_it(text, seconds):
    assert console.time_of_video(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:2:3:4", "soon", "1:", "nan", "1:3s"])
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(typer.BadParameter, match="such as 12.5 .seconds., 1m30s or 1:30, got"):
        console.time_of_video(text)
