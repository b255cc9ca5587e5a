"""depthwise: each channel convolved with its own window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.ops.base import QuantLayer, Shape, image_shape
from codegen.ops.mac import MacContext, MacOp
from codegen.ops.windows import Padding, Pair, im2col, window_output

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class DepthwiseContext(MacContext):
    """Holes of depthwise.c.j2."""

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
class Depthwise(MacOp):
    """Weights [kh, kw, C]."""

    kind: ClassVar[str] = "depthwise"
    reads_image: ClassVar[bool] = True

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)

    @property
    def channel_axis(self) -> int:
        """Channels last."""
        return -1

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, C]."""
        height, width, channels = image_shape(inputs, self.kind)
        return (*window_output((height, width), self.kernel, self.stride, self.padding), channels)

    def weight_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[kh, kw, C]."""
        return (*self.kernel, inputs[0][2])

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Taps times outputs, padded taps included."""
        rows, columns, channels = self.output_shape(inputs)
        return rows * columns * channels * self.kernel[0] * self.kernel[1]

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, OH, OW, C]."""
        from torch.nn import functional as F

        top, left, bottom, right = self.padding
        x = F.pad(inputs[0].permute(0, 3, 1, 2), (left, right, top, bottom))
        weight = tensors["weight"].permute(2, 0, 1).unsqueeze(1)
        y = F.conv2d(x, weight, tensors["bias"], stride=self.stride, groups=weight.shape[0])
        return self.activation.float_forward(y.permute(0, 2, 3, 1), tensors.get("slope"))

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """im2col, then an int32 sum over the taps of each channel."""
        (x,) = inputs
        xp = array_namespace(x)
        pad_value = layer.input_quantities[0].zero_point
        windows = im2col(x, self.kernel, self.stride, self.padding, pad_value)
        weight = layer.tensors["weight"]
        taps = xp.astype(xp.reshape(weight, (-1, weight.shape[-1])), xp.int32)
        products = xp.astype(windows, xp.int32) * taps
        acc = xp.sum(products, axis=3, dtype=xp.int32) + layer.tensors["bias"]
        return self.finish(layer, acc)

    def kernel_context(self, layer: QuantLayer, function: str) -> DepthwiseContext:
        """See templates/kernels/depthwise.c.j2."""
        height, width, channels = layer.input_shapes[0]
        rows, columns, _ = layer.output_shape
        kernel = "x".join(map(str, self.kernel))
        stride = "x".join(map(str, self.stride))
        return DepthwiseContext(
            layer=layer.name,
            function=function,
            summary=f"depthwise {kernel} stride {stride}, {height}x{width}x{channels} -> "
            f"{rows}x{columns}x{channels}{self.activation.describe()}",
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
            **self.mac_context(layer),
        )
