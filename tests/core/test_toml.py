"""TOML files from outside: their size and the depth of their keys are limited before parsing."""

import pytest

from posemark.core import toml


def test_a_long_dotted_key_is_refused_before_it_takes_memory():
    with pytest.raises(ValueError, match="line 2 has more than 100 dots"):
        toml.parsed(b"a = 1\n" + b"a." * 60_000 + b"a = 1")


@pytest.mark.parametrize("before", ["", "[", "x = {"])
def test_keys_are_limited_wherever_they_stand(before):
    with pytest.raises(ValueError, match="line 1 has more than 100 dots"):
        toml.parsed((before + "a." * 101 + "a = 1").encode())


def test_comments_and_numbers_may_have_dots():
    numbers = ", ".join(["0.5"] * 90)
    text = "# " + "." * 500 + f"\n  # {'.' * 500}\nmean = [{numbers}]\na.b.c = 1"
    assert toml.parsed(text.encode()) == {"mean": [0.5] * 90, "a": {"b": {"c": 1}}}


@pytest.mark.parametrize(
    ("where", "key"),
    [("a = {}", "a"), ("a = [1, {}]", "a"), ("[a.b]\nc = [[{{d = {}}}]]", "a.b.c.d")],
)
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, "0x" + "f" * 5000])
def test_an_integer_of_more_than_64_bits_is_refused(where, key, number):
    with pytest.raises(ValueError, match=f"the key {key} has an integer of more than 64 bits"):
        toml.parsed(where.format(number).encode())
    assert toml.parsed(where.format(2**63 - 1).encode())


def test_a_large_file_is_not_read(tmp_path):
    path = tmp_path / "made.toml"
    path.write_bytes(b"#" * (toml.LONGEST + 1))
    with pytest.raises(ValueError, match="it has more than 131072 bytes"):
        toml.content_of(path)
    path.write_bytes(b"#" * toml.LONGEST)
    assert len(toml.content_of(path)) == toml.LONGEST


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "9" * 20, "0x" + "f" * 5000])
def test_an_integer_of_any_length_is_refused_in_the_same_words(number):
    with pytest.raises(ValueError, match=r"has an integer of more than 64 bits$"):
        toml.parsed(f"a = {number}".encode())
