"""What users may want most of the kernels; known before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from codegen.errors import HvError

PlanName = Literal["speed", "balanced", "small"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a user wants most.

    Attributes:
        name: what users type.
        summary: one line of help.
        streams: whether the first layers take the image row by row.
        arena_growth: how many times as large a faster kernel may make the arena; None: no limit.
    """

    name: PlanName
    summary: str
    arena_growth: float | None
    streams: bool = False


PLANS: tuple[Plan, ...] = (
    Plan(name="speed", summary="cycles, whatever flash and RAM it takes", arena_growth=None),
    Plan(
        name="balanced",
        summary="cycles, with weights as bytes and hardly more RAM",
        arena_growth=1.02,
    ),
    Plan(
        name="small",
        summary="RAM and flash: the image is taken row by row and never stored",
        arena_growth=1.0,
        streams=True,
    ),
)
DEFAULT_PLAN: PlanName = "balanced"


def find_plan(name: str) -> Plan:
    """The plan of that name, or an error with all of them."""
    for plan in PLANS:
        if plan.name == name:
            return plan
    names = ", ".join(plan.name for plan in PLANS)
    raise HvError(f"no plan is called {name!r}", hint=f"choose one of {names}")
