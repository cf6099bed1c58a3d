"""Text that comes from files and file names."""

import re

# Control characters but for line feed and tab, lone surrogates (bytes of a file name that are
# no text), and what turns the direction of the text around.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    r"""The text with its control characters as \u001b: a terminal only shows them then."""
    return _COMMANDS.sub(lambda found: code_of(found[0]), text)


def code_of(character: str) -> str:
    """As JSON writes it, so that printed JSON stays JSON."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
