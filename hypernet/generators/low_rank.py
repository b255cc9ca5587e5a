"""Every personal layer gets a delta of low rank."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from codegen.nets import Architecture
from hypernet.generators.base import Generator, Theta
from hypernet.generators.embedding_space import EmbeddingSpace


class LowRankGenerator(Generator):
    """Every personal layer is W + sum_k a_k(e) U_k V_k^T, a linear in e, its bias included.

    The form is LoRA's (Hu et al., 2022) with a diagonal core that depends on the person. A row of
    V holds the weights of one output channel and, last, its bias.
    """

    kind = "low-rank"

    def __init__(
        self,
        architecture: Architecture,
        body: Mapping[str, Tensor],
        projection: Tensor,
        space: EmbeddingSpace,
        *,
        rank: int = 4,
    ) -> None:
        """Starts at identity: U is zero, a and V are random (He et al., 2015)."""
        super().__init__(architecture, body, projection, space)
        rng = torch.Generator().manual_seed(0)
        self.rank = rank
        self.coefficients = nn.Parameter(
            torch.randn(rank * len(self.personal), len(space.mean), generator=rng)
        )
        self.left = nn.ParameterDict()
        self.right = nn.ParameterDict()
        for layer in self.personal:
            drawn = torch.randn(rank, layer.depth + 1, generator=rng)
            self.left[layer.name] = nn.Parameter(torch.zeros(layer.channels, rank))
            self.right[layer.name] = nn.Parameter(drawn * math.sqrt(2 / layer.depth))

    @classmethod
    def further(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """The rank."""
        ranks = {len(tensors[name]) for name in tensors if name.startswith("right.")}
        return {"rank": ranks.pop()} if len(ranks) == 1 else {}

    def maps(self) -> list[nn.Parameter]:
        """a, U and V."""
        return [self.coefficients, *self.left.values(), *self.right.values()]

    def body_for(self, direction: Tensor) -> Theta:
        """Adds every personal layer's low-rank delta."""
        theta = self.shared_body()
        every = (self.coefficients @ direction).view(len(self.personal), self.rank)
        for layer, own in zip(self.personal, every, strict=True):
            delta = (self.left[layer.name] * own) @ self.right[layer.name]
            weight, bias = f"{layer.name}.weight", f"{layer.name}.bias"
            theta[weight] = theta[weight] + layer.as_weight(delta[:, :-1])
            theta[bias] = theta[bias] + delta[:, -1]
        return theta
