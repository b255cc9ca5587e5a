"""Dense layers on Helium: four outputs share each vector of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from codegen.kernels import mve
from codegen.kernels.base import ScratchView
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.dense import Dense, DenseContext
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class MveDenseContext(DenseContext):
    """Holes of mve/dense.c.j2."""

    scratch: int  # for inputs that are no whole number of vectors, or 0
    steps: int
    tiles: int


@dataclass(frozen=True, kw_only=True)
class MveDense(mve.MveKernel):
    """dense of at least 4 outputs."""

    name: ClassVar[str] = "mve_dense"
    scratch_view: ClassVar[ScratchView] = "int8"

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """One, if there is a tile of outputs."""
        fits = isinstance(layer.op, Dense) and layer.op.channels >= mve.TILE_CHANNELS
        return (cls(),) if fits else ()

    def template(self, layer: QuantLayer) -> str:
        """One for all sizes."""
        return "mve/dense"

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """A copy of the inputs, if their last vector would end behind them."""
        inputs = int(layer.input_shapes[0][0])
        whole = mve.whole_vectors(inputs)
        return 0 if whole == inputs else whole

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """Weights in tiles."""
        op, inputs = _op(layer), layer.input_shapes
        spec = mve.tiled_spec(op.channels, inputs[0][0])
        return mve.with_weight(op.tensor_specs(inputs), spec)

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """[Cout, Cin] -> tiles."""
        return {**layer.tensors, "weight": mve.tiled(layer.tensors["weight"])}

    def context(self, layer: QuantLayer, function: str) -> MveDenseContext:
        """See templates/kernels/mve/dense.c.j2."""
        own = _op(layer).kernel_context(layer, function)
        return MveDenseContext(
            **vars(own),
            scratch=self.scratch_bytes(layer),
            steps=mve.steps_of(own.inputs),
            tiles=len(mve.tiles_of(own.outputs)),
        )


def _op(layer: QuantLayer) -> Dense:
    assert isinstance(layer.op, Dense)
    return layer.op
