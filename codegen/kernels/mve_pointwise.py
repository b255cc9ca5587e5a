"""Pointwise layers on Helium: the tile of mve_conv, whose windows are the pixels themselves.

Where a pixel is no whole number of vectors, its last one reads on into the pixel behind it, where
the weights are zero. The last pixels have none behind them and are copied first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from codegen.kernels import mve
from codegen.kernels.base import ScratchView
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.mac import FinishContext
from codegen.ops.pointwise import Pointwise
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class MvePointwiseContext(FinishContext):
    """Holes of mve/pointwise.c.j2."""

    pixels: int
    input_channels: int
    output_channels: int
    in_place: int  # pixels that are read where they are, an even number
    tail_bytes: int  # of the others
    scratch: int  # for them, or 0
    steps: int
    tiles: int


@dataclass(frozen=True, kw_only=True)
class MvePointwise(mve.MveKernel):
    """pointwise of at least 4 output channels, not on a camera's bytes."""

    name: ClassVar[str] = "mve_pointwise"
    scratch_view: ClassVar[ScratchView] = "int8"

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """One, if there is a tile of channels."""
        if not isinstance(layer.op, Pointwise) or layer.op.channels < mve.TILE_CHANNELS:
            return ()
        return () if layer.op.mac_context(layer)["input_offset"] else (cls(),)

    def template(self, layer: QuantLayer) -> str:
        """One for all sizes."""
        return "mve/pointwise"

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """The last pixels, and what their last vectors read behind them."""
        tail = _tail_bytes(layer)
        return mve.whole_vectors(tail) + mve.STEP_BYTES if tail else 0

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """Weights in tiles."""
        op, inputs = _op(layer), layer.input_shapes
        return mve.with_weight(op.tensor_specs(inputs), mve.tiled_spec(op.channels, inputs[0][-1]))

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """[Cout, 1, 1, Cin] -> tiles of [Cout, Cin]."""
        weight = layer.tensors["weight"]
        return {**layer.tensors, "weight": mve.tiled(weight.reshape(len(weight), -1))}

    def context(self, layer: QuantLayer, function: str) -> MvePointwiseContext:
        """See templates/kernels/mve/pointwise.c.j2."""
        op = _op(layer)
        own = op.kernel_context(layer, function)
        return MvePointwiseContext(
            layer=own.layer,
            function=own.function,
            summary=own.summary,
            pixels=own.pixels,
            input_channels=own.input_channels,
            output_channels=own.output_channels,
            in_place=_in_place(layer),
            tail_bytes=_tail_bytes(layer),
            scratch=self.scratch_bytes(layer),
            steps=mve.steps_of(own.input_channels),
            tiles=len(mve.tiles_of(own.output_channels)),
            **op.finish_context(layer),
        )


def _op(layer: QuantLayer) -> Pointwise:
    assert isinstance(layer.op, Pointwise)
    return layer.op


def _pixels(layer: QuantLayer) -> int:
    return math.prod(layer.output_shape[:-1])


def _in_place(layer: QuantLayer) -> int:
    """Pixels whose vectors end in the tensor; pairs of them, but for all of them."""
    channels, pixels = layer.input_shapes[0][-1], _pixels(layer)
    read_behind = mve.whole_vectors(channels) - channels
    enough = pixels - -(-read_behind // channels)
    return pixels if enough == pixels else max(enough // 2 * 2, 0)


def _tail_bytes(layer: QuantLayer) -> int:
    return (_pixels(layer) - _in_place(layer)) * int(layer.input_shapes[0][-1])
