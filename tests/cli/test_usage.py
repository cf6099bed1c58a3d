"""A command line that cannot be understood: expected what, got what, what to do; exit 2."""

import re
import sys

import pytest
import typer
from typer.testing import CliRunner

from posemark import cli
from posemark.core.errors import UsageError

LIBRARY = re.compile(
    r"Invalid value|is not in the range|is not a valid|is not one of|No such|Usage:"
)


def refused(*words):
    """What is said of a command line."""
    done = CliRunner().invoke(cli.app, words)
    assert isinstance(done.exception, UsageError), done.output
    said = str(done.exception)
    assert not LIBRARY.search(said)
    assert "expected " in said
    assert "got " in said
    assert re.search(r"`posemark[a-z ]* --help` \w", said), "what to do"
    return said


def commands(group, words=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def parameters():
    for words, command in commands(typer.main.get_command(cli.app)):
        for parameter in command.params:
            yield words, parameter


OPTIONS = [
    (words, max(each.opts, key=len), each)
    for words, each in parameters()
    if each.param_type_name == "option" and not each.is_flag and "--help" not in each.opts
]
NUMBERS = [
    *((("run",), f"--{name}") for name in ("limit", "repeat", "threads", "max-batch")),
    *((("run",), f"--{name}") for name in ("min-score", "budget", "fps")),
    *((("run",), f"--{name}") for name in ("max-people", "detector-size", "streams")),
    *((("bundle",), f"--{name}") for name in ("limit", "max-batch", "min-score")),
    *((("predict",), f"--{name}") for name in ("step", "subject", "every", "min-score", "threads")),
    *((("recommend",), f"--{name}") for name in ("people", "min-fps", "max-ap-loss")),
    *((("tune",), f"--{name}") for name in ("budget", "frames", "max-ap-loss")),
    (("machine",), "--threads"),
    (("report",), "--gallery"),
]
CHOICES = [
    (("run",), "--mode", "burst, sustained, paced, overlapped or accuracy"),
    *((command, "--engine", "local or ray") for command in (("run",), ("predict",))),
    (("run",), "--persons", "serial or batched"),
    (("bundle",), "--persons", "serial or batched"),
    (("run",), "--detector-precision", "fp32, bf16, fp16 or int8"),
    (("recommend",), "--licence", "any or commercial"),
    (("tune",), "--for", "latency or throughput"),
]
WORDS = {
    *("--data", "--boxes", "--weights", "--codec", "--runtime", "--precision", "--device"),
    *("--layout", "--calibrate", "--setting", "--machine", "--out", "--output", "--runtimes"),
    *("--save", "--as", "--part", "--accept-licence"),
    *("--within", "--until", "--gate", "--max-memory"),
    *("--save-boxes", "--detector-runtime"),
    *("--address", "--target"),
    *("--from", "--to", "--poses", "--format", "--compare", "--detector"),
}
"""Options that take any text, as far as typer knows: their own checks say what is wrong."""

ARGUMENTS = {
    "compare": ("a", "b"),
    "list": (),
    "machine": (),
    "weights list": (),
    "weights doctor": (),
}


def called(words):
    return (*words, *ARGUMENTS.get(" ".join(words), ("x",)))


def test_every_option_is_tried_here():
    tried = {(words, option) for words, option, *_ in (*NUMBERS, *CHOICES)}
    left = {option for words, option, _ in OPTIONS if (words, option) not in tried}
    assert left <= WORDS


@pytest.mark.parametrize(("words", "option"), NUMBERS, ids=str)
def test_a_number_out_of_range_or_no_number(words, option):
    for typed in ("-1", "some"):
        said = refused(*called(words), f"{option}={typed}")
        assert re.match(
            rf"{option}: expected a (whole )?number(, [\d.]+ or more| from [\d.]+ to [\d.]+), ",
            said,
        )
        assert f", got '{typed}'. Give {option} such a value, or leave it out." in said


@pytest.mark.parametrize(("words", "option", "choices"), CHOICES, ids=str)
def test_a_choice_that_is_none(words, option, choices):
    said = refused(*called(words), option, "gpl")
    assert said.startswith(f"{option}: expected {choices}, got 'gpl'. ")


@pytest.mark.parametrize(("words", "option", "parameter"), OPTIONS, ids=str)
def test_an_option_without_its_value(words, option, parameter):
    said = refused(*called(words), option)
    assert re.match(rf"{option}: expected .+ after it, got nothing\. ", said)


@pytest.mark.parametrize("words", [words for words, _ in commands(typer.main.get_command(cli.app))])
def test_an_option_that_there_is_not(words):
    said = refused(*called(words), "--nothing-like-it")
    assert said.startswith(f"posemark {' '.join(words)}: expected one of its options, got ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recommend", "x", "--people", "0"), "--people: expected a whole number, 1 or more, got"),
        (("recommend", "x", "--licence", "gpl"), "--licence: expected any or commercial, got "),
        (("run", "x", "--min-score", "2"), "--min-score: expected a number from 0 to 1, got '2'."),
        (("run", "x", "--within", "soon"), "--within: expected a time such as 7m, 90s"),
        (("run", "x", "--budget", "nan"), "--budget: expected a number, 0.1 or more, got 'nan'."),
        (("run", "x", "--limits", "2"), "got --limits. Did you mean --limit? "),
        (("run", "--limit", "2"), "posemark run: expected ENTRY|GLOB|SUITE..., got nothing."),
        (("run", "x", "--flip=1"), "--flip: expected no value, got one. Give --flip alone."),
        (("compare", "a"), "posemark compare: expected NEW, got nothing."),
        (("compare", "a", "b", "c"), "posemark compare: expected BASE and NEW, got 'c' as well."),
        (("list", "light"), "posemark list: expected options only, got 'light' as well."),
        (("reprot", "x"), "posemark: expected a command (list, get, "),
        (("reprot", "x"), "Did you mean report? `posemark --help` says what each does."),
        (("weights", "improt"), "Did you mean import? `posemark weights --help` "),
        (("--verbose",), "posemark: expected one of its options, got --verbose."),
    ],
)  # fmt: skip
def test_the_words(words, said):
    assert said in refused(*words)


def test_the_last_of_several_values_is_the_one_that_is_named():
    said = refused("recommend", "x", "--people", "3", "--people", "0")
    assert "got '0'" in said


def test_the_program_ends_with_one_paragraph_and_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["posemark", "recommend", "x", "--people", "0"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    assert said.err.startswith("error: --people: expected a whole number, 1 or more, got '0'.")
    assert said.err.count("\n") == 1


def test_a_command_without_words_shows_its_help():
    done = CliRunner().invoke(cli.app, ["run"])
    assert "Usage: posemark run" in done.output
    assert "error" not in done.output.lower().split("examples")[0]
