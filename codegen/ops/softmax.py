"""softmax: exact integers along one axis; exponentials from a table, one division, one rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from array_api_compat import array_namespace

from codegen.arith import INT8_MAX, INT8_MIN, Array, round_half_up
from codegen.errors import HvError
from codegen.ops.along_axis import AlongAxis, AlongAxisContext
from codegen.ops.base import (
    Quantised,
    QuantiseRequest,
    Quantity,
    QuantLayer,
    Shape,
    TensorSpec,
)

if TYPE_CHECKING:
    import torch

DISTANCES = 256  # max - q is 0 to 255
UNSIGNED_LIMIT = 2**32
FEWEST_STEPS = 255  # of the output to 1.0, where the range alone decides
MOST_STEPS = 2**14
_MOST_FRACTION_BITS = 30  # the table is int32
_WHOLE = 1e-3  # of a step, over the whole range


@dataclass(frozen=True, kw_only=True)
class SoftmaxContext(AlongAxisContext):
    """Holes of softmax.c.j2."""

    steps: int
    largest_sum: int
    largest_share: int


@dataclass(frozen=True, kw_only=True)
class Softmax(AlongAxis):
    """Output = -128 + floor((e * steps + floor(sum / 2)) / sum), clamped, with e = table[max - q].

    table[d] = round(exp(-d * input scale) * one), one a power of two; one step of the output is
    1 / steps. Everything is uint32: sum >= one, and length * one as well as
    one * steps + length * one / 2 stay below 2**32.

    The only error besides the final rounding is that of the table: each e is off by 1/2 at most,
    so an output is off by at most steps * length / (2 * one) steps more; for 10 classes that is
    1/6000 of a step, for 1000 classes 1/32. Exponentials below 1 / (2 * one) count as 0.
    """

    kind: ClassVar[str] = "softmax"
    always_shared: ClassVar[bool] = True

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The input's shape."""
        self.split(inputs[0])
        return inputs[0]

    def overwrites(self, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
        """The sum is known before the first share is written; then element i is read, written."""
        return (0,)

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """The exponentials, by the distance to the largest input."""
        meaning = "exp(-d * scale), for d = 0 to 255"
        return {"table": TensorSpec(dtype="int32", shape=(DISTANCES,), meaning=meaning)}

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Shares of the axis."""
        return inputs[0].softmax(dim=self.axis + 1)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """The finest table that the 32 bits have room for."""
        steps = _steps(request)
        one = _one(self.split(request.input_shapes[0])[1], steps)
        exponents = -request.input_quantities[0].scale * np.arange(DISTANCES)
        table = round_half_up(np.exp(exponents) * one).astype(np.int32)
        return Quantised(
            quantity=request.own_quantity or Quantity(scale=1.0 / steps, zero_point=INT8_MIN),
            constants={"steps": steps, "one": one},
            tensors={"table": table},
        )

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """The sum and the numerator must fit uint32, and the sum must not be 0."""
        one, steps = layer.constants["one"], layer.constants["steps"]
        table = layer.tensors["table"].astype(np.int64)
        length = self.split(layer.input_shapes[0])[1]
        fits = max(length * one, _largest_share(length, one, steps)) < UNSIGNED_LIMIT
        is_table = int(table.min()) >= 0 and int(table.max()) == int(table[0]) == one
        if fits and is_table and one >= 1 and 1 <= steps <= MOST_STEPS:
            return []
        return [
            HvError(
                f"a softmax over {length} elements in {steps} steps does not fit 32 bits",
                where=f"layer {layer.name}",
                hint="fewer elements along the axis, or a larger observed output",
            )
        ]

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """On int64 what the kernel does on uint32."""
        (x,) = inputs
        xp = array_namespace(x)
        wide = xp.astype(x, xp.int64)
        distance = xp.max(wide, axis=self.axis + 1, keepdims=True) - wide
        table = xp.astype(layer.tensors["table"], xp.int64)
        e = xp.reshape(xp.take(table, xp.reshape(distance, (-1,)), axis=0), x.shape)
        total = xp.sum(e, axis=self.axis + 1, keepdims=True)
        shares = (e * layer.constants["steps"] + total // 2) // total
        return xp.astype(xp.clip(shares + INT8_MIN, INT8_MIN, INT8_MAX), xp.int8)

    def kernel_context(self, layer: QuantLayer, function: str) -> SoftmaxContext:
        """See templates/kernels/softmax.c.j2."""
        along = self.along_context(layer)
        one, steps = layer.constants["one"], layer.constants["steps"]
        return SoftmaxContext(
            layer=layer.name,
            function=function,
            summary=f"softmax, {self.describe_axis(layer)}",
            steps=steps,
            largest_sum=along["length"] * one,
            largest_share=_largest_share(along["length"], one, steps),
            **along,
        )


def _largest_share(length: int, one: int, steps: int) -> int:
    """What is divided by the sum, at most."""
    return one * steps + length * one // 2


def _one(length: int, steps: int) -> int:
    """The largest power of two that may stand for exp(0)."""
    bits = _MOST_FRACTION_BITS
    while bits > 0 and (
        max(length << bits, _largest_share(length, 1 << bits, steps)) >= UNSIGNED_LIMIT
    ):
        bits -= 1
    return 1 << bits


def whole_steps(quantity: Quantity) -> int | None:
    """How many steps make 1.0 where that is a whole number, but for float32; None if it is not."""
    steps = round(1.0 / quantity.scale)
    is_whole = abs(1.0 / quantity.scale - steps) <= _WHOLE and 1 <= steps <= MOST_STEPS
    return steps if is_whole and quantity.zero_point == INT8_MIN else None


def _steps(request: QuantiseRequest) -> int:
    """How many steps of the output make 1.0: a whole number, so that the division is the scale."""
    own = request.own_quantity
    if own is not None:
        steps = whole_steps(own)
        if steps is None:
            raise HvError(
                f"a softmax cannot have the scale {own.scale:g} and zero point {own.zero_point}",
                where=f"layer {request.name}",
                hint=f"its scale is 1 / n for a whole n up to {MOST_STEPS}, its zero point -128",
            )
        return steps
    largest = 1.0 if request.output_range is None else request.output_range[1]
    return int(min(max(FEWEST_STEPS / max(largest, 1e-9), FEWEST_STEPS), MOST_STEPS))
