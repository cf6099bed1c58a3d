"""Breaks the long lines of generated source text at its brackets."""

import tokenize
from collections.abc import Iterator
from io import StringIO

WIDTH = 98
"""The largest length of a line in characters, where it can be kept."""

_OPEN, _CLOSE = "([{", ")]}"
_INDENT = "    "
_STRING_STARTS = frozenset(("FSTRING_START", "TSTRING_START"))
_STRING_ENDS = frozenset(("FSTRING_END", "TSTRING_END"))


def wrapped(source: str) -> str:
    """Break the lines of source text that are too long.

    Args:
        source: statements as ast.unparse writes them: each on one line, if it contains no text of
            several lines.

    Returns:
        The same statements; lines without brackets, and text, stay as long as they are.
    """
    lines = source.split("\n")
    single = _lines_of_one_statement(source)
    return "\n".join(
        "\n".join(_broken(line)) if number in single and len(line) > WIDTH else line
        for number, line in enumerate(lines, 1)
    )


def _lines_of_one_statement(source: str) -> set[int]:
    """Return the numbers of the lines that begin and end with a statement or its head."""
    found, first = set[int](), 1
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            if token.start[0] == first:
                found.add(first)
            first = token.start[0] + 1
        elif token.type == tokenize.NL:
            first = token.start[0] + 1
    return found


def _broken(line: str) -> Iterator[str]:
    """Yield the lines of a statement, broken at its last pair of brackets that holds something."""
    indent = line[: len(line) - len(line.lstrip())]
    pairs = [pair for pair in _outer_pairs(line) if pair[1] - pair[0] > 1]
    if not pairs:
        yield line
        return
    start, end = max(pairs, key=lambda pair: pair[1] - pair[0])
    yield line[: start + 1]
    yield from _filled(_parts(line[start + 1 : end]), indent + _INDENT)
    yield indent + line[end:]


def _filled(parts: list[str], indent: str) -> Iterator[str]:
    """Yield lines of as many parts as fit, each with its comma."""
    line = indent
    for part in parts:
        if line != indent and len(line) + 1 + len(part) > WIDTH:
            yield from _fitted(line)
            line = indent
        line += f"{'' if line == indent else ' '}{part}"
    yield from _fitted(line)


def _fitted(line: str) -> Iterator[str]:
    if len(line) > WIDTH:
        yield from _broken(line)
    else:
        yield line


def _parts(inner: str) -> list[str]:
    """Return what is between the commas of a text, with the commas."""
    parts, start = list[str](), 0
    for at in (at for at, character, depth in _marks(inner) if character == "," and not depth):
        parts.append(inner[start : at + 1].strip())
        start = at + 1
    return [part for part in (*parts, inner[start:].strip()) if part]


def _outer_pairs(line: str) -> Iterator[tuple[int, int]]:
    """Yield the positions of the brackets that are in no others."""
    start = 0
    for at, character, depth in _marks(line):
        if depth == 0 and character in _OPEN:
            start = at
        elif depth == 0 and character in _CLOSE:
            yield start, at


def _marks(text: str) -> Iterator[tuple[int, str, int]]:
    """Yield position, character and depth of the brackets and commas outside text literals."""
    depth = inside = 0
    # In brackets, because the text may be a part of a statement that ends in a line by itself.
    readline = StringIO(f"({text.strip()}\n)").readline
    shift = len(text) - len(text.lstrip()) - 1
    for token in tokenize.generate_tokens(readline):
        kind = tokenize.tok_name[token.type]
        inside += (kind in _STRING_STARTS) - (kind in _STRING_ENDS)
        if inside or token.start == (1, 0) or token.start[0] > 1 or token.type != tokenize.OP:
            continue
        depth -= token.string in _CLOSE
        if token.string in {*_OPEN, *_CLOSE, ","}:
            yield token.start[1] + shift, token.string, depth
        depth += token.string in _OPEN
