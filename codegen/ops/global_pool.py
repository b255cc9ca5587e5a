"""global_pool: the mean of each channel over the whole image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import Op, Quantised, QuantiseRequest, QuantLayer, Shape, image_shape
from codegen.ops.pooling import (
    MeanContext,
    finish_mean,
    mean_breaches,
    mean_context,
    quantise_mean,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class GlobalPoolContext(MeanContext):
    """Holes of global_pool.c.j2."""

    pixels: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class GlobalPool(Op):
    """[H, W, C] -> [C]."""

    kind: ClassVar[str] = "global_pool"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[C]."""
        return (image_shape(inputs, self.kind)[2],)

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, C]."""
        return inputs[0].mean(dim=(1, 2))

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """1 / (H * W) goes into the multiplier."""
        return quantise_mean(request, math.prod(request.input_shapes[0][:2]))

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """See pooling.mean_breaches."""
        return mean_breaches(layer, math.prod(layer.input_shapes[0][:2]))

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """int32 sum over the image, one rounding."""
        (x,) = inputs
        xp = array_namespace(x)
        return finish_mean(layer, xp.sum(xp.astype(x, xp.int32), axis=(1, 2), dtype=xp.int32))

    def kernel_context(self, layer: QuantLayer, function: str) -> GlobalPoolContext:
        """See templates/kernels/global_pool.c.j2."""
        height, width, channels = layer.input_shapes[0]
        return GlobalPoolContext(
            layer=layer.name,
            function=function,
            summary=f"global average pool, {height}x{width}x{channels} -> {channels}",
            pixels=height * width,
            channels=channels,
            **mean_context(layer),
        )
