"""Every channel of the personal layers is scaled and shifted."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from codegen.nets import Architecture
from hypernet.generators.base import Generator, Theta
from hypernet.generators.embedding_space import EmbeddingSpace


class FilmGenerator(Generator):
    """A linear map of e scales and shifts every channel of every personal layer.

    Source of the form: Perez et al., "FiLM", AAAI 2018. Before the activation it folds into
    weights and bias, so the device runs the plain architecture with this person's numbers.
    """

    kind = "film"

    def __init__(
        self,
        architecture: Architecture,
        body: Mapping[str, Tensor],
        projection: Tensor,
        space: EmbeddingSpace,
    ) -> None:
        """Starts at identity: everybody gets the shared body."""
        super().__init__(architecture, body, projection, space)
        outputs = 2 * sum(layer.channels for layer in self.personal)
        self.film = nn.Parameter(torch.zeros(outputs, len(space.mean)))

    def maps(self) -> list[nn.Parameter]:
        """The linear map."""
        return [self.film]

    def modulation(self, direction: Tensor) -> Tensor:
        """Scale deltas and shifts of all channels, layer by layer: float [2 * channels]."""
        return self.film @ direction

    def body_for(self, direction: Tensor) -> Theta:
        """Per output channel weight * (1 + s) and bias * (1 + s) + t."""
        theta = self.shared_body()
        counts = [2 * layer.channels for layer in self.personal]
        deltas = torch.split(self.modulation(direction), counts)
        for layer, delta in zip(self.personal, deltas, strict=True):
            scale_delta, shift = delta.chunk(2)
            scale = 1 + scale_delta
            weight, bias = theta[f"{layer.name}.weight"], theta[f"{layer.name}.bias"]
            theta[f"{layer.name}.weight"] = weight * layer.per_channel(scale)
            theta[f"{layer.name}.bias"] = bias * scale + shift
        return theta
