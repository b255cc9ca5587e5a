"""global_pool on Helium: the sums of four channels in one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from codegen.kernels import mve
from codegen.ops.base import QuantLayer
from codegen.ops.global_pool import GlobalPool, GlobalPoolContext
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class MveGlobalPool(mve.MveKernel):
    """global_pool of at least 4 channels."""

    name: ClassVar[str] = "mve_global_pool"

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """One, if there is a vector of channels."""
        if not isinstance(layer.op, GlobalPool) or layer.output_shape[0] < mve.TILE_CHANNELS:
            return ()
        return (cls(),)

    def template(self, layer: QuantLayer) -> str:
        """One for all sizes."""
        return "mve/global_pool"

    def context(self, layer: QuantLayer, function: str) -> GlobalPoolContext:
        """The operator's own; see templates/kernels/mve/global_pool.c.j2."""
        assert isinstance(layer.op, GlobalPool)
        return layer.op.kernel_context(layer, function)
