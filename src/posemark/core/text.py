"""Makes text from files and file names safe to print on a terminal, and short."""

import re

# Control characters except line feed and tab, lone surrogates (bytes of a file name that are not
# valid text), and characters that reverse the direction of the text.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    r"""Write control characters as \u001b, so that a terminal shows but does not obey them."""
    return _COMMANDS.sub(lambda found: code_of(found[0]), text)


def code_of(character: str) -> str:
    """Write a character as an escape sequence of JSON, so that printed JSON remains valid."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def shortened(text: str, most: int = 300) -> str:
    """Cut a text of a file, or an error that quotes one, for a message of one paragraph."""
    return text if len(text) <= most else f"{text[:most]} ..."
