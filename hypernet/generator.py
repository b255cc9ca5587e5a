"""h_gen: from an embedding to all the weights of one person's f.

All kinds start at one body for everybody: its folded weights are the generator's output bias, and
the last layer is P^T e. With a distilled body they work from the first step on; from a random one,
as in the paper, h_gen learns little in the time of a processor. Which layers of the body are
personal is the architecture's choice; how, is the kind's.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codegen.nets import Architecture
from codegen.ops.mac import MacOp
from hypernet.verifier import body_layers, head_layer

_VARIANCE_FLOOR = 0.02  # of the mean variance

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


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddingSpace:
    """Where embeddings are compared: centred, partly whitened, of unit length.

    Attributes:
        mean: float [D], of the training embeddings.
        whitening: float [D, D], symmetric; the identity leaves them as they are.
    """

    mean: Tensor
    whitening: Tensor

    @classmethod
    def fitted(cls, embeddings: Tensor, power: float) -> EmbeddingSpace:
        """The whitening is C^(-power/2) of the embeddings' covariance C.

        An encoder puts much more into some directions than into others (dlib's: half of the
        variance lies in 12 of 128). A power between 0 (none) and 1 (all alike) brings people
        apart; the smallest variances are raised to 2 % of the mean one, so noise is not.

        Args:
            embeddings: float [N, D].
            power: 0 to 1.
        """
        mean = embeddings.mean(dim=0)
        if power == 0:
            return cls(mean=mean, whitening=torch.eye(len(mean)))
        variances, axes = torch.linalg.eigh(torch.cov(embeddings.double().T))
        floored = variances.clamp(min=0) + _VARIANCE_FLOOR * variances.mean()
        gains = (floored / floored.mean()) ** (-power / 2)
        return cls(mean=mean, whitening=((axes * gains) @ axes.T).to(embeddings.dtype))

    def directions(self, embeddings: Tensor) -> Tensor:
        """W (e - mean), brought to unit length: float [..., D]."""
        return F.normalize((embeddings - self.mean) @ self.whitening, dim=-1)


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
        made = cls(architecture, body, tensors["projection"], space, **cls.sizes(tensors))
        made.load_state_dict(tensors)
        return made

    @classmethod
    def sizes(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """The constructor's sizes that a state dict has."""
        return {}

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
    def sizes(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
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
    def sizes(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
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


GENERATORS: dict[str, type[Generator]] = {
    generator.kind: generator
    for generator in (FilmGenerator, FullGenerator, LastLayerGenerator, LowRankGenerator)
}
