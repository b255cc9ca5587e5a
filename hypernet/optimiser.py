"""Steps, rates and averages of the training loop."""

from __future__ import annotations

import copy
import math
from typing import Generic, TypeVar

import torch
from torch import nn

from hypernet.plans import DistilPlan

Module = TypeVar("Module", bound=nn.Module)


def adamw(module: nn.Module, plan: DistilPlan) -> torch.optim.AdamW:
    """AdamW that lets gains, shifts and slopes be, and decays weights only."""
    weights = [own for own in module.parameters() if own.dim() > 1]
    others = [own for own in module.parameters() if own.dim() <= 1]
    return torch.optim.AdamW(
        [
            {"params": weights, "weight_decay": plan.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=plan.learning_rate,
        betas=(0.9, 0.99),
    )


def rate_schedule(
    optimiser: torch.optim.Optimizer, steps: int, warm_up: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up, then half a cosine down to 0.2 % of the learning rate."""

    def factor(step: int) -> float:
        cosine_decay = (1 + math.cos(math.pi * min(step / steps, 1.0))) / 2
        return min(1.0, (step + 1) / warm_up) * (cosine_decay + 0.002)

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


class MovingAverage(Generic[Module]):
    """An exponential moving average of a module's numbers: smoother than its last step."""

    def __init__(self, module: Module, decay: float) -> None:
        """Starts as a copy."""
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._decay = decay
        self._updates = 0

    def update(self, module: Module) -> None:
        """Takes in the module as it stands; the first updates count more."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        own = self.module.state_dict()
        for name, tensor in module.state_dict().items():
            own[name].lerp_(tensor, 1 - decay)
