"""inner_average_pool: the mean of each window over those of its taps that count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from array_api_compat import array_namespace

from codegen.arith import Array, least_left_shift, quantise_multiplier
from codegen.errors import HvError
from codegen.ops.base import Op, Quantised, QuantiseRequest, QuantLayer, Shape, TensorSpec
from codegen.ops.pooling import (
    SumContext,
    finish_sum,
    mean_breaches,
    mean_quantity,
    sum_context,
)
from codegen.ops.windows import Padding, Window, WindowContext, im2col, pad_image

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class InnerAveragePoolContext(WindowContext, SumContext):
    """Holes of inner_average_pool.c.j2."""

    channels: int
    pad_value: int
    first_row: int  # the first and the end of those that count
    end_row: int
    first_column: int
    end_column: int


@dataclass(frozen=True, kw_only=True)
class InnerAveragePool(Window, Op):
    """Taps in the image and in a frame around it count; those of the frame read real 0.

    Taps in the padding beyond the frame do not count. A window whose padding is smaller than
    itself always has a tap in the image, so every mean has something to count.
    """

    kind: ClassVar[str] = "inner_average_pool"

    counted: Padding = (0, 0, 0, 0)  # the frame: top, left, bottom, right

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, C]."""
        if min(self.counted) < 0:
            raise HvError(f"the counted frame {self.counted} must not be negative")
        return (*self.window_shape(inputs, self.kind), inputs[0][2])

    @property
    def frame(self) -> Padding:
        """The part of the counted frame that a window can reach."""
        top, left, bottom, right = map(min, self.counted, self.padding)
        return top, left, bottom, right

    @property
    def uncounted(self) -> Padding:
        """The padding around the frame."""
        top, left, bottom, right = (p - f for p, f in zip(self.padding, self.frame, strict=True))
        return top, left, bottom, right

    def counts(self, inputs: tuple[Shape, ...]) -> np.ndarray:
        """How many taps of each window count: int64 [OH, OW, 1], from 1 to the window's size."""
        height, width, _ = inputs[0]
        ones = pad_image(np.ones((1, height, width, 1), np.int64), self.frame, 1)
        taps: np.ndarray = im2col(ones, self.kernel, self.stride, self.uncounted, 0)
        return np.asarray(taps[0].sum(axis=2))

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """A multiplier for every count."""
        meaning = "requantisation by how many taps count, units of 2^-32; 1: no window has so many"
        return {"multiplier": TensorSpec(dtype="int32", shape=(self.taps + 1,), meaning=meaning)}

    def overwrites(self, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
        """See Window.reads_ahead."""
        return (0,) if self.reads_ahead() else ()

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, OH, OW, C]."""
        import torch
        from torch.nn import functional as F

        (x,) = inputs
        sums = F.avg_pool2d(self.pad_float(x), self.kernel, self.stride, divisor_override=1)
        counts = torch.from_numpy(self.counts((tuple(x.shape[1:]),)))
        return sums.permute(0, 2, 3, 1) / counts.to(x.device, x.dtype)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """1 / count goes into the multiplier of each count that some window has."""
        source, quantity = request.input_quantities[0], mean_quantity(request)
        found = np.unique(self.counts(request.input_shapes))
        ratios = source.scale / (quantity.scale * found)
        left_shift = least_left_shift(ratios)
        multiplier = np.ones(self.taps + 1, np.int64)
        multiplier[found] = quantise_multiplier(ratios, left_shift)
        fits = multiplier.max() < 2**31
        return Quantised(
            quantity=quantity,
            constants={"bias": -self.taps * source.zero_point, "left_shift": left_shift},
            tensors={"multiplier": multiplier.astype(np.int32) if fits else multiplier},
        )

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """See pooling.mean_breaches."""
        return mean_breaches(layer, self.taps)

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """int32 sum of each window, one rounding with the multiplier of its count."""
        (x,) = inputs
        xp = array_namespace(x)
        windows = self.windows(x, layer.input_quantities[0].zero_point)
        counts = xp.asarray(self.counts(layer.input_shapes))
        chosen = xp.take(layer.tensors["multiplier"], xp.reshape(counts, (-1,)), axis=0)
        total = xp.sum(xp.astype(windows, xp.int32), axis=3, dtype=xp.int32)
        return finish_sum(layer, total, xp.reshape(chosen, tuple(counts.shape)))

    def kernel_context(self, layer: QuantLayer, function: str) -> InnerAveragePoolContext:
        """See templates/kernels/inner_average_pool.c.j2."""
        height, width, channels = layer.input_shapes[0]
        top, left, bottom, right = self.frame
        return InnerAveragePoolContext(
            layer=layer.name,
            function=function,
            summary=f"average pool {self.describe_window(layer)}, over the taps that count",
            channels=channels,
            pad_value=layer.input_quantities[0].zero_point,
            first_row=-top,
            end_row=height + bottom,
            first_column=-left,
            end_column=width + right,
            **self.window_context(layer),
            **sum_context(layer),
        )
