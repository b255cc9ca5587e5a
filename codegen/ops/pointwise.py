"""pointwise: one dot product per position and output channel; of an image, a 1x1 convolution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array, matmul_exact
from codegen.errors import HvError
from codegen.ops.base import QuantLayer, Shape, shape_text
from codegen.ops.mac import MacContext, MacOp

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class PointwiseContext(MacContext):
    """Holes of pointwise.c.j2."""

    pixels: int
    input_channels: int
    output_channels: int


@dataclass(frozen=True, kw_only=True)
class Pointwise(MacOp):
    """Weights [Cout, 1, 1, Cin]."""

    kind: ClassVar[str] = "pointwise"
    reads_image: ClassVar[bool] = True

    channels: int

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[..., channels]."""
        if len(inputs[0]) < 2:
            raise HvError(
                f"pointwise needs positions and channels, not shape {inputs[0]}",
                hint="a vector goes through a dense layer",
            )
        return (*inputs[0][:-1], self.channels)

    def weight_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[Cout, 1, 1, Cin]."""
        return (self.channels, 1, 1, inputs[0][-1])

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """One per weight and position."""
        return math.prod(inputs[0]) * self.channels

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, ..., Cin] -> [N, ..., Cout]."""
        weight = tensors["weight"].flatten(1)
        y = inputs[0] @ weight.T + tensors["bias"]
        return self.activation.float_forward(y, tensors.get("slope"))

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """int32 dot products over the input channels."""
        (x,) = inputs
        xp = array_namespace(x)
        weight = xp.reshape(layer.tensors["weight"], (self.channels, -1))
        acc = matmul_exact(xp.reshape(x, (-1, x.shape[-1])), weight.T) + layer.tensors["bias"]
        return self.finish(layer, xp.reshape(acc, (*x.shape[:-1], self.channels)))

    def kernel_context(self, layer: QuantLayer, function: str) -> PointwiseContext:
        """See templates/kernels/pointwise.c.j2."""
        source, result = shape_text(layer.input_shapes[0]), shape_text(layer.output_shape)
        return PointwiseContext(
            layer=layer.name,
            function=function,
            summary=f"pointwise, {source} -> {result}{self.activation.describe()}",
            pixels=math.prod(layer.output_shape[:-1]),
            input_channels=layer.input_shapes[0][-1],
            output_channels=self.channels,
            **self.mac_context(layer),
        )
