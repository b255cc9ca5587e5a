"""Steps, rates and averages of the training loop."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from hypernet.training.objectives.base import StageSettings, Task

_CONVOLUTION_DIMENSIONS = 4

Module = TypeVar("Module", bound=nn.Module)


class ConvolutionMuon(torch.optim.Muon):
    """PyTorch's Muon for convolution weights: it takes matrices, so it sees [Cout, rest].

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    What it sees is a view of the weights: a step moves the weights themselves.
    """

    def __init__(self, weights: Sequence[nn.Parameter], learning_rate: float) -> None:
        """Without weight decay: batch norm makes a layer's function independent of its scale."""
        self._pairs = [(own, nn.Parameter(own.detach().flatten(1))) for own in weights]
        matrices = [matrix for _, matrix in self._pairs]
        super().__init__(matrices, lr=learning_rate, weight_decay=0.0)

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Takes the weights' gradients, which are views too."""
        for own, matrix in self._pairs:
            matrix.grad = None if own.grad is None else own.grad.flatten(1)
        super().step(closure)  # type: ignore[no-untyped-call]


def optimisers(task: Task, settings: StageSettings) -> tuple[torch.optim.Optimizer, ...]:
    """AdamW over a task's own groups, and Muon over its convolutions where that is asked for.

    `set_rates` moves their rates.
    """
    groups = task.parameter_groups()
    taken = []
    if settings.muon:
        taken = [own for own in task.module.parameters() if own.dim() == _CONVOLUTION_DIMENSIONS]
        mine = {id(own) for own in taken}
        for group in groups:
            group["params"] = [own for own in group["params"] if id(own) not in mine]
    made: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.99))
    ]
    if taken:
        made.append(ConvolutionMuon(taken, settings.muon))
    for optimiser in made:
        for group in optimiser.param_groups:
            group["initial_lr"] = group["lr"]
    return tuple(made)


def decayed(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups that let gains, shifts and slopes be, and decay weights only."""
    weights = [own for own in module.parameters() if own.dim() > 1]
    others = [own for own in module.parameters() if own.dim() <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def set_rates(moved: Sequence[torch.optim.Optimizer], settings: StageSettings, step: int) -> None:
    """Linear warm-up, then half a cosine down to 0.2 %, of every group's own rate, `initial_lr`.

    Args:
        moved: optimisers whose rates are set.
        settings: of the stage.
        step: the one that comes, from 1 on.
    """
    done = (step - 1) / settings.steps
    cosine_decay = (1 + math.cos(math.pi * done)) / 2
    factor = min(1.0, step / settings.warm_up_steps) * (cosine_decay + 0.002)
    for group in (group for optimiser in moved for group in optimiser.param_groups):
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
