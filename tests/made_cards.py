"""Makes cards of exported networks."""

CARD = """
name = "tiny"
family = "Tiny"
origin = "tests"

[file]
name = "tiny.onnx"
trained_on = "nothing"
precision = "fp32"

[input]
size = [64, 48]
order = "rgb"
divisor = 255
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]

[crop]
convention = "hrnet"

[codec]
kind = "heatmap"
"""


def text(replace=None, add="", card=CARD):
    """Return the text of a card; `replace` maps parts of the text to their replacements."""
    said = card
    for old, new in (replace or {}).items():
        assert old in said, old
        said = said.replace(old, new)
    return said + add


def card(folder, replace=None, add=""):
    """Write such a card and return its path."""
    path = folder / "tiny.toml"
    path.write_text(text(replace, add), encoding="utf-8")
    return path
