"""Depthwise convolutions on Helium: a window's taps as one vector.

Helium multiplies vectors and adds up the lanes in one instruction, but has none that multiplies two
vectors and adds lane by lane. So before a row of outputs is computed, the input rows it needs are
turned into one row for each channel, in which a window of up to 16 taps is 16 bytes on end: then an
output is a load and a product; where two windows beside each other fit a vector, they share the
load. Four outputs of a channel are requantised together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from codegen.kernels import mve
from codegen.kernels.base import ScratchView
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.depthwise import Depthwise
from codegen.ops.mac import FinishContext
from codegen.ops.windows import GeometryContext
from codegen.targets import Target

PITCH_MAX = (2**16 - 1) // 7  # places of 8 channels scattered by one instruction are 16 bits


@dataclass(frozen=True, kw_only=True)
class MveDepthwiseContext(GeometryContext, FinishContext):
    """Holes of mve/depthwise.c.j2."""

    channels: int
    pad_value: int
    rows_padded: bool
    input_type: str
    flip: str
    copied: int  # pixels of an image row that any window reads
    pitch: int  # bytes from a channel's row to the next one's
    padding: int  # where a pixel of pad values lies behind the rows
    paired: bool  # whether two neighbouring windows fit a vector
    scratch: int


@dataclass(frozen=True, kw_only=True)
class MveDepthwise(mve.MveKernel):
    """depthwise of windows of up to 16 taps."""

    name: ClassVar[str] = "mve_depthwise"
    scratch_view: ClassVar[ScratchView] = "int8"

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """One, if a window fits a vector and the rows of 8 channels are in reach."""
        if not isinstance(layer.op, Depthwise) or layer.op.taps > mve.STEP_BYTES:
            return ()
        return (cls(),) if _pitch(layer) <= PITCH_MAX else ()

    def template(self, layer: QuantLayer) -> str:
        """One for all geometries."""
        return "mve/depthwise"

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """A row for each channel, and behind them a pixel of padding."""
        return _padding(layer) + _padding_bytes(layer)

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """A vector for each channel."""
        own = _op(layer).tensor_specs(layer.input_shapes)
        return mve.with_weight(own, mve.lined_spec(layer.output_shape[2]))

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """[kh, kw, C] -> [1 + C, 16], taps column by column."""
        by_channel = layer.tensors["weight"].transpose(2, 1, 0)
        rows = by_channel.reshape(len(by_channel), -1)
        return {**layer.tensors, "weight": mve.lined(rows)}

    def context(self, layer: QuantLayer, function: str) -> MveDepthwiseContext:
        """See templates/kernels/mve/depthwise.c.j2."""
        op = _op(layer)
        return MveDepthwiseContext(
            layer=layer.name,
            function=function,
            summary=f"depthwise {op.describe_window(layer)}{op.activation.describe()}",
            channels=layer.output_shape[2],
            pad_value=layer.input_quantities[0].zero_point,
            rows_padded=mve.rows_padded(op, layer),
            copied=mve.copied_pixels(op, layer),
            pitch=_pitch(layer),
            padding=_padding(layer),
            paired=(op.kernel[1] + op.stride[1]) * op.kernel[0] <= mve.STEP_BYTES,
            scratch=self.scratch_bytes(layer),
            **op.geometry_context(layer),
            **mve.read_fields(op, layer),
        )


def _op(layer: QuantLayer) -> Depthwise:
    assert isinstance(layer.op, Depthwise)
    return layer.op


def _pitch(layer: QuantLayer) -> int:
    op = _op(layer)
    return mve.columns_of(op, layer) * op.kernel[0]


def _padding(layer: QuantLayer) -> int:
    return mve.whole_vectors(_pitch(layer) * layer.output_shape[2])


def _padding_bytes(layer: QuantLayer) -> int:
    """One pixel, and enough for what is read behind the rows: up to three windows and a vector."""
    op = _op(layer)
    behind = 3 * op.stride[1] * op.kernel[0] + mve.STEP_BYTES
    return mve.whole_vectors(max(layer.output_shape[2], behind))
