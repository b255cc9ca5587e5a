"""Every number of the personal layers is emitted, as in the paper."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codegen.nets import Architecture
from hypernet.generators.base import Generator, Theta
from hypernet.generators.embedding_space import EmbeddingSpace


class FullGenerator(Generator):
    """Every number of every personal layer is emitted (paper, section 3).

    Linear in e, or through one hidden layer; the shared body is the output's bias.
    """

    kind = "full"

    def __init__(
        self,
        architecture: Architecture,
        body: Mapping[str, Tensor],
        projection: Tensor,
        space: EmbeddingSpace,
        *,
        hidden: int = 64,
    ) -> None:
        """Starts at identity: what is emitted is zero. No hidden layer where `hidden` is 0."""
        super().__init__(architecture, body, projection, space)
        names = ("weight", "bias", "slope")
        self.emitted = tuple(
            name
            for layer in self.personal
            for name in (f"{layer.name}.{part}" for part in names)
            if name in body
        )
        outputs = sum(body[name].numel() for name in self.emitted)
        if hidden:
            rng = torch.Generator().manual_seed(0)
            self.inner = nn.Parameter(torch.randn(hidden, len(space.mean), generator=rng))
            self.inner_bias = nn.Parameter(torch.zeros(hidden))
        self.emission = nn.Parameter(torch.zeros(outputs, hidden or len(space.mean)))

    @classmethod
    def further(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """The width of the hidden layer."""
        return {"hidden": len(tensors["inner"]) if "inner" in tensors else 0}

    def maps(self) -> list[nn.Parameter]:
        """All layers of h_gen but its last bias."""
        return [self.emission, *(own for name, own in self.named_parameters() if "inner" in name)]

    def body_for(self, direction: Tensor) -> Theta:
        """Adds what is emitted; slopes stay in [0, 1]."""
        theta = self.shared_body()
        inside = direction
        if "inner" in self._parameters:
            inside = F.relu(self.inner @ direction + self.inner_bias) / math.sqrt(len(self.inner))
        parts = torch.split(self.emission @ inside, [theta[name].numel() for name in self.emitted])
        for name, part in zip(self.emitted, parts, strict=True):
            changed = theta[name] + part.view(theta[name].shape)
            theta[name] = changed.clamp(0, 1) if name.endswith(".slope") else changed
        return theta
