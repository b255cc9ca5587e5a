"""Whether blocks fit into a given height: a search that is exact while its effort lasts.

Blocks are placed from the bottom to the top, each on what lies below it, as in Moffitt,
"MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning"
(ASPLOS 2023). Heights and offsets count multiples of the alignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen.blocks import Block, Conflict, conflicts
from codegen.greedy_placement import free_offset

MOST_BLOCKS = 200  # the search goes two calls deeper for each; Python allows about 1,000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a search found.

    Attributes:
        offsets: of every block, or None if there is no such placement or none was found.
        is_proved: whether it is known if there is one: found, or the search came to its end.
        effort: placements of single blocks that were tried.
    """

    offsets: tuple[int, ...] | None
    is_proved: bool
    effort: int


def fit(blocks: Sequence[Block], height: int, effort: int) -> Answer:
    """Looks for offsets under which no block reaches above `height`.

    Args:
        blocks: what to place.
        height: of the arena.
        effort: how many placements of single blocks may be tried.
    """
    if any(block.height > height for block in blocks):
        return Answer(offsets=None, is_proved=True, effort=0)
    met = conflicts(blocks)
    hard, easy = _easy_last(blocks, met, height)
    offsets: list[int | None] = [None] * len(blocks)
    used = 0
    for group in _groups(blocks, hard):
        if len(group) > MOST_BLOCKS:
            return Answer(offsets=None, is_proved=False, effort=used)
        search = _Search([blocks[i] for i in group], height, effort - used)
        found = search.run()
        used += search.tried
        if found is None:
            return Answer(offsets=None, is_proved=used < effort, effort=used)
        for i, offset in zip(group, found, strict=True):
            offsets[i] = offset
    for i in easy:
        offsets[i] = free_offset(met[i], offsets)
    placed = tuple(offset for offset in offsets if offset is not None)
    return Answer(offsets=placed, is_proved=True, effort=used)


def _easy_last(
    blocks: Sequence[Block], met: Sequence[Sequence[Conflict]], height: int
) -> tuple[list[int], list[int]]:
    """Splits off blocks that find room wherever the others lie; these come last, in their order.

    A conflict keeps a block from at most own + other - 1 of its height - own + 1 offsets.
    """
    left = set(range(len(blocks)))
    easy: list[int] = []
    while True:
        found = [
            i
            for i in sorted(left)
            if sum(c.own_height + c.other_height - 1 for c in met[i] if c.other in left)
            <= height - blocks[i].height
        ]
        if not found:
            return sorted(left), easy[::-1]
        easy += found
        left -= set(found)


def _groups(blocks: Sequence[Block], indices: Sequence[int]) -> list[list[int]]:
    """Blocks that are connected by steps they share."""
    groups: list[list[int]] = []
    end = -1
    for i in sorted(indices, key=lambda i: (blocks[i].first, i)):
        if blocks[i].first >= end:
            groups.append([])
        groups[-1].append(i)
        end = max(end, blocks[i].end)
    return groups


class _Search:
    """Depth first. Offsets never fall from one placement to the next, which loses nothing."""

    def __init__(self, blocks: Sequence[Block], height: int, effort: int) -> None:
        self.blocks = blocks
        self.height = height
        self.effort = effort
        self.tried = 0
        start, end = min(b.first for b in blocks), max(b.end for b in blocks)
        self.steps = [range(b.first - start, b.end - start) for b in blocks]
        self.floor = [0] * (end - start)  # what is placed reaches up to here
        self.waiting = [0] * (end - start)  # heights of what is not placed
        for block, steps in zip(blocks, self.steps, strict=True):
            for step, height_there in zip(steps, block.heights, strict=True):
                self.waiting[step] += height_there
        self.offsets = [0] * len(blocks)

    def run(self) -> list[int] | None:
        """Offsets, or None."""
        return self.offsets if self._place(set(range(len(self.blocks))), 0, -1) else None

    def _place(self, left: set[int], level: int, before: int) -> bool:
        """Places all that are left at `level` or above, at `level` only those behind `before`."""
        if not left:
            return True
        rests = {i: max(self.floor[step] for step in self.steps[i]) for i in sorted(left)}
        if not self._may_fit(rests, level):
            return False
        # if the next block lay at `limit` or higher, another one could drop below it
        limit = min(rest + self.blocks[i].height for i, rest in rests.items())
        next_ones = [
            i for i, rest in rests.items() if level <= rest < limit and (rest > level or i > before)
        ]
        for i in sorted(next_ones, key=lambda i: (rests[i], -len(self.blocks[i].heights), i)):
            if self.tried >= self.effort:
                return False
            self.tried += 1
            if self._with(i, rests[i], left):
                return True
        return False

    def _with(self, i: int, offset: int, left: set[int]) -> bool:
        """Goes on with a block at an offset; takes it away again if that leads nowhere."""
        kept = [self.floor[step] for step in self.steps[i]]
        for step, height in zip(self.steps[i], self.blocks[i].heights, strict=True):
            self.floor[step] = offset + height
            self.waiting[step] -= height
        self.offsets[i] = offset
        if self._place(left - {i}, offset, i):
            return True
        for step, floor, height in zip(self.steps[i], kept, self.blocks[i].heights, strict=True):
            self.floor[step] = floor
            self.waiting[step] += height
        return False

    def _may_fit(self, rests: dict[int, int], level: int) -> bool:
        """In every step, what waits has room above the lowest place where any of it can lie."""
        lowest: dict[int, int] = {}
        for i, rest in rests.items():
            rest = max(rest, level)
            for step in self.steps[i]:
                if rest < lowest.get(step, self.height + 1):
                    lowest[step] = rest
        return all(rest + self.waiting[step] <= self.height for step, rest in lowest.items())
