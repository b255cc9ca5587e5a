"""conv2d: any kernel, stride and padding, all input channels to all output channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array, matmul_exact
from codegen.ops.base import QuantLayer, Shape, image_shape
from codegen.ops.mac import MacContext, MacOp
from codegen.ops.windows import Padding, Pair, im2col, window_output

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Conv2dContext(MacContext):
    """Holes of conv2d.c.j2."""

    input_height: int
    input_width: int
    input_channels: int
    output_height: int
    output_width: int
    output_channels: int
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    pad_top: int
    pad_left: int
    padded: bool  # false: every tap lies in the image, no check is needed
    pad_value: int  # the input's zero point: what a tap outside the image reads


@dataclass(frozen=True, kw_only=True)
class Conv2d(MacOp):
    """Weights [Cout, kh, kw, Cin]."""

    kind: ClassVar[str] = "conv2d"
    reads_image: ClassVar[bool] = True

    channels: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, channels]."""
        height, width, _ = image_shape(inputs, self.kind)
        rows, columns = window_output((height, width), self.kernel, self.stride, self.padding)
        return rows, columns, self.channels

    def weight_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[Cout, kh, kw, Cin]."""
        return (self.channels, *self.kernel, inputs[0][2])

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Taps times outputs, padded taps included."""
        rows, columns, channels = self.output_shape(inputs)
        return rows * columns * channels * self.kernel[0] * self.kernel[1] * inputs[0][2]

    def scratch_bytes(self, inputs: tuple[Shape, ...]) -> int:
        """One window, widened to int16."""
        return 2 * self.kernel[0] * self.kernel[1] * inputs[0][2]

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, Cin] -> [N, OH, OW, Cout]."""
        from torch.nn import functional as F

        top, left, bottom, right = self.padding
        x = F.pad(inputs[0].permute(0, 3, 1, 2), (left, right, top, bottom))
        weight = tensors["weight"].permute(0, 3, 1, 2)
        y = F.conv2d(x, weight, tensors["bias"], stride=self.stride)
        return self.activation.float_forward(y.permute(0, 2, 3, 1), tensors.get("slope"))

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """im2col, then int32 dot products."""
        (x,) = inputs
        xp = array_namespace(x)
        pad_value = layer.input_quantities[0].zero_point
        windows = im2col(x, self.kernel, self.stride, self.padding, pad_value)
        n, rows, columns = windows.shape[:3]
        patches = xp.reshape(windows, (n * rows * columns, -1))
        weight = xp.reshape(layer.tensors["weight"], (self.channels, -1))
        acc = matmul_exact(patches, weight.T) + layer.tensors["bias"]
        return self.finish(layer, xp.reshape(acc, (n, rows, columns, self.channels)))

    def kernel_context(self, layer: QuantLayer, function: str) -> Conv2dContext:
        """See templates/kernels/conv2d.c.j2."""
        height, width, channels = layer.input_shapes[0]
        rows, columns, outputs = layer.output_shape
        kernel = "x".join(map(str, self.kernel))
        stride = "x".join(map(str, self.stride))
        return Conv2dContext(
            layer=layer.name,
            function=function,
            summary=f"conv2d {kernel} stride {stride}, {height}x{width}x{channels} -> "
            f"{rows}x{columns}x{outputs}{self.activation.describe()}",
            input_height=height,
            input_width=width,
            input_channels=channels,
            output_height=rows,
            output_width=columns,
            output_channels=outputs,
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
