"""conv2d: any kernel, stride and padding, all input channels to all output channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array, matmul_exact
from codegen.ops.base import QuantLayer, Shape
from codegen.ops.mac import MacContext, MacOp
from codegen.ops.windows import Window, WindowContext

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Conv2dContext(WindowContext, MacContext):
    """Holes of conv2d.c.j2."""

    input_channels: int
    output_channels: int
    pad_value: int  # the input's zero point: what a tap outside the image reads


@dataclass(frozen=True, kw_only=True)
class Conv2d(Window, MacOp):
    """Weights [Cout, kh, kw, Cin]."""

    kind: ClassVar[str] = "conv2d"
    reads_image: ClassVar[bool] = True

    channels: int

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, channels]."""
        return (*self.window_shape(inputs, self.kind), self.channels)

    def weight_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[Cout, kh, kw, Cin]."""
        return (self.channels, *self.kernel, inputs[0][2])

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Taps times outputs, padded taps included."""
        rows, columns, channels = self.output_shape(inputs)
        return rows * columns * channels * self.taps * inputs[0][2]

    def scratch_bytes(self, inputs: tuple[Shape, ...]) -> int:
        """One window, widened to int16."""
        return 2 * self.taps * inputs[0][2]

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, Cin] -> [N, OH, OW, Cout]."""
        weight = tensors["weight"].permute(0, 3, 1, 2)
        y = self.convolve_float(inputs[0], weight, tensors["bias"])
        return self.activation.float_forward(y, tensors.get("slope"))

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """im2col, then int32 dot products."""
        (x,) = inputs
        xp = array_namespace(x)
        pad_value = layer.input_quantities[0].zero_point
        windows = self.windows(x, pad_value)
        n, rows, columns = windows.shape[:3]
        patches = xp.reshape(windows, (n * rows * columns, -1))
        weight = xp.reshape(layer.tensors["weight"], (self.channels, -1))
        acc = matmul_exact(patches, weight.T) + layer.tensors["bias"]
        return self.finish(layer, xp.reshape(acc, (n, rows, columns, self.channels)))

    def kernel_context(self, layer: QuantLayer, function: str) -> Conv2dContext:
        """See templates/kernels/conv2d.c.j2."""
        return Conv2dContext(
            layer=layer.name,
            function=function,
            summary=f"conv2d {self.describe_window(layer)}{self.activation.describe()}",
            input_channels=layer.input_shapes[0][2],
            output_channels=self.channels,
            pad_value=layer.input_quantities[0].zero_point,
            **self.window_context(layer),
            **self.mac_context(layer),
        )
