"""Random sets of buffers, harder to place than those of random_graphs."""

from __future__ import annotations

import random

from codegen.lifetimes import Buffer

STEPS_OF_SHORT = 4


def random_buffers(seed: int, most: int = 60) -> tuple[Buffer, ...]:
    """5 to `most` buffers; two thirds live shortly; a third may lie over one that dies."""
    chance = random.Random(seed)
    count = chance.randint(5, most)
    steps = chance.randint(4, count)
    largest = chance.choice((100, 1000, 20000))
    buffers: list[Buffer] = []
    for number in range(count):
        first = chance.randrange(steps)
        last = first + chance.randrange(STEPS_OF_SHORT if chance.random() < 0.67 else steps)
        size = chance.randint(1, largest)
        buffers.append(
            Buffer(name=f"b{number}", size_bytes=size, first=first, last=min(last, steps - 1))
        )
    return _some_in_place(chance, buffers)


def _some_in_place(chance: random.Random, buffers: list[Buffer]) -> tuple[Buffer, ...]:
    """A step writes one output at most that lies over something."""
    found: dict[str, Buffer] = {}
    writes: set[int] = set()
    for buffer in buffers:
        dying = tuple(
            b.name
            for b in buffers
            if b.last == buffer.first and b.first < b.last and b.size_bytes >= buffer.size_bytes
        )
        joins = dying and buffer.first not in writes and chance.random() < 0.33
        if joins:
            writes.add(buffer.first)
        found[buffer.name] = Buffer(
            name=buffer.name,
            size_bytes=buffer.size_bytes,
            first=buffer.first,
            last=buffer.last,
            may_overwrite=dying[:2] if joins else (),
        )
    return tuple(found.values())
