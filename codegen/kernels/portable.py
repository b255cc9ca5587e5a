"""The operator's own kernel: plain C that any target runs, and tensors as the network has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from codegen.kernels.base import Kernel
from codegen.ops.base import KernelContext, QuantLayer
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class Portable(Kernel):
    """What the operator itself offers."""

    name: ClassVar[str] = "portable"

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """Any layer, on any target."""
        return (cls(),)

    def template(self, layer: QuantLayer) -> str:
        """One for each operator."""
        return layer.op.kind

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """The operator knows."""
        return layer.op.scratch_bytes(layer.input_shapes)

    def overwrites(self, layer: QuantLayer) -> tuple[int, ...]:
        """The operator knows."""
        return layer.op.overwrites(layer.input_shapes)

    def context(self, layer: QuantLayer, function: str) -> KernelContext:
        """The operator's own."""
        return layer.op.kernel_context(layer, function)


PORTABLE = Portable()
