"""Convolutions on Helium: windows of neighbouring outputs beside each other in memory.

Before a row of outputs is computed, the input rows it needs are copied into columns: pixel by
pixel, each with all kernel rows. Then every window is one run of bytes, windows overlap where the
image's do, and a tile of 2 outputs x 4 channels reads 6 vectors for 8 products of vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from codegen.kernels import mve
from codegen.kernels.base import ScratchView
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.conv2d import Conv2d
from codegen.ops.mac import FinishContext
from codegen.ops.windows import GeometryContext
from codegen.targets import Target

PLACE_MAX = 255  # of a byte scattered by one instruction


@dataclass(frozen=True, kw_only=True)
class MveConvContext(GeometryContext, FinishContext):
    """Holes of mve/conv.c.j2."""

    input_channels: int
    output_channels: int
    pad_value: int  # what a tap outside the image reads
    rows_padded: bool  # whether a kernel row may lie above or below the image
    input_type: str
    flip: str  # makes int8 of what is read
    copied: int  # pixels of an image row that any window reads
    pitch: int  # bytes from a column to the next
    padding: int  # where a pixel of pad values lies behind the columns
    scratch: int
    places: tuple[int, ...]  # where 16 bytes of a row go; empty for 16 channels and more
    steps: int
    tiles: int


@dataclass(frozen=True, kw_only=True)
class MveConv(mve.MveKernel):
    """conv2d of at least 4 output channels."""

    name: ClassVar[str] = "mve_conv"
    scratch_view: ClassVar[ScratchView] = "int8"

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """One, if there is a tile of channels and 16 bytes of a row have places in reach."""
        if not isinstance(layer.op, Conv2d) or layer.op.channels < mve.TILE_CHANNELS:
            return ()
        return (cls(),) if max(_places(layer), default=0) <= PLACE_MAX else ()

    def template(self, layer: QuantLayer) -> str:
        """One for all geometries."""
        return "mve/conv"

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """The columns of one row of windows, and a pixel of padding."""
        return _padding(layer) + _padding_bytes(layer)

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """Weights in tiles, the window's taps column by column."""
        op, inputs = _op(layer), layer.input_shapes
        spec = mve.tiled_spec(op.channels, op.taps * inputs[0][2])
        return mve.with_weight(op.tensor_specs(inputs), spec)

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """[Cout, kh, kw, Cin] -> tiles of [Cout, kw * kh * Cin]."""
        by_column = layer.tensors["weight"].transpose(0, 2, 1, 3)
        rows = by_column.reshape(len(by_column), -1)
        return {**layer.tensors, "weight": mve.tiled(rows)}

    def context(self, layer: QuantLayer, function: str) -> MveConvContext:
        """See templates/kernels/mve/conv.c.j2."""
        op = _op(layer)
        return MveConvContext(
            layer=layer.name,
            function=function,
            summary=f"conv2d {op.describe_window(layer)}{op.activation.describe()}",
            input_channels=layer.input_shapes[0][2],
            output_channels=op.channels,
            pad_value=layer.input_quantities[0].zero_point,
            rows_padded=mve.rows_padded(op, layer),
            copied=mve.copied_pixels(op, layer),
            pitch=_pitch(layer),
            padding=_padding(layer),
            scratch=self.scratch_bytes(layer),
            places=_places(layer),
            steps=mve.steps_of(op.taps * layer.input_shapes[0][2]),
            tiles=len(mve.tiles_of(op.channels)),
            **op.geometry_context(layer),
            **mve.read_fields(op, layer),
        )


def _op(layer: QuantLayer) -> Conv2d:
    assert isinstance(layer.op, Conv2d)
    return layer.op


def _pitch(layer: QuantLayer) -> int:
    return _op(layer).kernel[0] * layer.input_shapes[0][2]


def _places(layer: QuantLayer) -> tuple[int, ...]:
    channels, pitch = layer.input_shapes[0][2], _pitch(layer)
    if channels >= mve.STEP_BYTES:
        return ()
    return tuple((i // channels) * pitch + i % channels for i in range(mve.STEP_BYTES))


def _padding(layer: QuantLayer) -> int:
    return mve.whole_vectors(mve.columns_of(_op(layer), layer) * _pitch(layer))


def _padding_bytes(layer: QuantLayer) -> int:
    """One pixel, and enough for what the last window's last step reads behind the columns."""
    return mve.whole_vectors(layer.input_shapes[0][2])
