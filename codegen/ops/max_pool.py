"""max_pool: the largest value of each window; same scale in and out, comparisons only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import INT8_MIN, Array
from codegen.ops.base import QuantityKeeper, QuantLayer, Shape
from codegen.ops.windows import Window, WindowContext

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class MaxPoolContext(WindowContext):
    """Holes of max_pool.c.j2."""

    channels: int


@dataclass(frozen=True, kw_only=True)
class MaxPool(Window, QuantityKeeper):
    """Taps in the padding never win; every window has a tap in the image."""

    kind: ClassVar[str] = "max_pool"

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

        x = self.pad_float(inputs[0], float("-inf"))
        return F.max_pool2d(x, self.kernel, self.stride).permute(0, 2, 3, 1)

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The largest tap of each window."""
        (x,) = inputs
        xp = array_namespace(x)
        windows = self.windows(x, INT8_MIN)
        return xp.max(windows, axis=3)

    def kernel_context(self, layer: QuantLayer, function: str) -> MaxPoolContext:
        """See templates/kernels/max_pool.c.j2."""
        return MaxPoolContext(
            layer=layer.name,
            function=function,
            summary=f"max pool {self.describe_window(layer)}",
            channels=layer.output_shape[2],
            **self.window_context(layer),
        )
