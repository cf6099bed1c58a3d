"""JSON lists are limited before they take many times their size in memory."""

import re

import msgspec
import pytest

from posemark.datasets import _json_lists
from posemark.datasets._json_lists import MisfitError, decoded, decoded_entries, indexed


class _File(msgspec.Struct):
    images: list[msgspec.Raw]
    others: list[int] = []


class _Entry(msgspec.Struct):
    number: int


FORMS = {"list": (list[msgspec.Raw], b"%s"), "struct": (_File, b'{"x": 0, "images": %s}')}


@pytest.mark.parametrize("name", FORMS)
def test_what_is_no_object_is_refused_before_it_is_kept(name, monkeypatch):
    form, around = FORMS[name]
    content = around % (b"[" + b"{}," * 50 + b"1]")
    assert decoded(content, form)  # a small file may be decoded, its entries are judged later
    monkeypatch.setattr(_json_lists, "_LARGE", 100)
    with pytest.raises(MisfitError, match="Expected `object`, got `int`"):
        decoded(content, form)
    assert decoded(around % (b"[" + b"{}," * 50 + b"{}]"), form)


def test_a_large_list_of_another_place_is_named(monkeypatch):
    monkeypatch.setattr(_json_lists, "_LARGE", 10)
    with pytest.raises(MisfitError, match=re.escape("Expected `object`, got `array` - at `$.imag")):
        decoded(b'{"images": [[1, 2, 3]], "others": [1, 2, 3]}', _File)


def test_the_objects_of_a_file_are_counted_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(_json_lists, "MOST_OBJECTS", 3)
    assert len(decoded(b"[{},{},{}]", list[msgspec.Raw])) == 3
    with pytest.raises(MisfitError, match=r"^it has 4 objects, above the limit of 3$"):
        decoded(b"[{},{},{},{}]", list[msgspec.Raw])


def test_a_long_entry_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(_json_lists, "MOST_ENTRY_BYTES", 20)
    entries = decoded(b'[{"number": 1}, {"number": 2, "x": [1, 2, 3]}]', list[msgspec.Raw])
    with pytest.raises(MisfitError, match=r"made\[1\] is .*: it has 29 bytes, above the limit of"):
        decoded_entries(indexed(entries), "made", _Entry)
    assert decoded_entries(indexed(entries[:1]), "made", _Entry)[0].number == 1
