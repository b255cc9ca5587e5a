"""What all kinds of hypernetworks share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codegen.nets import Architecture
from codegen.ops.mac import MacOp
from hypernet.generators.embedding_space import EmbeddingSpace
from hypernet.verifier import body_layers, head_layer

Theta = dict[str, Tensor]
"""All float tensors of one f in the house layout, by "layer.tensor"."""


@dataclass(frozen=True, kw_only=True)
class PersonalLayer:
    """A layer of the body that belongs to a person.

    Attributes:
        name: of the layer.
        axis: of the output channel in its weights.
        shape: of its weights.
        has_slope: its activation is PReLU.
    """

    name: str
    axis: int
    shape: tuple[int, ...]
    has_slope: bool

    @property
    def channels(self) -> int:
        """Output channels."""
        return self.shape[self.axis]

    @property
    def depth(self) -> int:
        """Weights of one output channel."""
        return math.prod(self.shape) // self.channels

    def per_channel(self, values: Tensor) -> Tensor:
        """Shapes [C] so that it broadcasts over the weights."""
        shape = [1] * len(self.shape)
        shape[self.axis] = -1
        return values.view(shape)

    def as_weight(self, rows: Tensor) -> Tensor:
        """[C, depth] in the layout of the weights."""
        inner = [
            size for axis, size in enumerate(self.shape) if axis != self.axis % len(self.shape)
        ]
        return rows.view(self.channels, *inner).movedim(0, self.axis)


class Generator(nn.Module):
    """What all kinds share: centring, and the last layer P^T e.

    Attributes:
        kind: the name in a checkpoint's card.
        mean: float [D], the training embeddings' mean; not trained.
        whitening: float [D, D], of the embeddings' space; not trained.
        projection: float [D, F], P, rows near-orthonormal.
        body: the body's tensors, names with "/" for ".".
        personal: layers of the body that belong to a person, by the architecture.
    """

    kind: str
    mean: Tensor
    whitening: Tensor

    def __init__(
        self,
        architecture: Architecture,
        body: Mapping[str, Tensor],
        projection: Tensor,
        space: EmbeddingSpace,
    ) -> None:
        """Starts from a distilled body."""
        super().__init__()
        self.architecture = architecture
        self.head = head_layer(architecture).name
        shapes = architecture.float_tensor_shapes()
        self.personal = tuple(
            PersonalLayer(
                name=layer.name,
                axis=layer.op.channel_axis,
                shape=shapes[f"{layer.name}.weight"],
                has_slope=f"{layer.name}.slope" in shapes,
            )
            for layer in body_layers(architecture)
            if isinstance(layer.op, MacOp) and architecture.is_personal_layer(layer.name)
        )
        self.register_buffer("mean", space.mean.clone())
        self.register_buffer("whitening", space.whitening.clone())
        self.projection = nn.Parameter(projection.clone())
        self.body = nn.ParameterDict(
            {name.replace(".", "/"): nn.Parameter(tensor.clone()) for name, tensor in body.items()}
        )

    def centre(self, embeddings: Tensor) -> Tensor:
        """See EmbeddingSpace.directions."""
        return self.space().directions(embeddings)

    def space(self) -> EmbeddingSpace:
        """Where its embeddings are compared."""
        return EmbeddingSpace(mean=self.mean, whitening=self.whitening)

    def enrolled(self, embeddings: Tensor, images: Tensor) -> Theta:
        """Generates the f of the person whom some photographs show.

        Args:
            embeddings: float [N, D], of each photograph; their directions are averaged.
            images: float [N, H, W, C], what f sees of each (`verifier.to_real`).

        Returns:
            As `forward`.
        """
        return self.forward(F.normalize(self.centre(embeddings).mean(dim=0), dim=0))

    def forward(self, direction: Tensor) -> Theta:
        """Generates the f of one direction.

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

    def maps(self) -> list[nn.Parameter]:
        """What maps the embedding to weights; the rest is shared by everybody."""
        return [self.projection]

    @classmethod
    def from_state(cls, architecture: Architecture, tensors: Mapping[str, Tensor]) -> Generator:
        """A generator of a state dict's sizes and numbers.

        Raises:
            KeyError, RuntimeError: the tensors do not fit.
        """
        if "whitening" not in tensors:  # made before there was one
            tensors = {**tensors, "whitening": torch.eye(len(tensors["mean"]))}
        body = {
            name.removeprefix("body.").replace("/", "."): tensor
            for name, tensor in tensors.items()
            if name.startswith("body.")
        }
        space = EmbeddingSpace(mean=tensors["mean"], whitening=tensors["whitening"])
        made = cls(architecture, body, tensors["projection"], space, **cls.further(tensors))
        made.load_state_dict(tensors)
        return made

    @classmethod
    def further(cls, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
        """The constructor's arguments of this kind alone, from a state dict."""
        return {}

    @abstractmethod
    def body_for(self, direction: Tensor) -> Theta:
        """The body's tensors for one person."""
