"""average_pool: the mean of each window; taps in the padding count as zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import Op, Quantised, QuantiseRequest, QuantLayer, Shape
from codegen.ops.pooling import (
    MeanContext,
    finish_mean,
    mean_breaches,
    mean_context,
    quantise_mean,
)
from codegen.ops.windows import Window, WindowContext

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class AveragePoolContext(WindowContext, MeanContext):
    """Holes of average_pool.c.j2."""

    channels: int
    pad_value: int


@dataclass(frozen=True, kw_only=True)
class AveragePool(Window, Op):
    """Mean over kernel height x kernel width positions."""

    kind: ClassVar[str] = "average_pool"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, C]."""
        return (*self.window_shape(inputs, self.kind), inputs[0][2])

    def overwrites(self, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
        """See Window.reads_ahead."""
        return (0,) if self.reads_ahead() else ()

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, OH, OW, C]."""
        from torch.nn import functional as F

        x = self.pad_float(inputs[0])
        return F.avg_pool2d(x, self.kernel, self.stride).permute(0, 2, 3, 1)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """1 / N goes into the multiplier."""
        return quantise_mean(request, self.taps)

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """See pooling.mean_breaches."""
        return mean_breaches(layer, self.taps)

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """int32 sum of each window, one rounding."""
        (x,) = inputs
        xp = array_namespace(x)
        pad_value = layer.input_quantities[0].zero_point
        windows = self.windows(x, pad_value)
        return finish_mean(layer, xp.sum(xp.astype(windows, xp.int32), axis=3, dtype=xp.int32))

    def kernel_context(self, layer: QuantLayer, function: str) -> AveragePoolContext:
        """See templates/kernels/average_pool.c.j2."""
        return AveragePoolContext(
            layer=layer.name,
            function=function,
            summary=f"average pool {self.describe_window(layer)}",
            channels=layer.output_shape[2],
            pad_value=layer.input_quantities[0].zero_point,
            **self.window_context(layer),
            **mean_context(layer),
        )
