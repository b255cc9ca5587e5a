"""average_pool: the mean of each window; taps in the padding count as zero."""

from __future__ import annotations

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
from codegen.ops.windows import Padding, Pair, im2col, window_output

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class AveragePoolContext(MeanContext):
    """Holes of average_pool.c.j2."""

    input_height: int
    input_width: int
    channels: int
    output_height: int
    output_width: int
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    pad_top: int
    pad_left: int
    padded: bool  # false: every tap lies in the image, no check is needed
    pad_value: int


@dataclass(frozen=True, kw_only=True)
class AveragePool(Op):
    """Mean over kernel height x kernel width positions."""

    kind: ClassVar[str] = "average_pool"

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, C]."""
        height, width, channels = image_shape(inputs, self.kind)
        return (*window_output((height, width), self.kernel, self.stride, self.padding), channels)

    @property
    def positions(self) -> int:
        """Taps of a window."""
        return self.kernel[0] * self.kernel[1]

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, OH, OW, C]."""
        from torch.nn import functional as F

        top, left, bottom, right = self.padding
        x = F.pad(inputs[0].permute(0, 3, 1, 2), (left, right, top, bottom))
        return F.avg_pool2d(x, self.kernel, self.stride).permute(0, 2, 3, 1)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """1 / N goes into the multiplier."""
        return quantise_mean(request, self.positions)

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """See pooling.mean_breaches."""
        return mean_breaches(layer, self.positions)

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """int32 sum of each window, one rounding."""
        (x,) = inputs
        xp = array_namespace(x)
        pad_value = layer.input_quantities[0].zero_point
        windows = im2col(x, self.kernel, self.stride, self.padding, pad_value)
        return finish_mean(layer, xp.sum(xp.astype(windows, xp.int32), axis=3, dtype=xp.int32))

    def kernel_context(self, layer: QuantLayer, function: str) -> AveragePoolContext:
        """See templates/kernels/average_pool.c.j2."""
        height, width, channels = layer.input_shapes[0]
        rows, columns, _ = layer.output_shape
        kernel = "x".join(map(str, self.kernel))
        return AveragePoolContext(
            layer=layer.name,
            function=function,
            summary=f"average pool {kernel}, {height}x{width}x{channels} -> "
            f"{rows}x{columns}x{channels}",
            input_height=height,
            input_width=width,
            channels=channels,
            output_height=rows,
            output_width=columns,
            kernel_height=self.kernel[0],
            kernel_width=self.kernel[1],
            stride_y=self.stride[0],
            stride_x=self.stride[1],
            pad_top=self.padding[0],
            pad_left=self.padding[1],
            padded=any(self.padding),
            pad_value=layer.input_quantities[0].zero_point,
            **mean_context(layer),
        )
