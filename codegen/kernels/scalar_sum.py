"""add and sub of equal shapes on cores without vectors: shifts where a product of 64 bits was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from codegen.arith import FRACTION_BITS
from codegen.kernels.base import Kernel
from codegen.kernels.scalar import is_scalar
from codegen.ops.base import KernelContext, QuantLayer
from codegen.ops.rescaled_sum import RescaledSum
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class ScalarSumContext(KernelContext):
    """Holes of scalar/sum.c.j2."""

    elements: int
    first_multiplier: int
    second_multiplier: int  # negative for a difference
    bias: int
    first_shift: int
    half: int
    lo: int
    hi: int


@dataclass(frozen=True, kw_only=True)
class ScalarSum(Kernel):
    """The multiplier is a power of two: floor((acc + 2^(n-1)) / 2^n) is two shifts."""

    name: ClassVar[str] = "scalar_sum"

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """One, if neither operand is broadcast."""
        if not isinstance(layer.op, RescaledSum) or not is_scalar(target):
            return ()
        return (cls(),) if len(set(layer.input_shapes)) == 1 else ()

    def template(self, layer: QuantLayer) -> str:
        """One for both."""
        return "scalar/sum"

    def overwrites(self, layer: QuantLayer) -> tuple[int, ...]:
        """Both: an element is written when those that make it have been read."""
        return (0, 1)

    def context(self, layer: QuantLayer, function: str) -> ScalarSumContext:
        """See templates/kernels/scalar/sum.c.j2."""
        op, constants = layer.op, layer.constants
        assert isinstance(op, RescaledSum)
        shift = FRACTION_BITS - int(math.log2(constants["multiplier"]))
        return ScalarSumContext(
            layer=layer.name,
            function=function,
            summary=op.kernel_context(layer, function).summary,
            elements=math.prod(layer.output_shape),
            first_multiplier=constants["first_multiplier"],
            second_multiplier=op.sign * constants["second_multiplier"],
            bias=constants["bias"],
            first_shift=shift - 1,
            half=1 + 2 * layer.quantity.zero_point,
            lo=constants["lo"],
            hi=constants["hi"],
        )
