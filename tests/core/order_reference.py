"""docs/order.md once more, written from its text alone: slow, plain, for comparison with the engine."""

import os
import re
from pathlib import Path
from typing import NamedTuple

MASK = 2**64 - 1
ORDER_PAGE = Path(__file__).parents[2] / "docs" / "order.md"


def mix(x: int) -> int:
    x &= MASK
    x ^= x >> 32
    x = x * 0x0E9846AF9B1A615D & MASK
    x ^= x >> 32
    x = x * 0x0E9846AF9B1A615D & MASK
    return x ^ x >> 28


def row_key(seed: int, epoch: int, source: int, row: int) -> int:
    a = mix(seed + 0x9E3779B97F4A7C15)
    b = mix(mix(epoch + 0xD1B54A32D192ED03) ^ a)
    e1 = mix(b ^ 0x8CB92BA72F3D8DD7)
    e2 = mix(b + a + 0x2545F4914F6CDD1D)
    m = mix(source * 0xBF58476D1CE4E5B9 + e1)
    s1, s2 = mix(m ^ e2), mix(m + e2)
    return mix(mix(row * 0x9E3779B97F4A7C15 + s1) ^ s2)


def shuffled(identities: list[tuple[int, int]], seed: int, epoch: int) -> list[tuple[int, int]]:
    """(source, row) pairs in the order of (seed, epoch)."""
    return sorted(identities, key=lambda identity: (row_key(seed, epoch, *identity), *identity))


def listing(root: Path, extension: str = ".parquet") -> list[Path]:
    """Files below `root` in the order that makes their ordinals."""
    found = []
    for path in root.rglob("*" + extension):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith((".", "_")) for part in parts):
            found.append(path)
    return sorted(found, key=lambda path: os.fsencode(path.relative_to(root)))


class KeyVector(NamedTuple):
    seed: int
    epoch: int
    source: int
    row: int
    key: int


def golden_keys() -> list[KeyVector]:
    pattern = re.compile(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| `([0-9a-f]{16})` \|$", re.MULTILINE)
    return [KeyVector(*map(int, match[:4]), int(match[4], 16)) for match in pattern.findall(ORDER_PAGE.read_text())]


def golden_orders() -> dict[tuple[int, int], list[tuple[int, int]]]:
    """(seed, epoch) to the (source, row) pairs in order."""
    pattern = re.compile(r"^    seed (\d+), epoch (\d+):((?: \d+:\d+)+)$", re.MULTILINE)
    return {
        (int(seed), int(epoch)): [tuple(map(int, pair.split(":"))) for pair in order.split()]
        for seed, epoch, order in pattern.findall(ORDER_PAGE.read_text())
    }


if __name__ == "__main__":  # the vectors, for a new version of the page
    for seed, epoch, source, row in [(vector[:4]) for vector in golden_keys()]:
        print(f"| {seed} | {epoch} | {source} | {row} | `{row_key(seed, epoch, source, row):016x}` |")
    for seed, epoch in golden_orders():
        identities = [(0, row) for row in range(12)] + [(1, row) for row in range(8)]
        print(f"    seed {seed}, epoch {epoch}: " + " ".join(f"{s}:{r}" for s, r in shuffled(identities, seed, epoch)))
