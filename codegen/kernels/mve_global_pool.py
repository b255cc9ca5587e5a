"""global_pool on Helium: the sums of four channels in one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from codegen.kernels import mve
from codegen.kernels.base import Kernel
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.global_pool import GlobalPool, GlobalPoolContext
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class MveGlobalPool(Kernel):
    """global_pool of at least 4 channels."""

    name: ClassVar[str] = "mve_global_pool"
    needs: ClassVar[frozenset[str]] = frozenset({"mve"})
    headers: ClassVar[tuple[str, ...]] = mve.HEADERS

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """One, if there is a vector of channels."""
        if not isinstance(layer.op, GlobalPool) or layer.output_shape[0] < mve.TILE_CHANNELS:
            return ()
        return (cls(),)

    def template(self, layer: QuantLayer) -> str:
        """One for all sizes."""
        return "mve/global_pool"

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """There are none."""
        return {}

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """There are none."""
        return {}

    def context(self, layer: QuantLayer, function: str) -> GlobalPoolContext:
        """The operator's own; see templates/kernels/mve/global_pool.c.j2."""
        assert isinstance(layer.op, GlobalPool)
        return layer.op.kernel_context(layer, function)
