"""Output of native code on standard error."""

import os

import pytest

from posemark.runtimes.native_output import STDERR, quiet


def test_chatter_is_held_back_and_later_words_are_not(capfd):
    with quiet():
        os.write(STDERR, b"INFO: created a delegate\n")
    os.write(STDERR, b"a warning\n")
    assert capfd.readouterr().err == "a warning\n"


def test_what_was_held_back_appears_with_an_error(capfd):
    def fails():
        os.write(STDERR, b"ERROR: no such operator\n")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), quiet():
        fails()
    os.write(STDERR, b"after\n")
    assert capfd.readouterr().err == "ERROR: no such operator\nafter\n"
