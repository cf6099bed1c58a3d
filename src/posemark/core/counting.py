"""Formats a number together with its noun."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Format a number with its noun, as in "1 frame" and "5,000 frames".

    Args:
        number: the number.
        noun: the noun in the singular.
        plural: the plural, if it is not the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
