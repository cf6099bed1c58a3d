"""Numbers with their nouns."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 frame", "5,000 frames"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
