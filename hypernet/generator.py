"""h_gen: from an embedding to all the weights of one person's f.

Both generators are warm-started by distillation: the body's folded weights are the generator's
output bias, and the last layer is P^T e. So they work from the first step on; from random
weights, as in the paper, h_gen learns nothing in the time of a processor.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codegen.nets import Architecture
from codegen.ops.mac import MacOp
from hypernet.verifier import body_layers, head_layer

Theta = dict[str, Tensor]
"""All float tensors of one f in the house layout, by "layer.tensor"."""


class Generator(nn.Module):
    """What both generators share: centring, and the last layer P^T e.

    Attributes:
        kind: the name in a checkpoint's card.
        mean: float [D], the training embeddings' mean; not trained.
        projection: float [D, F], P, rows near-orthonormal.
        body: the body's tensors, names with "/" for ".".
    """

    kind: str
    mean: Tensor

    def __init__(
        self,
        architecture: Architecture,
        body: Mapping[str, Tensor],
        projection: Tensor,
        mean: Tensor,
    ) -> None:
        """Starts from a distilled body."""
        super().__init__()
        self.architecture = architecture
        self.head = head_layer(architecture).name
        self.register_buffer("mean", mean.clone())
        self.projection = nn.Parameter(projection.clone())
        self.body = nn.ParameterDict(
            {name.replace(".", "/"): nn.Parameter(tensor.clone()) for name, tensor in body.items()}
        )

    def centre(self, embeddings: Tensor) -> Tensor:
        """(e - mean) / |e - mean|, float [..., D]."""
        return F.normalize(embeddings - self.mean, dim=-1)

    def forward(self, direction: Tensor) -> Theta:
        """Generates one person's f.

        Args:
            direction: float [D], a centred embedding of unit length.

        Returns:
            Every tensor of the architecture, differentiable.
        """
        theta = self.body_for(direction)
        theta[f"{self.head}.weight"] = (direction @ self.projection)[None]
        theta[f"{self.head}.bias"] = direction.new_zeros(1)
        return theta

    def shared_body(self) -> Theta:
        """The body's tensors as they are for nobody in particular."""
        return {name.replace("/", "."): tensor for name, tensor in self.body.items()}

    @abstractmethod
    def body_for(self, direction: Tensor) -> Theta:
        """The body's tensors for one person."""


class LastLayerGenerator(Generator):
    """Only the last layer is personal: about 200 numbers a person."""

    kind = "last-layer"

    def body_for(self, direction: Tensor) -> Theta:
        """The same for everybody."""
        return self.shared_body()


class FilmGenerator(Generator):
    """Everything is personal: a linear map of e scales and shifts every channel of every layer.

    Source of the form: Perez et al., "FiLM", AAAI 2018. Before the activation it folds into
    weights and bias, so the device runs the plain architecture with this person's numbers.
    """

    kind = "film"

    def __init__(
        self,
        architecture: Architecture,
        body: Mapping[str, Tensor],
        projection: Tensor,
        mean: Tensor,
    ) -> None:
        """Starts at identity: everybody gets the distilled body."""
        super().__init__(architecture, body, projection, mean)
        shapes = architecture.float_tensor_shapes()
        self.layers = tuple(
            (layer.name, layer.op.channel_axis, shapes[f"{layer.name}.bias"][0])
            for layer in body_layers(architecture)
            if isinstance(layer.op, MacOp)
        )
        outputs = 2 * sum(channels for _, _, channels in self.layers)
        self.film = nn.Parameter(torch.zeros(outputs, len(mean)))

    def modulation(self, direction: Tensor) -> Tensor:
        """Scale deltas and shifts of all channels, layer by layer: float [2 * channels]."""
        return self.film @ direction

    def body_for(self, direction: Tensor) -> Theta:
        """Per output channel weight * (1 + s) and bias * (1 + s) + t."""
        theta = self.shared_body()
        deltas = torch.split(self.modulation(direction), [2 * count for _, _, count in self.layers])
        for (name, axis, _), delta in zip(self.layers, deltas, strict=True):
            scale_delta, shift = delta.chunk(2)
            scale = 1 + scale_delta
            weight = theta[f"{name}.weight"]
            shape = [1] * weight.dim()
            shape[axis] = -1
            theta[f"{name}.weight"] = weight * scale.view(shape)
            theta[f"{name}.bias"] = theta[f"{name}.bias"] * scale + shift
        return theta


GENERATORS: dict[str, type[Generator]] = {
    generator.kind: generator for generator in (FilmGenerator, LastLayerGenerator)
}
