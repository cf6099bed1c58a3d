"""What leaves the program: readable in every encoding, and never an order to the terminal."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import made_records
from posemark.cli import terminal

PEOPLE = [[made_records.frame(at, 10**8 + at, boxes=at % 3) for at in range(1, 9)]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two entries, one with an order to the terminal in its weights' file name."""
    folder = tmp_path_factory.mktemp("runs")
    evil = made_records.Source("\x1b[2J\x1b]0;owned\x07[red]x[/y]|a\n| b\u202e", "f" * 64)
    made_records.write(folder, made_records.header("small@gt", weights=evil), PEOPLE)
    broken = [made_records.FrameLine(9, error="no \x1b[31mimage\x9b2J [/z]")]
    made_records.write(folder, made_records.header("other@gt"), [*PEOPLE, broken])
    return folder


def posemark(*arguments, stdout=subprocess.PIPE, **environment):
    code = "from posemark.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


COMMANDS = {
    "list": ("list",),
    "help": ("run", "--help"),
    "report": ("report", "{}"),
    "recommend": ("recommend", "{}", "--min-fps", "2"),
    "compare": ("compare", "{}", "{}"),
    "compare as JSON": ("compare", "{}", "{}", "--json"),
    "a mistake": ("report", "{}/±·\x1b[2J"),
}


@pytest.mark.parametrize(
    ("encoding", "command"),
    [("ascii", each) for each in COMMANDS.values()]
    + [("latin-1", COMMANDS["list"]), ("utf-8", COMMANDS["report"])],
)
def test_every_command_prints_in_every_encoding_and_gives_the_terminal_no_orders(
    command, encoding, folder
):
    done = posemark(*(each.format(folder) for each in command), PYTHONIOENCODING=encoding)
    said = (done.stdout + done.stderr).decode(encoding)
    assert "Traceback" not in said
    assert done.returncode in (0, 2, 3)
    assert said
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)


def test_what_cannot_be_encoded_is_written_readably_and_never_as_a_question_mark():
    raw = io.BytesIO()
    terminal.prepare()
    with io.TextIOWrapper(raw, "ascii", errors=terminal.ERRORS) as stream:
        stream.write("9.5 ± 0.2 · 3 \xd7 4 … é ² 人 → ≥ \N{GRINNING FACE} \u2018a\u2019")
        stream.flush()
        written = raw.getvalue().decode("ascii")
    assert written == "9.5 +- 0.2 - 3 x 4 ... e 2 \\u4eba -> >= \\ud83d\\ude00 'a'"


def test_a_comparison_in_a_file_gives_the_terminal_no_orders(folder, tmp_path):
    done = posemark("compare", folder, folder, "-o", tmp_path / "table.md")
    assert done.returncode in (0, 3), done.stderr
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", (tmp_path / "table.md").read_text())


def test_every_sign_that_the_program_prints_has_a_plain_form():
    terminal.prepare()
    package = Path(terminal.__file__).parent.parent
    texts = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    signs = {sign for text in texts for sign in text if not sign.isascii()}
    assert {"✓", "±"} <= signs
    assert [sign for sign in signs if "\\" in sign.encode("ascii", terminal.ERRORS).decode()] == []


def test_a_narrow_terminal_cuts_no_figure_of_the_list_of_weights():
    wide, narrow = (
        posemark("weights", "list", COLUMNS=columns, PYTHONIOENCODING="utf-8").stdout.decode()
        for columns in ("200", "40")
    )
    found = re.findall(r" (\d\d\.\d)\b", wide)
    assert len(found) > 20
    assert re.findall(r" (\d\d\.\d)\b", narrow) == found


def test_orders_to_the_terminal_are_shown_and_lines_and_tabs_stay():
    assert terminal.escaped("a\x1b[2J\r\x9b\x7f\u202e\udc80\tb\nc") == (
        "a\\u001b[2J\\u000d\\u009b\\u007f\\u202e\\udc80\tb\nc"
    )


def test_printed_json_stays_json():
    fields = {"name": "\x7f\x85\u2028\u202e\x1b\N{GRINNING FACE}"}
    text = json.dumps(fields, ensure_ascii=False)
    assert json.loads(terminal.escaped(text)) == fields


def test_styled_text_keeps_its_styles_and_escapes_the_rest(capsys):
    shown = terminal.console()
    shown._force_terminal, shown._color_system = True, None  # as on a terminal, whatever it can
    shown.print("[bold]x[/y]", "\x1b[2J", markup=False)
    assert capsys.readouterr().out == "[bold]x[/y] \\u001b[2J\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [(("list",), "1"), (("--version",), ""), (("report", "{}"), ""), (("report", "{}"), "1")],
)
def test_an_output_that_takes_nothing_is_a_clean_end(command, unbuffered, folder):
    with Path("/dev/full").open("w") as full:
        done = posemark(
            *(each.format(folder) for each in command), stdout=full, PYTHONUNBUFFERED=unbuffered
        )
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: The output cannot be written (No space left")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_an_output_that_was_closed_is_no_fault(closed):
    code = "from posemark.cli import main; main()"
    line = f'exec "$0" -c "{code}" list {closed}'
    done = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_command_prints_past_this_module():
    """Elsewhere in cli nobody makes a Console of rich, and nobody calls typer.echo or print."""
    for file in Path(terminal.__file__).parent.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        if file.name != "terminal.py":
            assert not re.search(r"typer\.echo|(?<![\w.])(Console|print)\(", text), file.name
