"""How far memory plans are from the least that is possible: `python -m tests.codegen.plan_gap`.

Networks from seeds, 1,000 unless told otherwise, and as many sets of buffers that are harder to
place. Each way is compared with its own bound: largest first puts nothing in place. Where a
network's arena is larger than its bound, an integer program has a minute to prove how much is
needed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codegen.blocks import blocks_of, loads, lower_bound_bytes, nothing
from codegen.cli.common import table
from codegen.lifetimes import ALIGNMENT_BYTES, Buffer, aligned, lifetimes
from codegen.placement import place
from codegen.scheduled_net import portable
from tests.codegen.exact_arena import smallest_arena
from tests.codegen.random_buffers import random_buffers
from tests.codegen.random_graphs import random_net

HEADINGS = ("buffers of", "placed", "at the bound", "mean gap", "worst gap")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One set of buffers: lower bounds, and the arenas that were found, in bytes.

    `plain_bound` holds where nothing lies in place.
    """

    seed: int
    buffers: tuple[Buffer, ...]
    bound: int
    plain_bound: int
    largest_first: int
    planned: int


def compare(buffers: Sequence[Buffer], seed: int = 0) -> Comparison:
    """Places buffers in both ways."""
    placed = place(buffers)
    return Comparison(
        seed=seed,
        buffers=placed,
        bound=lower_bound_bytes(buffers),
        plain_bound=max(loads(blocks_of(buffers, nothing))) * ALIGNMENT_BYTES,
        largest_first=arena_bytes(largest_first(buffers)),
        planned=arena_bytes(placed),
    )


def of_network(seed: int) -> tuple[Buffer, ...]:
    """What a random network needs."""
    return lifetimes(portable(random_net(seed))).buffers


def largest_first(buffers: Sequence[Buffer]) -> list[Buffer]:
    """The plain way: by size, each at the lowest offset that is free, nothing in place."""
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda b: (-b.size_bytes, b.first, b.name)):
        offset = 0
        for other in sorted(placed, key=lambda b: b.offset_bytes):
            if not other.lives_with(buffer):
                continue
            if offset + buffer.size_bytes <= other.offset_bytes:
                break
            offset = max(offset, aligned(other.end_bytes))
        placed.append(dataclasses.replace(buffer, offset_bytes=offset))
    return placed


def arena_bytes(placed: Sequence[Buffer]) -> int:
    """The arena that placed buffers need."""
    return max(aligned(buffer.end_bytes) for buffer in placed)


def rows(name: str, found: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Two lines of the table."""
    return [
        _row(name, "largest first", [c.largest_first / c.plain_bound - 1 for c in found]),
        _row(name, "by the planner", [c.planned / c.bound - 1 for c in found]),
    ]


def proofs(found: Sequence[Comparison]) -> list[str]:
    """What the integer program says of each arena that is larger than its bound."""
    lines = []
    for c in found:
        if c.planned > c.bound:
            least = smallest_arena(c.buffers, c.planned, c.bound).least_bytes
            verdict = "optimal" if least == c.planned else f"{c.planned / least - 1:.2%} above it"
            lines.append(
                f"seed {c.seed}, {len(c.buffers)} buffers: {c.planned:,} bytes, bound {c.bound:,}, "
                f"proved to need {least:,}: {verdict}"
            )
    return lines


def main(words: list[str]) -> None:
    """The table, then a line for every network whose arena is larger than its bound."""
    parser = argparse.ArgumentParser(prog="plan_gap", description="Memory plans and lower bounds.")
    parser.add_argument("--count", type=int, default=1000, help="networks, and sets of buffers")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args(words)
    count, seeds = given.count, range(given.first, given.first + given.count)
    networks = _compared(of_network, seeds)
    sets = _compared(random_buffers, seeds)
    lines = rows(f"{count:,} random networks", networks)
    print("\n".join(table(HEADINGS, [*lines, *rows(f"{count:,} random sets", sets)])))
    print("\n".join((_sizes("networks", networks), _sizes("sets", sets), *proofs(networks))))


def _compared(buffers: Callable[[int], tuple[Buffer, ...]], seeds: range) -> list[Comparison]:
    return [compare(buffers(seed), seed) for seed in seeds]


def _row(name: str, way: str, gaps: Sequence[float]) -> tuple[str, ...]:
    met = sum(gap == 0 for gap in gaps)
    return name, way, f"{met:,}", f"{sum(gaps) / len(gaps):.2%}", f"{max(gaps):.2%}"


def _sizes(name: str, found: Sequence[Comparison]) -> str:
    counts = sorted(len(c.buffers) for c in found)
    return (
        f"{name} have {counts[0]} to {counts[-1]} buffers, {counts[len(counts) // 2]} at the median"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
