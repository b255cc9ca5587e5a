"""add and sub of equal shapes on Helium, four elements at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from codegen.kernels import mve
from codegen.ops.base import KernelContext, QuantLayer
from codegen.ops.rescaled_sum import RescaledSum
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class MveSumContext(KernelContext):
    """Holes of mve/sum.c.j2."""

    elements: int
    first_multiplier: int
    second_multiplier: int  # negative for a difference
    bias: int
    multiplier: int
    zero_point: int
    lo: int
    hi: int


@dataclass(frozen=True, kw_only=True)
class MveSum(mve.MveKernel):
    """add and sub of at least 4 elements, neither operand broadcast."""

    name: ClassVar[str] = "mve_sum"

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """One, if there is a vector of elements."""
        if not isinstance(layer.op, RescaledSum) or len(set(layer.input_shapes)) > 1:
            return ()
        return (cls(),) if math.prod(layer.output_shape) >= mve.TILE_CHANNELS else ()

    def template(self, layer: QuantLayer) -> str:
        """One for both."""
        return "mve/sum"

    def overwrites(self, layer: QuantLayer) -> tuple[int, ...]:
        """Both, unless the last vector reads elements again that the one before it made."""
        if math.prod(layer.output_shape) % mve.TILE_CHANNELS:
            return ()
        return layer.op.overwrites(layer.input_shapes)

    def context(self, layer: QuantLayer, function: str) -> MveSumContext:
        """See templates/kernels/mve/sum.c.j2."""
        assert isinstance(layer.op, RescaledSum)
        own = layer.op.kernel_context(layer, function)
        return MveSumContext(
            layer=own.layer,
            function=own.function,
            summary=own.summary,
            elements=own.elements,
            first_multiplier=own.first_multiplier,
            second_multiplier=layer.op.sign * own.second_multiplier,
            bias=own.bias,
            multiplier=own.multiplier,
            zero_point=own.zero_point,
            lo=own.lo,
            hi=own.hi,
        )
