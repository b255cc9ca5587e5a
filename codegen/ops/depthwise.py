"""depthwise: each channel convolved with its own window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.ops.base import QuantLayer, Shape
from codegen.ops.mac import MacContext, MacOp
from codegen.ops.windows import Window, WindowContext

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class DepthwiseContext(WindowContext, MacContext):
    """Holes of depthwise.c.j2."""

    channels: int
    pad_value: int


@dataclass(frozen=True, kw_only=True)
class Depthwise(Window, MacOp):
    """Weights [kh, kw, C]."""

    kind: ClassVar[str] = "depthwise"
    reads_image: ClassVar[bool] = True

    @property
    def channel_axis(self) -> int:
        """Channels last."""
        return -1

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, C]."""
        return (*self.window_shape(inputs, self.kind), inputs[0][2])

    def weight_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[kh, kw, C]."""
        return (*self.kernel, inputs[0][2])

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Taps times outputs, padded taps included."""
        rows, columns, channels = self.output_shape(inputs)
        return rows * columns * channels * self.taps

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, OH, OW, C]."""
        weight = tensors["weight"].permute(2, 0, 1).unsqueeze(1)
        y = self.convolve_float(inputs[0], weight, tensors["bias"], weight.shape[0])
        return self.activation.float_forward(y, tensors.get("slope"))

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """im2col, then an int32 sum over the taps of each channel."""
        (x,) = inputs
        xp = array_namespace(x)
        pad_value = layer.input_quantities[0].zero_point
        windows = self.windows(x, pad_value)
        weight = layer.tensors["weight"]
        taps = xp.astype(xp.reshape(weight, (-1, weight.shape[-1])), xp.int32)
        products = xp.astype(windows, xp.int32) * taps
        acc = xp.sum(products, axis=3, dtype=xp.int32) + layer.tensors["bias"]
        return self.finish(layer, acc)

    def kernel_context(self, layer: QuantLayer, function: str) -> DepthwiseContext:
        """See templates/kernels/depthwise.c.j2."""
        return DepthwiseContext(
            layer=layer.name,
            function=function,
            summary=f"depthwise {self.describe_window(layer)}{self.activation.describe()}",
            channels=layer.output_shape[2],
            pad_value=layer.input_quantities[0].zero_point,
            **self.window_context(layer),
            **self.mac_context(layer),
        )
