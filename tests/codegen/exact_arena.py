"""The smallest arena by integer programming: knows nothing of how the planner places buffers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

from codegen.lifetimes import ALIGNMENT_BYTES, Buffer, aligned


@dataclass(frozen=True, kw_only=True)
class Exact:
    """What the solver knows: no arena is smaller than `least_bytes`; whether one is as small."""

    least_bytes: int
    is_proved: bool


def smallest_arena(
    buffers: Sequence[Buffer], known_bytes: int, bound_bytes: int = 0, seconds: float = 60.0
) -> Exact:
    """Asks HiGHS, through scipy.

    Args:
        buffers: what to place; their offsets do not matter.
        known_bytes: an arena that is known to be large enough.
        bound_bytes: what is known to be needed; saves the solver work.
        seconds: how long the solver may take.
    """
    room = known_bytes // ALIGNMENT_BYTES
    sizes = [aligned(buffer.size_bytes) // ALIGNMENT_BYTES for buffer in buffers]
    rows = _Rows(unknowns=len(buffers) + 1)  # offsets, then the arena's height
    for i, size in enumerate(sizes):
        rows.at_least(size, {len(buffers): 1, i: -1})
    for i, j in combinations(range(len(buffers)), 2):
        one, two = buffers[i], buffers[j]
        if not one.lives_with(two):
            continue
        below, above, same = rows.choice(), rows.choice(), rows.choice()
        joined = one.name in two.may_overwrite or two.name in one.may_overwrite
        rows.at_least(1, {below: 1, above: 1, same: 1 if joined else 0})
        rows.at_least(sizes[i] - room, {j: 1, i: -1, below: -room})
        rows.at_least(sizes[j] - room, {i: 1, j: -1, above: -room})
        for low, high in ((i, j), (j, i)):  # same: neither is lower
            rows.at_least(-room, {high: 1, low: -1, same: -room})
    unknowns = range(rows.unknowns)
    result = milp(
        c=np.eye(rows.unknowns)[len(buffers)],
        constraints=LinearConstraint(rows.matrix(), lb=rows.least),
        integrality=[int(i > len(buffers)) for i in unknowns],
        bounds=Bounds(
            [bound_bytes // ALIGNMENT_BYTES if i == len(buffers) else 0 for i in unknowns],
            [room if i <= len(buffers) else 1 for i in unknowns],
        ),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    least = 0.0 if result.mip_dual_bound is None else result.mip_dual_bound
    return Exact(
        least_bytes=int(np.ceil(least - 1e-6)) * ALIGNMENT_BYTES, is_proved=result.status == 0
    )


class _Rows:
    """Inequalities that grow."""

    def __init__(self, unknowns: int) -> None:
        self.unknowns = unknowns
        self.left: list[dict[int, int]] = []
        self.least: list[int] = []

    def choice(self) -> int:
        """A new unknown that is 0 or 1."""
        self.unknowns += 1
        return self.unknowns - 1

    def at_least(self, least: int, factors: dict[int, int]) -> None:
        self.left.append(factors)
        self.least.append(least)

    def matrix(self) -> lil_array:
        matrix = lil_array((len(self.left), self.unknowns))
        for row, factors in enumerate(self.left):
            for column, factor in factors.items():
                matrix[row, column] = factor
        return matrix
