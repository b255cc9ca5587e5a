"""What placement works on: buffers that share an offset, as one block whose height may change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codegen.lifetimes import ALIGNMENT_BYTES, Buffer, aligned

Candidates = tuple[Buffer, ...]
Choice = Callable[[Candidates], Buffer | None]  # which of these a buffer lies over, if any


@dataclass(frozen=True, kw_only=True)
class Block:
    """Buffers at one offset: heights[i] is the room they take in step `first + i`.

    Heights, like all offsets here, count multiples of the alignment.
    """

    members: tuple[Buffer, ...]
    first: int
    heights: tuple[int, ...]

    @property
    def end(self) -> int:
        """The step behind the last."""
        return self.first + len(self.heights)

    @property
    def height(self) -> int:
        """The largest of its heights."""
        return max(self.heights)


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Another block that lives in some of the same steps, and the heights of both there."""

    other: int  # its index
    own_height: int
    other_height: int


def blocks_of(buffers: Sequence[Buffer], choose: Choice) -> tuple[Block, ...]:
    """Joins each buffer with the one that it may lie over and that `choose` picks.

    Whatever is picked, the sum of the heights is the smallest possible in every step, unless
    `choose` answers None where it had a choice.
    """
    chains: dict[str, list[Buffer]] = {}  # by the name of every member
    by_name = {buffer.name: buffer for buffer in buffers}
    for buffer in sorted(buffers, key=lambda b: (b.first, b.name)):
        picked = choose(tuple(by_name[name] for name in buffer.may_overwrite))
        chain = [] if picked is None else chains[picked.name]
        chain.append(buffer)
        chains[buffer.name] = chain
    return tuple(_block(chain) for name, chain in chains.items() if chain[0].name == name)


def nothing(_: Candidates) -> None:
    """No buffer lies over another."""


def first_written(candidates: Candidates) -> Buffer | None:
    """The candidate that is written first."""
    return min(candidates, key=lambda b: (b.first, b.name), default=None)


def last_written(candidates: Candidates) -> Buffer | None:
    """The candidate that is written last."""
    return max(candidates, key=lambda b: (b.first, b.name), default=None)


def loads(blocks: Sequence[Block]) -> list[int]:
    """The sum of the heights in every step; none of it can be avoided."""
    total = [0] * max(block.end for block in blocks)
    for block in blocks:
        for step, height in enumerate(block.heights, block.first):
            total[step] += height
    return total


def lower_bound_bytes(buffers: Sequence[Buffer]) -> int:
    """No arena can be smaller: the most bytes that are alive in one step, each buffer aligned."""
    return max(loads(blocks_of(buffers, first_written))) * ALIGNMENT_BYTES


def conflicts(blocks: Sequence[Block]) -> list[list[Conflict]]:
    """For every block those that it must not overlap."""
    found: list[list[Conflict]] = [[] for _ in blocks]
    for i, one in enumerate(blocks):
        for j, two in enumerate(blocks):
            start, end = max(one.first, two.first), min(one.end, two.end)
            if i != j and start < end:
                found[i].append(
                    Conflict(
                        other=j,
                        own_height=max(one.heights[start - one.first : end - one.first]),
                        other_height=max(two.heights[start - two.first : end - two.first]),
                    )
                )
    return found


def _block(chain: Sequence[Buffer]) -> Block:
    first, last = chain[0].first, max(buffer.last for buffer in chain)
    heights = [0] * (last - first + 1)
    for buffer in chain:
        height = aligned(buffer.size_bytes) // ALIGNMENT_BYTES
        for step in range(buffer.first - first, buffer.last - first + 1):
            heights[step] = max(heights[step], height)
    return Block(members=tuple(chain), first=first, heights=tuple(heights))
