"""Placement of buffers: no live overlap, never below the bound, optimal where that is known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.blocks import blocks_of, first_written, last_written, loads, lower_bound_bytes, nothing
from codegen.exact_placement import fit
from codegen.lifetimes import ALIGNMENT_BYTES, Buffer
from codegen.placement import place
from codegen.plan import MemoryPlan, check_plan
from tests.codegen.exact_arena import smallest_arena
from tests.codegen.plan_gap import arena_bytes, largest_first
from tests.codegen.random_buffers import random_buffers

seeds = st.integers(0, 2**32)

# Needs 5 although no step needs more than 4; as (height, first, last).
NEEDS_5_OF_4 = (
    *((4, 0, 0), (2, 1, 1), (2, 1, 2), (1, 2, 3), (1, 3, 4)),
    *((1, 4, 4), (1, 2, 5), (1, 3, 5), (2, 5, 6), (2, 6, 6)),
)


def _buffers(blocks: tuple[tuple[int, int, int], ...], scale: int = 1) -> tuple[Buffer, ...]:
    return tuple(
        Buffer(
            name=f"b{i}",
            size_bytes=height * scale * ALIGNMENT_BYTES - i % 7,
            first=first,
            last=last,
        )
        for i, (height, first, last) in enumerate(blocks)
    )


@settings(max_examples=150)
@given(seeds)
def test_valid_never_below_the_bound_never_worse_than_before(seed: int) -> None:
    buffers = random_buffers(seed)
    placed = place(buffers)
    assert [b.name for b in placed] == [b.name for b in buffers]
    arena = arena_bytes(placed)
    check_plan(MemoryPlan(arena_bytes=arena, buffers=placed, buffer_of={}))
    assert lower_bound_bytes(buffers) <= arena <= arena_bytes(largest_first(buffers))
    assert place(buffers) == placed


@settings(max_examples=40)
@given(seeds)
def test_of_few_buffers_the_arena_is_as_small_as_the_integer_program_says(seed: int) -> None:
    buffers = random_buffers(seed, most=7)
    placed = place(buffers)
    exact = smallest_arena(buffers, arena_bytes(placed))
    assert exact.is_proved
    assert arena_bytes(placed) == exact.least_bytes


@pytest.mark.parametrize("scale", [1, 3, 1000])
def test_where_the_bound_cannot_be_met(scale: int) -> None:
    """The planner, the search and the integer program agree."""
    buffers = _buffers(NEEDS_5_OF_4, scale)
    bound, least = 4 * scale * ALIGNMENT_BYTES, 5 * scale * ALIGNMENT_BYTES
    assert lower_bound_bytes(buffers) == bound
    assert arena_bytes(place(buffers)) == least
    exact = smallest_arena(buffers, least)
    assert (exact.is_proved, exact.least_bytes) == (True, least)
    blocks = blocks_of(buffers, nothing)
    for height in (4 * scale, 5 * scale - 1):
        answer = fit(blocks, height, 1000)
        assert answer.offsets is None
        assert answer.is_proved
    assert fit(blocks, 5 * scale, 1000).offsets is not None


def test_a_search_that_is_cut_short_proves_nothing() -> None:
    blocks = blocks_of(_buffers(NEEDS_5_OF_4), nothing)
    answer = fit(blocks, 4, 10)
    assert (answer.offsets, answer.is_proved, answer.effort) == (None, False, 10)


@settings(max_examples=100)
@given(seeds, st.integers(0, 30))
def test_what_the_search_finds_is_a_placement(seed: int, spare: int) -> None:
    blocks = blocks_of(random_buffers(seed, most=25), last_written)
    height = max(loads(blocks)) + spare
    answer = fit(blocks, height, 300)
    if answer.offsets is None:
        return
    taken: dict[tuple[int, int], int] = {}
    for i, (block, offset) in enumerate(zip(blocks, answer.offsets, strict=True)):
        assert offset >= 0
        for step, own in enumerate(block.heights, block.first):
            assert offset + own <= height
            for (other_step, j), below in taken.items():
                if other_step == step:
                    there = blocks[j].heights[step - blocks[j].first]
                    assert offset + own <= below or below + there <= offset
            taken[step, i] = offset


def test_heights_of_a_block_follow_its_members() -> None:
    """b takes the place of a, c that of b; each is smaller than the one before."""
    a = Buffer(name="a", size_bytes=100, first=0, last=2)
    b = Buffer(name="b", size_bytes=50, first=2, last=4, may_overwrite=("a",))
    c = Buffer(name="c", size_bytes=1, first=4, last=5, may_overwrite=("b",))
    (block,) = blocks_of((c, a, b), first_written)
    assert [member.name for member in block.members] == ["a", "b", "c"]
    assert (block.first, block.heights) == (0, (7, 7, 7, 4, 4, 1))
    assert lower_bound_bytes((a, b, c)) == 7 * 16
    assert {buffer.offset_bytes for buffer in place((a, b, c))} == {0}
    assert len(blocks_of((a, b, c), nothing)) == 3


def test_which_of_two_inputs_is_overwritten() -> None:
    old = Buffer(name="old", size_bytes=16, first=0, last=2)
    new = Buffer(name="new", size_bytes=16, first=1, last=2)
    out = Buffer(name="out", size_bytes=16, first=2, last=3, may_overwrite=("old", "new"))
    joined = {
        choose: [[b.name for b in block.members] for block in blocks_of((old, new, out), choose)]
        for choose in (first_written, last_written)
    }
    assert joined[first_written] == [["old", "out"], ["new"]]
    assert joined[last_written] == [["old"], ["new", "out"]]
