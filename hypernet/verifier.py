"""f while it is trained: an Architecture's body with batch norm, which folds away.

The operators' own `float_forward` say what a layer computes; only what training adds is here.
The last layer is missing on purpose: the hypernetwork makes it (generators/).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codegen.errors import HvError
from codegen.nets import Architecture, Layer
from codegen.ops.base import Activation, Shape
from codegen.ops.mac import MacOp
from codegen.ops.normalised_decision import NormalisedDecision
from hypernet.prelu import prelu
from hypernet.training.distributed import ALONE, Processes

_BATCH_NORM_EPSILON = 1e-5
_BATCH_NORM_MOMENTUM = 0.1
_INITIAL_SLOPE = 0.25


def head_layer(architecture: Architecture) -> Layer:
    """The layer that the decision reads: its weights are the person's.

    Raises:
        HvError: the architecture does not end in dense [1] and a decision.
    """
    decision = architecture.layers[-1]
    by_name = {layer.name: layer for layer in architecture.layers}
    head = by_name.get(decision.inputs[0]) if decision.op.is_decision else None
    if head is None or head.op.kind != "dense":
        raise HvError(
            "the architecture does not end in a dense layer and a decision",
            where=architecture.name,
            hint="the hypernetwork writes the weights of that dense layer",
        )
    return head


def is_normalised(architecture: Architecture) -> bool:
    """Whether the decision compares a cosine, w.h / (|w| |h|), or else w.h + b."""
    return isinstance(architecture.layers[-1].op, NormalisedDecision)


def body_layers(architecture: Architecture) -> tuple[Layer, ...]:
    """Every layer before the head."""
    head = head_layer(architecture)
    return architecture.layers[: architecture.layers.index(head)]


def to_real(images: Tensor, architecture: Architecture) -> Tensor:
    """Camera bytes as f sees them: (u8 - 128) * scale.

    Args:
        images: uint8 or float [N, H, W, C], 0 to 255.
        architecture: says the scale.

    Returns:
        float32 [N, H, W, C].
    """
    return (images.float() - 128.0) * architecture.image.scale


class NormalisedLayer(nn.Module):
    """One layer with weights, batch norm and activation.

    Attributes:
        weight: house layout (codegen.ops).
        gain: float [C], batch norm's.
        shift: float [C], batch norm's.
        slope: float [C], PReLU's before it is clamped to [0, 1]; absent otherwise.
        mean: float [C], running statistics, as `variance`.
        frozen: the running statistics are used, and kept, in training too.
        processes: whose images make the statistics.
    """

    mean: Tensor
    variance: Tensor
    frozen: bool = False
    processes: Processes = ALONE

    def __init__(
        self, op: MacOp, input_shapes: tuple[Shape, ...], generator: torch.Generator
    ) -> None:
        """Draws the weights (He et al., 2015)."""
        super().__init__()
        self.op = op
        self.linear = dataclasses.replace(op, activation=Activation())
        shapes = op.float_tensors(input_shapes)
        channels = shapes["bias"]
        deviation = math.sqrt(2 / (math.prod(shapes["weight"]) / channels[0]))
        self.weight = nn.Parameter(torch.randn(shapes["weight"], generator=generator) * deviation)
        self.gain = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        if "slope" in shapes:
            self.slope = nn.Parameter(torch.full(channels, _INITIAL_SLOPE))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, *inputs: Tensor) -> Tensor:
        """[N, H, W, C] or [N, C], batch norm in its training form when the module trains."""
        tensors = {"weight": self.weight, "bias": torch.zeros_like(self.shift)}
        y = self.linear.float_forward(tensors, inputs).movedim(-1, 1)
        training = self.training and not self.frozen
        norm = F.batch_norm if self.processes.count == 1 or not training else self._shared_norm
        normal = norm(
            y,
            self.mean,
            self.variance,
            self.gain,
            self.shift,
            training=training,
            momentum=_BATCH_NORM_MOMENTUM,
            eps=_BATCH_NORM_EPSILON,
        )
        if "slope" in self._parameters:
            return prelu(normal, self.clamped_slope()).movedim(1, -1)
        return self.op.activation.float_forward(normal.movedim(1, -1), None)

    def clamped_slope(self) -> Tensor:
        """PReLU's slope in [0, 1]: the integer kernel's two multipliers then have one sign."""
        return self.slope.clamp(0, 1)

    def fold(self) -> dict[str, Tensor]:
        """weight, bias and slope of the same function without batch norm; differentiable."""
        factor = self.gain / torch.sqrt(self.variance + _BATCH_NORM_EPSILON)
        shape = [1] * self.weight.dim()
        shape[self.op.channel_axis] = -1
        tensors = {"weight": self.weight * factor.view(shape)}
        tensors["bias"] = self.shift - self.mean * factor
        if "slope" in self._parameters:
            tensors["slope"] = self.clamped_slope()
        return tensors

    def load_folded(self, tensors: Mapping[str, Tensor]) -> None:
        """Becomes the function of folded tensors: with statistics that normalise nothing."""
        with torch.no_grad():
            self.weight.copy_(tensors["weight"])
            self.shift.copy_(tensors["bias"])
            self.gain.fill_(1.0)
            self.mean.zero_()
            self.variance.fill_(1.0 - _BATCH_NORM_EPSILON)
            if "slope" in self._parameters:
                self.slope.copy_(tensors["slope"])
        self.frozen = True

    def _shared_norm(
        self,
        y: Tensor,
        mean: Tensor,
        variance: Tensor,
        gain: Tensor,
        shift: Tensor,
        *,
        training: bool,
        momentum: float,
        eps: float,
    ) -> Tensor:
        """F.batch_norm over the images of all processes; PyTorch's own needs a GPU."""
        axes = [axis for axis in range(y.dim()) if axis != 1]
        shape = (-1,) + (1,) * (y.dim() - 2)
        count = self.processes.count * y.numel() // y.shape[1]
        centre = self.processes.sum_over(y.sum(axes)) / count
        apart = y - centre.view(shape)
        spread = self.processes.sum_over(apart.square().sum(axes)) / count
        with torch.no_grad():
            mean.lerp_(centre, momentum)
            variance.lerp_(spread * count / (count - 1), momentum)
        scaled = apart * (gain * torch.rsqrt(spread + eps)).view(shape)
        return scaled + shift.view(shape)


class Verifier(nn.Module):
    """The body of f: images to features."""

    def __init__(self, architecture: Architecture, *, seed: int) -> None:
        """Builds every layer before the head, weights drawn from `seed`."""
        super().__init__()
        self.architecture = architecture
        self.body = body_layers(architecture)
        self.features = head_layer(architecture).inputs[0]
        shapes = architecture.shapes()
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleDict()
        for layer in self.body:
            if isinstance(layer.op, MacOp):
                inputs = tuple(shapes[name] for name in layer.inputs)
                self.layers[layer.name] = NormalisedLayer(layer.op, inputs, generator)

    @property
    def feature_count(self) -> int:
        """Length of the feature vector."""
        return int(math.prod(self.architecture.shapes()[self.features]))

    def forward(self, images: Tensor) -> Tensor:
        """Features of images.

        Args:
            images: float [N, H, W, C], as `to_real` makes them.

        Returns:
            float [N, F].
        """
        values = {"image": images}
        for layer in self.body:
            inputs = tuple(values[name] for name in layer.inputs)
            if layer.name in self.layers:
                values[layer.name] = self.layers[layer.name](*inputs)
            else:
                values[layer.name] = layer.op.float_forward({}, inputs)
        return values[self.features]

    def fold(self) -> dict[str, Tensor]:
        """The body's tensors in the house layout, {"conv0.weight": ...}; differentiable."""
        return {
            f"{name}.{tensor_name}": tensor
            for name, layer in self.normalised()
            for tensor_name, tensor in layer.fold().items()
        }

    def load_folded(self, body: Mapping[str, Tensor]) -> None:
        """Takes over a folded body; its batch norm is frozen then."""
        for name, layer in self.normalised():
            start = len(name) + 1
            own = {key[start:]: body[key] for key in body if key.startswith(f"{name}.")}
            layer.load_folded(own)

    def freeze(self) -> None:
        """Keeps the batch norm's statistics as they are from now on."""
        for _, layer in self.normalised():
            layer.frozen = True

    def share_statistics(self, processes: Processes) -> None:
        """Takes batch norm's statistics over the images of all processes."""
        for _, layer in self.normalised():
            layer.processes = processes

    def normalised(self) -> Iterator[tuple[str, NormalisedLayer]]:
        """The layers with batch norm, by name."""
        for name, layer in self.layers.items():
            assert isinstance(layer, NormalisedLayer)
            yield name, layer
