"""Placing one block after another, each where it finds room: fast, and often the best there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen.blocks import Block, Conflict, loads

Order = tuple[int, ...]  # indices of all blocks


def place_in_order(
    order: Sequence[int], met: Sequence[Sequence[Conflict]], *, tightest: bool = False
) -> tuple[int, ...]:
    """Offsets of all blocks, placed in this order; see `free_offset`."""
    offsets: list[int | None] = [None] * len(order)
    for i in order:
        offsets[i] = free_offset(met[i], offsets, tightest=tightest)
    return tuple(offset for offset in offsets if offset is not None)


def free_offset(
    met: Sequence[Conflict], offsets: Sequence[int | None], *, tightest: bool = False
) -> int:
    """The lowest offset where a block meets none of its conflicts that have an offset already.

    With `tightest`, the one that leaves the least room up to the next block above, the lowest of
    equals; above all blocks only if nothing else is free.
    """
    taken = sorted(
        (offset - conflict.own_height, offset + conflict.other_height)
        for conflict in met
        if (offset := offsets[conflict.other]) is not None
    )
    gaps: list[tuple[int, int]] = []  # room that is left, offset
    offset = 0
    for below, above in taken:  # the block cannot lie strictly between the two
        if offset <= below:
            if not tightest:
                return offset
            gaps.append((below - offset, offset))
        offset = max(offset, above)
    return min(gaps)[1] if gaps else offset


def orders(blocks: Sequence[Block]) -> list[Order]:
    """Orders that were found to be good ones; the first is that by size."""
    busy = loads(blocks)
    size = [max(member.size_bytes for member in block.members) for block in blocks]
    area = [sum(block.heights) for block in blocks]
    peak = [max(busy[block.first : block.end]) for block in blocks]
    ranks: tuple[list[tuple[int, ...]], ...] = (
        [(-s,) for s in size],
        [(-a,) for a in area],
        list(zip([-p for p in peak], [-s for s in size], strict=True)),
        list(zip([-p for p in peak], [-a for a in area], strict=True)),
        [(-len(block.heights), -block.height) for block in blocks],
        [(block.first, -block.height) for block in blocks],
        [(-block.end, -block.height) for block in blocks],
    )
    found = (tuple(sorted(range(len(blocks)), key=rank.__getitem__)) for rank in ranks)
    return list(dict.fromkeys(found))


def moved_forward(
    blocks: Sequence[Block], met: Sequence[Sequence[Conflict]], order: Sequence[int], rounds: int
) -> Iterator[tuple[int, ...]]:
    """Offsets, again and again; blocks that reach too high come earlier each time.

    Too high is what reaches the top of the lowest placement so far; such a block moves half way to
    the front. This is squeaky wheel optimisation (Joslin and Clements, JAIR 10, 1999).
    """
    now, lowest = list(order), 0
    for _ in range(rounds):
        offsets = place_in_order(now, met)
        ends = [offset + block.height for block, offset in zip(blocks, offsets, strict=True)]
        lowest = min(lowest or max(ends), max(ends))
        yield offsets
        for i in [i for i in now if ends[i] >= lowest]:
            place = now.index(i)
            now.insert(place // 2, now.pop(place))
