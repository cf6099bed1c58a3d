"""Makes mutants of inputs: other bytes, or other fields of JSON. A seed number gives one mutant."""

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

from hostile.kind import Kind

WORDS = (
    b"null",
    b"-1",
    b"NaN",
    b"1e400",
    b'"x"',
    b"[]",
    b"{}",
    b"[[[[",
    b"\xff\xfe",
    b"\0",
    b"9" * 400,
    b"[" * 3000,
    b'{"a":' * 3000,
    b"a." * 3000,
)
VALUES = (None, True, -1, 0, 1, 2, 0.5, -0.0, 1e-300, 1e300, 2**31, 2**53, 2**63, 10**400)
VALUES = (*VALUES, "", "x", "1", "\0\x1b[31m", "../../x", "/dev/zero", "x" * 10**5, [], {}, [[]])
TEXTS = (
    "",
    "x",
    "\0\x1b[31m",
    "<script>",
    "overlapped",
    "paced",
    "detected",
    "gt",
    "sample",
    "m" * 300,
)

MOST_REPEATED = 200_000
"""Most characters of JSON that are repeated a hundred times."""


def mutant(kind: Kind, seeds: Sequence[bytes], number: int) -> bytes:
    """Return one of the seeds with one to four changes.

    Every second mutant of JSON is still JSON. Checksums are right in three mutants of four.

    Args:
        kind: the kind of input.
        seeds: sound inputs of this kind.
        number: determines the mutant.
    """
    rng = random.Random(number)
    return changed(kind, rng, rng.choice(seeds))


def changed(kind: Kind, rng: random.Random, content: bytes) -> bytes:
    """Return an input with one to four changes, as `mutant` does; it need not be a sound one."""
    made = other_fields(rng, content) if kind.lines_of_json and rng.random() < 0.5 else None
    made = other_bytes(rng, content) if made is None else made
    return kind.repair(made) if rng.random() < 0.75 else made


def other_bytes(rng: random.Random, seed: bytes) -> bytes:
    """Return the seed with other bits, cuts, doubled or moved parts, or odd words."""
    content = bytearray(seed)
    for _ in range(rng.randint(1, 4)):
        rng.choice((_flip, _cut, _double, _word, _end))(rng, content)
    return bytes(content)


def _part(rng: random.Random, content: bytearray) -> slice:
    start = rng.randrange(len(content) + 1)
    return slice(start, start + rng.choice((1, 2, 4, 16, 64, 256)))


def _flip(rng: random.Random, content: bytearray) -> None:
    for _ in range(rng.randint(1, 8) if content else 0):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, content: bytearray) -> None:
    del content[_part(rng, content)]


def _double(rng: random.Random, content: bytearray) -> None:
    part = content[_part(rng, content)]
    at = rng.randrange(len(content) + 1)
    content[at:at] = part * rng.choice((1, 1, 2, 50))


def _word(rng: random.Random, content: bytearray) -> None:
    at = rng.randrange(len(content) + 1)
    content[at : at + rng.randrange(8)] = rng.choice(WORDS)


def _end(rng: random.Random, content: bytearray) -> None:
    del content[rng.randrange(len(content) + 1) :]


def other_fields(rng: random.Random, content: bytes) -> bytes | None:
    """Return JSON lines with fields left out, doubled, of another type or size, or nested.

    In half of them, values only change within their type. Most of these are read, so that what is
    computed from them is tried, too. None if the content is not JSON, or has nothing to change.
    """
    changes = (_vary,) if rng.random() < 0.5 else (_remove, _replace, _replace, _nest, _repeat)
    try:
        lines = [json.loads(line) for line in content.splitlines()]
        for _ in range(rng.randint(1, 3)):
            places = [place for line in lines for place in _places(line)]
            if not places:
                return None
            container, key = _chosen(rng, places)
            rng.choice(changes)(rng, container, key)
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    except (ValueError, OverflowError, RecursionError):  # not JSON, or numbers beyond floats
        return None


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container below a value with each of its keys."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else range(len(value))
    here = [(value, key) for key in keys]
    return here + [place for key in keys for place in _places(value[key])]


def _chosen(rng: random.Random, places: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Choose a place; fields are chosen more often than the numbers of long lists."""
    fields = [place for place in places if isinstance(place[0], dict)]
    return rng.choice(fields if fields and rng.random() < 0.7 else places)


def _remove(_: random.Random, container: Any, key: Any) -> None:
    del container[key]


def _replace(rng: random.Random, container: Any, key: Any) -> None:
    """Set a copy of a value: otherwise later changes of it would apply to all mutants."""
    container[key] = copy.deepcopy(rng.choice(VALUES))


def _vary(rng: random.Random, container: Any, key: Any) -> None:
    """Set another value of the same type."""
    value = container[key]
    if isinstance(value, bool):
        container[key] = not value
    elif isinstance(value, int | float):
        other = rng.choice((0, 1, 2, value + 1, value * 1000, -value, value / 3, 10**9, 1e-300))
        container[key] = int(other) if isinstance(value, int) else float(other)
    elif isinstance(value, str):
        container[key] = rng.choice(TEXTS)
    elif isinstance(value, list):
        container[key] = value[: rng.randrange(len(value) + 1)]


def _nest(rng: random.Random, container: Any, key: Any) -> None:
    value = container[key]
    container[key] = rng.choice(([value], {"x": value}, [[value]], str(value)))


def _repeat(rng: random.Random, container: Any, key: Any) -> None:
    times = rng.choice((0, 2, 100))
    if times > 2 and len(json.dumps(container[key])) > MOST_REPEATED:
        times = 2  # several repeats of repeats would take gigabytes before anything is read
    if isinstance(container[key], list | str):
        container[key] = container[key] * times
    elif isinstance(container, list):
        container[key:key] = [container[key]] * times
