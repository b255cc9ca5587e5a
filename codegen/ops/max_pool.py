"""max_pool: the largest value of each window; same scale in and out, comparisons only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import INT8_MIN, Array
from codegen.ops.base import (
    KernelContext,
    Op,
    Quantised,
    QuantiseRequest,
    QuantLayer,
    Shape,
    image_shape,
)
from codegen.ops.windows import Padding, Pair, im2col, window_output

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class MaxPoolContext(KernelContext):
    """Holes of max_pool.c.j2."""

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


@dataclass(frozen=True, kw_only=True)
class MaxPool(Op):
    """Taps in the padding never win; every window has a tap in the image."""

    kind: ClassVar[str] = "max_pool"

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, C]."""
        height, width, channels = image_shape(inputs, self.kind)
        return (*window_output((height, width), self.kernel, self.stride, self.padding), channels)

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, OH, OW, C]."""
        from torch.nn import functional as F

        top, left, bottom, right = self.padding
        x = inputs[0].permute(0, 3, 1, 2)
        x = F.pad(x, (left, right, top, bottom), value=float("-inf"))
        return F.max_pool2d(x, self.kernel, self.stride).permute(0, 2, 3, 1)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """Nothing to choose: integers keep their order."""
        return Quantised(quantity=request.input_quantities[0], constants={}, tensors={})

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The largest tap of each window."""
        (x,) = inputs
        xp = array_namespace(x)
        windows = im2col(x, self.kernel, self.stride, self.padding, INT8_MIN)
        return xp.max(windows, axis=3)

    def kernel_context(self, layer: QuantLayer, function: str) -> MaxPoolContext:
        """See templates/kernels/max_pool.c.j2."""
        height, width, channels = layer.input_shapes[0]
        rows, columns, _ = layer.output_shape
        kernel = "x".join(map(str, self.kernel))
        return MaxPoolContext(
            layer=layer.name,
            function=function,
            summary=f"max pool {kernel}, {height}x{width}x{channels} -> "
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
        )
