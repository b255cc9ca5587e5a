"""What can be trained for, one file each. Adding one is a file, and a line in OBJECTIVES."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen.errors import HvError
from hypernet.training.objectives.base import Learnt, Objective, Outcome, StageSettings, Task
from hypernet.training.objectives.distil import DISTIL
from hypernet.training.objectives.matrix import MATRIX

__all__ = [
    "OBJECTIVES",
    "Learnt",
    "Objective",
    "Outcome",
    "StageSettings",
    "Task",
    "find_objective",
    "stage_settings",
]

OBJECTIVES: tuple[Objective, ...] = (DISTIL, MATRIX)


def find_objective(name: object) -> Objective:
    """By name; HvError lists the known ones."""
    for objective in OBJECTIVES:
        if objective.name == name:
            return objective
    known = ", ".join(objective.name for objective in OBJECTIVES)
    if name is None:
        raise HvError("objective is missing", hint=f"objective = one of {known}")
    raise HvError(f"unknown objective {name!r}", hint=f"one of {known}")


def stage_settings(table: Mapping[str, Any]) -> type[StageSettings]:
    """The schema of a [[stages]] table."""
    return find_objective(table.get("objective")).settings
