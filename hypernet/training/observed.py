"""The output ranges that quantisation-aware steps use, as part of what a stage remembers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codegen.nets import Architecture
from hypernet.verifier import body_layers

REFRESHED_EVERY = 100  # steps; weights hardly move in between once rates are low
_SHARE_OF_NEW = 0.5


class Observed(nn.Module):
    """Range of every body layer's output; float64, so that a resumed training has the same.

    Attributes:
        limits: float64 [layers, 2]; zero until something was observed.
    """

    limits: Tensor

    def __init__(self, architecture: Architecture) -> None:
        """Nothing was observed yet."""
        super().__init__()
        self._names = [layer.name for layer in body_layers(architecture)]
        self.register_buffer("limits", torch.zeros(len(self._names), 2, dtype=torch.float64))

    @property
    def seen(self) -> bool:
        """Whether there are ranges."""
        return bool(self.limits.any())

    def is_due(self, step: int, first: int) -> bool:
        """Whether step `step` needs a new look; the first quantised one is `first`."""
        return not self.seen or (step - first) % REFRESHED_EVERY == 0

    def update(self, ranges: dict[str, tuple[float, float]]) -> None:
        """Moves half-way to what was observed."""
        new = torch.tensor([ranges[name] for name in self._names], dtype=torch.float64)
        new = new.to(self.limits.device)
        self.limits.copy_(torch.lerp(self.limits, new, _SHARE_OF_NEW) if self.seen else new)

    def ranges(self) -> dict[str, tuple[float, float]]:
        """By layer name: (lowest, highest), real, rounded as a checkpoint keeps them."""
        pairs = zip(self._names, self.limits.tolist(), strict=True)
        return {name: (round(lo, 5), round(hi, 5)) for name, (lo, hi) in pairs}
