"""dilated_max_pool: max_pool with gaps between the taps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from codegen.errors import HvError
from codegen.ops.base import QuantLayer, Shape
from codegen.ops.max_pool import MaxPool, MaxPoolContext
from codegen.ops.windows import DilatedWindow, DilationContext

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class DilatedMaxPoolContext(DilationContext, MaxPoolContext):
    """Holes of dilated_max_pool.c.j2."""


@dataclass(frozen=True, kw_only=True)
class DilatedMaxPool(DilatedWindow, MaxPool):
    """Taps in the padding never win; a window whose taps all lie there is refused."""

    kind: ClassVar[str] = "dilated_max_pool"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, C]."""
        shape = super().output_shape(inputs)
        if not all(self._meets_image(axis, inputs[0][axis], shape[axis]) for axis in (0, 1)):
            raise HvError(
                "a window straddles the image: all of its taps lie in the padding",
                hint="less padding or a smaller dilation",
            )
        return shape

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, OH, OW, C]."""
        from torch.nn import functional as F

        x = self.pad_float(inputs[0], float("-inf"))
        y = F.max_pool2d(x, self.kernel, self.stride, dilation=self.dilation)
        return y.permute(0, 2, 3, 1)

    def kernel_context(self, layer: QuantLayer, function: str) -> DilatedMaxPoolContext:
        """See templates/kernels/dilated_max_pool.c.j2."""
        return DilatedMaxPoolContext(
            layer=layer.name,
            function=function,
            summary=f"max pool {self.describe_window(layer)}",
            channels=layer.output_shape[2],
            **self.window_context(layer),
        )

    def _meets_image(self, axis: int, size: int, outputs: int) -> bool:
        """Whether every window has a tap in the image, along one axis."""
        taps = range(0, self.span[axis], self.dilation[axis])
        starts = (at * self.stride[axis] - self.padding[axis] for at in range(outputs))
        return all(any(0 <= start + tap < size for tap in taps) for start in starts)
