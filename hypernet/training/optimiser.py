"""Steps, rates and averages of the training loop."""

from __future__ import annotations

import copy
import math
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from hypernet.training.objectives.base import StageSettings, Task

Module = TypeVar("Module", bound=nn.Module)


def adamw(task: Task, settings: StageSettings) -> torch.optim.AdamW:
    """AdamW over a task's own groups; `set_rates` moves their rates."""
    optimiser = torch.optim.AdamW(
        task.parameter_groups(), lr=settings.learning_rate, betas=(0.9, 0.99)
    )
    for group in optimiser.param_groups:
        group["initial_lr"] = group["lr"]
    return optimiser


def decayed(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups that let gains, shifts and slopes be, and decay weights only."""
    weights = [own for own in module.parameters() if own.dim() > 1]
    others = [own for own in module.parameters() if own.dim() <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def set_rates(optimiser: torch.optim.Optimizer, settings: StageSettings, step: int) -> None:
    """Linear warm-up, then half a cosine down to 0.2 %, of every group's own rate, `initial_lr`.

    Args:
        optimiser: whose rates are set.
        settings: of the stage.
        step: the one that comes, from 1 on.
    """
    done = (step - 1) / settings.steps
    cosine_decay = (1 + math.cos(math.pi * done)) / 2
    factor = min(1.0, step / settings.warm_up_steps) * (cosine_decay + 0.002)
    for group in optimiser.param_groups:
        group["lr"] = factor * group["initial_lr"]


class MovingAverage(Generic[Module]):
    """An exponential moving average of a module's numbers: smoother than its last step."""

    def __init__(self, module: Module, decay: float) -> None:
        """Starts as a copy."""
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._decay = decay

    def update(self, module: Module, updates: int) -> None:
        """Takes in the module as it stands, for the `updates`-th time; the first count more."""
        decay = min(self._decay, (1 + updates) / (10 + updates))
        own = self.module.state_dict()
        for name, tensor in module.state_dict().items():
            own[name].lerp_(tensor, 1 - decay)
