"""Reading cards: valid contents, and the errors for mistakes."""

import os
import re
import tomllib

import msgspec
import pytest
from typer.testing import CliRunner

import made_cards
from posemark import cards, cli
from posemark.cards import schema
from posemark.cards.model import FOLDERS, model_of
from posemark.cards.schema import Card
from posemark.core.errors import CardError, CheckpointError
from posemark.run.options import Options
from posemark.run.plan import plan


def test_a_card_is_read(tmp_path):
    card = cards.read(made_cards.card(tmp_path))
    assert (card.name, card.approach, card.input.size) == ("tiny", "top-down", (64, 48))
    assert (card.crop.padding, card.codec.refine, card.codec.stride) == (1.25, "quarter", 4)
    assert card.file.licence is None
    assert card.published == ()


CROP = '[crop]\nconvention = "hrnet"'

MISTAKES = [
    ({"divisor = 255": "divisr = 255"}, "", "input.divisr is unknown. Did you mean divisor?"),
    ({"divisor = 255": ""}, "", "input.divisor is missing"),
    ({"size = [64, 48]": "size = 64"}, "", "input.size: Expected array, got 64"),
    ({"size = [64, 48]": 'size = [64, "w"]'}, "", "input.size[1]: Expected int, got 'w'"),
    ({'"fp32"': '"fp8"'}, "", "file.precision: Expected fp32, fp16, int8, got 'fp8'"),
    ({'convention = "hrnet"': 'convention = "udp"'}, "", "Expected hrnet, dark, mmpose0"),
    ({"std = [0.229": "std = [0"}, "", "input.std"),
    ({CROP: ""}, "", "codec heatmap needs the section [crop]"),
    ({}, '\n[image]\nwidth = "pad"\nmultiple = 8\n', "is top-down and has no [image]"),
    ({"divisor = 255": 'divisor = 255\ndtype = "uint8"'}, "", "divisor has to be 1"),
    (
        {'name = "tiny.onnx"': f'name = "tiny.onnx"\ndata_sha256 = "{"0" * 64}"'},
        *("", "file.data_sha256 is for the .bin"),
    ),
    ({'family = "Tiny"': "family = "}, "", "expected TOML"),
    (
        {
            '"heatmap"': '"paf"\nlayout = "coco"',
            CROP: '[image]\nwidth = "pad"\nmultiple = 24',
        },
        *("", "the height in input.size is 64, which is not a multiple of image.multiple, 24"),
    ),
    (
        {'"heatmap"': '"people"', CROP: '[image]\nfixed = "longest"\nmultiple = 32'},
        *("", "the width in input.size is 48, which is not a multiple of image.multiple, 32"),
    ),
    (
        {'"heatmap"': '"people"', CROP: "[image]\nmultiple = 16"},
        *("", "the key image.width is missing: pad or stretch, because the height is fixed"),
    ),
    (
        {
            '"heatmap"': '"people"',
            CROP: '[image]\nfixed = "longest"\nwidth = "stretch"\nmultiple = 16',
        },
        *("", 'image.width is "stretch", but with image.fixed = "longest" both sides are padded'),
    ),
]


@pytest.mark.parametrize(("changes", "add", "says"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_every_mistake_names_the_file_the_key_and_what_came(changes, add, says, tmp_path):
    path = made_cards.card(tmp_path, replace=changes, add=add)
    with pytest.raises(CardError, match=re.escape(says)) as caught:
        cards.read(path)
    assert str(caught.value).startswith(f"{path}: ")


KIND = 'kind = "heatmap"'
PUBLISHED = '\n[[published]]\nap = 7\nboxes = "gt"\nflip = false\nsource = "a"\n'

FORMS = [
    # A change of a sound card or an addition, msgspec's message, what is made of it.
    ({}, "[files]", "Object contains unknown field `files`", "the key files is unknown. Did"),
    (
        *({KIND: f"{KIND}\nrefin = 1"}, ""),
        *(
            "Object contains unknown field `refin` - at `$.codec`",
            "the key codec.refin is unknown.",
        ),
    ),
    (
        *({'origin = "tests"': ""}, ""),
        *("Object missing required field `origin`", "the key origin is missing. See"),
    ),
    (
        *({KIND: ""}, ""),
        *("Object missing required field `kind` - at `$.codec`", "the key codec.kind is missing."),
    ),
    (
        *({}, PUBLISHED.replace("ap = 7", "")),
        "Object missing required field `ap` - at `$.published[0]`",
        "the key published[0].ap is missing. docs/add-a-model.md describes [published].",
    ),
    (
        *({KIND: 'kind = "heat"'}, "", "Invalid value 'heat' - at `$.codec.kind`"),
        "the key codec.kind: Expected heatmap, coordinates, paf, people, boxes, got 'heat'.",
    ),
    (
        *({'"rgb"': '"rbg"'}, "", "Invalid enum value 'rbg' - at `$.input.order`"),
        "the key input.order: Expected rgb, bgr, got 'rbg'.",
    ),
    (
        *({KIND: f"{KIND}\nkernel = 4"}, "", "Invalid enum value 4 - at `$.codec.kernel`"),
        "the key codec.kernel: Expected 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, got 4.",
    ),
    (
        *({'family = "Tiny"': "family = 3"}, "", "Expected `str`, got `int` - at `$.family`"),
        "the key family: Expected str, got 3.",
    ),
    (
        {'name = "tiny.onnx"': 'name = "tiny.onnx"\nlicence = 3'},
        *("", "Expected `str | null`, got `int` - at `$.file.licence`"),
        "the key file.licence: Expected str | null, got 3.",
    ),
    (
        *({"[64, 48]": "[64]"}, "", "Expected `array` of length 2, got 1 - at `$.input.size`"),
        "the key input.size: Expected array of length 2, got [64].",
    ),
    (
        *({"[64, 48]": "[64, 0]"}, "", "Expected `int` >= 1 - at `$.input.size[1]`"),
        "the key input.size[1]: Expected int >= 1, got 0.",
    ),
    (
        *({}, PUBLISHED, "Expected `float` < 1.0 - at `$.published[0].ap`"),
        "the key published[0].ap: Expected float < 1.0, got 7.",
    ),
    (
        *({'"tiny.onnx"': '""'}, "", "Expected `str` of length >= 1 - at `$.file.name`"),
        "the key file.name: Expected str of length >= 1, got ''.",
    ),
    (
        {'name = "tiny"': 'name = "my model"'},
        *("", r"Expected `str` matching regex '^[a-z0-9][a-z0-9_-]{0,99}\\Z' - at `$.name`"),
        "the key name: Expected at most 100 lower-case letters, digits, hyphens and underscores, "
        "of which the first is a letter or a digit, got 'my model'",
    ),
]


@pytest.mark.parametrize(("changes", "add", "form", "says"), FORMS, ids=[f[2] for f in FORMS])
def test_the_messages_of_msgspec_have_the_forms_that_are_read(changes, add, form, says, tmp_path):
    fields = tomllib.loads(made_cards.text(changes, add))
    with pytest.raises(msgspec.ValidationError) as original:
        msgspec.convert(fields, Card)
    assert str(original.value) == form, "another msgspec? cards/reading.py reads the old words"
    path = made_cards.card(tmp_path, changes, add)
    with pytest.raises(CardError, match=re.escape(f"{path}: {says}")):
        cards.read(path)


HUGE = "9" * 5000

HOSTILE = {
    "5,000 digits": ({"divisor = 255": f"divisor = {HUGE}"}, "more than 64 bits"),
    "400 digits": ({"divisor = 255": f"divisor = {'9' * 400}"}, "input.divisor"),
    "nested brackets": ({'origin = "tests"': f"origin = {'[' * 100_000}"}, "nested too deeply"),
    "a long file name": ({'"tiny.onnx"': f'"{"x" * 5000}.onnx"'}, "file.name: Expected str of len"),
    "a control character": (
        {'"tiny.onnx"': '"tiny\\u001b.onnx"'},
        "file.name: Expected a name without control",
    ),
    "a long name": (
        {'name = "tiny"': f'name = "{"x" * 300}"'},
        "the key name: Expected at most 100",
    ),
    "a line end": ({'name = "tiny"': 'name = "evil\\n"'}, "the key name: Expected at most 100"),
    "a digest and a line end": (
        {'name = "tiny.onnx"': f'name = "tiny.onnx"\nsha256 = "{"0" * 64}\\n"'},
        "file.sha256: Expected 64 hexadecimal digits",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_card_is_refused_in_one_paragraph(kind, tmp_path):
    changes, says = HOSTILE[kind]
    path = made_cards.card(tmp_path, replace=changes)
    with pytest.raises(CardError, match=re.escape(says)) as caught:
        cards.read(path)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x" * 300 + ".onnx", "a/" * 400 + "b.onnx"])
def test_a_name_that_no_file_can_have_is_a_file_that_is_not_here(name, tmp_path):
    path = made_cards.card(tmp_path, replace={'"tiny.onnx"': f'"{name}"'})
    with pytest.raises(CheckpointError, match="is not here"):
        model_of(path)


def test_a_byte_order_mark_windows_line_ends_and_capital_digests_change_nothing(tmp_path):
    digest = "0123456789abcdef" * 4
    add = {'name = "tiny.onnx"': f'name = "tiny.onnx"\nsha256 = "{digest}"'}
    path = made_cards.card(tmp_path, replace=add)
    plain = cards.read(path)
    assert plain.file.sha256 == digest
    content = path.read_bytes().replace(digest.encode(), digest.upper().encode())
    path.write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert cards.read(path) == plain


def test_the_format_of_a_file_does_not_depend_on_the_case_of_its_suffix(tmp_path):
    line = f'name = "TINY.XML"\ndata_sha256 = "{"0" * 64}"'
    path = made_cards.card(tmp_path, replace={'name = "tiny.onnx"': line})
    assert cards.read(path).file.data_sha256 == "0" * 64


def test_a_model_file_is_no_card(tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(bytes(range(256)))
    with pytest.raises(CardError, match=r"this is a model file; give its card") as caught:
        cards.read(tmp_path / "tiny.onnx")
    assert "docs/add-a-model.md" in str(caught.value)


@pytest.mark.parametrize("name", ["w.pth", "W.PT", "w.safetensors", "w.pth.tar", "w.caffemodel"])
def test_a_checkpoint_is_no_card(name, tmp_path):
    (tmp_path / name).write_bytes(bytes(200_000))  # more than a card may have
    with pytest.raises(CardError, match=r"this is a checkpoint, .*`posemark weights import "):
        cards.read(tmp_path / name)


def test_every_pattern_of_a_key_is_said_in_words():
    used = {
        repr(meta.pattern)
        for kind in vars(schema).values()
        for meta in getattr(kind, "__metadata__", ())
        if meta.pattern is not None
    }
    assert used == set(schema.PATTERNS)


def test_bytes_that_are_no_text_are_no_card(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(CardError, match=r"expected TOML.*not text in UTF-8"):
        cards.read(tmp_path / "a.toml")


@pytest.mark.parametrize("name", ["none.toml", "x" * 5000 + ".toml", "tiny.onnx", "."])
def test_the_command_check_ends_with_2_where_there_is_no_card(name, tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(b"\x08")
    result = CliRunner().invoke(cli.app, ["check", str(tmp_path / name)])
    assert isinstance(result.exception, CardError), "the command line makes an exit code 2 of it"


def test_a_home_folder_is_found_everywhere_in_a_card(tmp_path, monkeypatch):
    exported = pytest.importorskip("exported", reason="onnx is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    exported.save(exported.graph(), tmp_path / "models")
    path = made_cards.card(tmp_path, replace={'"tiny.onnx"': '"~/models/tiny.onnx"'})
    assert model_of(path).artefact.path == tmp_path / "models" / "tiny.onnx"
    made_cards.card(tmp_path)
    monkeypatch.setenv(FOLDERS, "~/models")
    assert model_of(path).artefact.path == tmp_path / "models" / "tiny.onnx"
    (job,) = plan(["~/tiny.toml"], Options("sample", 1))
    assert job.entry.card == str(path)


def test_a_card_that_is_not_there_says_so(tmp_path):
    with pytest.raises(CardError, match="no such card"):
        cards.read(tmp_path / "none.toml")


def test_a_pipe_is_no_card_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(CardError, match=r"pipe.toml: it cannot be read \(it is a pipe"):
        cards.read(tmp_path / "pipe.toml")


def test_a_folder_is_no_card(tmp_path):
    with pytest.raises(CardError, match=r"it cannot be read \(Is a directory\)"):
        cards.read(tmp_path)


def test_the_cards_that_come_along_are_the_suite_light():
    names = [
        *("lightweight-openpose", "tfpose-mobilenetv2-small", "movenet-lightning"),
        *("movenet-multipose-256", "movenet-multipose-320"),
        *("tinypose-128x96", "tinypose-256x192", "ultralight-simplepose"),
    ]
    assert sorted(cards.built_in()) == sorted(names)
    jobs = plan(["light"], Options(data="sample", threads=1))
    assert sorted(job.entry.model for job in jobs) == sorted(names)
    assert {job.entry.boxes for job in jobs} == {"gt", "none"}
    ran = {job.entry.model: (job.options.runtime, job.options.precision) for job in jobs}
    assert ran["movenet-lightning"] == ("tflite", "int8")
    assert ran["movenet-multipose-256"] == ("tflite", "fp32")
    assert ran["ultralight-simplepose"] == ("onnxruntime", "fp32")
    assert ran["lightweight-openpose"] == ("openvino", "int8")
    for path in cards.built_in().values():
        card = cards.read(path)
        assert card.file.sha256, "a file of another content must not pass for this one"
        assert bool(card.file.data_sha256) == card.file.name.endswith(".xml")
        assert card.file.source
