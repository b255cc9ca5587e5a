"""One step: every buffer gets its offset, so that the arena is as small as can be."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from codegen.blocks import Block, blocks_of, conflicts, first_written, last_written, loads, nothing
from codegen.exact_placement import fit
from codegen.greedy_placement import moved_forward, orders, place_in_order
from codegen.lifetimes import ALIGNMENT_BYTES, Buffer

ROUNDS = 100  # in which blocks that reach too high are moved forward
EFFORT = 600  # placements of single blocks that the searches may try


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Blocks with offsets, in multiples of the alignment."""

    blocks: tuple[Block, ...]
    offsets: tuple[int, ...]

    @property
    def top(self) -> int:
        """Height of the arena."""
        return max(o + b.height for b, o in zip(self.blocks, self.offsets, strict=True))


def place(buffers: Sequence[Buffer], effort: int = EFFORT) -> tuple[Buffer, ...]:
    """The same buffers with offsets, all multiples of the alignment.

    Places blocks in several orders, then moves those forward that reach too high, then searches;
    ends as soon as the arena is as small as the lower bound. The time is bounded by counts, not by
    a clock: the same buffers always get the same offsets.

    Args:
        buffers: at least one.
        effort: how long to search: placements of single blocks to try.
    """
    ways = tuple(
        dict.fromkeys(
            blocks_of(buffers, choose) for choose in (last_written, first_written, nothing)
        )
    )
    bound = max(loads(ways[0]))
    best = _lowest(_greedy(ways), bound)
    best = _lowest(chain((best,), _climbing(best)), bound)
    for blocks in dict.fromkeys((best.blocks, *ways)):
        best = _searched(best, blocks, effort)
    offset_of = {
        member.name: offset * ALIGNMENT_BYTES
        for block, offset in zip(best.blocks, best.offsets, strict=True)
        for member in block.members
    }
    return tuple(dataclasses.replace(b, offset_bytes=offset_of[b.name]) for b in buffers)


def _lowest(placements: Iterable[Placement], bound: int) -> Placement:
    """The first of the lowest; none is asked for once the bound is met."""
    best = None
    for found in placements:
        best = found if best is None or found.top < best.top else best
        if best.top == bound:
            break
    assert best is not None, "there is always an order"
    return best


def _greedy(ways: Sequence[tuple[Block, ...]]) -> Iterator[Placement]:
    for blocks in ways:
        met = conflicts(blocks)
        for order in orders(blocks):
            for tightest in (False, True):
                offsets = place_in_order(order, met, tightest=tightest)
                yield Placement(blocks=blocks, offsets=offsets)


def _climbing(start: Placement) -> Iterator[Placement]:
    order = sorted(range(len(start.blocks)), key=start.offsets.__getitem__)
    for offsets in moved_forward(start.blocks, conflicts(start.blocks), order, ROUNDS):
        yield Placement(blocks=start.blocks, offsets=offsets)


def _searched(best: Placement, blocks: tuple[Block, ...], effort: int) -> Placement:
    """Tries the blocks' own lower bound first, then halves what lies between.

    A height at which no placement is found counts as impossible, be it proved or not. Each try may
    use half of the effort that is left.
    """
    low = height = max(loads(blocks))
    while low < best.top:
        answer = fit(blocks, height, effort // 2)
        effort -= answer.effort
        if answer.offsets is None:
            low = height + 1
        else:
            best = Placement(blocks=blocks, offsets=answer.offsets)
        height = (low + best.top) // 2
    return best
