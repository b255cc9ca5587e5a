"""The last layer is personal, and the verifier's own body has a say in it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from codegen.nets import Architecture, float_forward
from hypernet.discriminant import OwnView
from hypernet.generators.base import Theta
from hypernet.generators.embedding_space import EmbeddingSpace
from hypernet.generators.last_layer import LastLayerGenerator
from hypernet.verifier import head_layer


class TwoViewsGenerator(LastLayerGenerator):
    """P^T e, plus what the body itself says of the enrolment photograph (discriminant.OwnView).

    All of it happens at enrolment: the device runs the same network. Training makes last-layer
    hypernetworks; this one comes out of their calibration.

    Attributes:
        own_mean: float [F].
        own_axes: float [K, F].
        own_metric: float [K, K].
    """

    kind = "two-views"
    own_mean: Tensor
    own_axes: Tensor
    own_metric: Tensor

    def __init__(
        self,
        architecture: Architecture,
        body: Mapping[str, Tensor],
        projection: Tensor,
        space: EmbeddingSpace,
        *,
        own: OwnView,
    ) -> None:
        """Of a last-layer hypernetwork's parts, and the body's."""
        super().__init__(architecture, body, projection, space)
        self.register_buffer("own_mean", torch.from_numpy(own.mean))
        self.register_buffer("own_axes", torch.from_numpy(own.axes))
        self.register_buffer("own_metric", torch.from_numpy(own.metric))

    @classmethod
    def further(cls, tensors: Mapping[str, Tensor]) -> dict[str, OwnView]:
        """The body's part."""
        parts = {part: tensors[f"own_{part}"].numpy() for part in ("mean", "axes", "metric")}
        return {"own": OwnView(**parts)}

    def enrolled(self, embeddings: Tensor, images: Tensor) -> Theta:
        """Adds the mean of the photographs' own features to the last layer.

        The encoder's mean direction is brought to unit length, so one photograph weighs as much as
        three; of the body's features, which are far noisier, three are worth more: sqrt(N).
        """
        theta = super().enrolled(embeddings, images)
        seen = self._features(images, theta).mean(dim=0) - self.own_mean
        seen = seen * math.sqrt(len(images))
        own = self.own_axes.T @ (self.own_metric @ (self.own_axes @ seen))
        weight = f"{self.head}.weight"
        theta[weight] = theta[weight] + own[None]
        return theta

    def _features(self, images: Tensor, theta: Theta) -> Tensor:
        """What the head reads, of unit length: float [N, F]."""
        source = head_layer(self.architecture).inputs[0]
        values = float_forward(self.architecture, theta, images)
        return F.normalize(values[source].flatten(1), dim=1)
