"""Depthwise on cores without vectors: a channel at a time, copied into a plane with a border.

In the plane a channel's pixels are neighbours, windows need no look at the edges, and four outputs
share each weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from codegen.errors import HvError
from codegen.kernels.base import Kernel, ScratchView
from codegen.kernels.scalar import (
    PIXELS,
    SCALAR_HEADERS,
    SCALAR_SOURCES,
    ShortContext,
    finish_fields,
    is_scalar,
    is_short,
    multiplies_long,
    short_breaches,
)
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.depthwise import Depthwise
from codegen.targets import Target

TAPS_MAX = 25  # they are written out one by one


@dataclass(frozen=True, kw_only=True)
class PlanesContext(ShortContext):
    """Holes of scalar/planes.c.j2."""

    input_height: int
    input_width: int
    output_height: int
    output_width: int
    output_row: int  # elements
    channels: int
    stride_x: int
    plane_height: int
    plane_width: int
    is_biased: bool
    pad_value: int
    first_inside: int  # element of the plane where the image begins
    stride_rows: int  # elements of the plane between rows of outputs
    taps: tuple[tuple[int, ...], ...]  # elements from the first tap, for each of four outputs
    places: tuple[int, ...]  # elements from the first output to each of the four
    overlap: bool
    last_column: int


@dataclass(frozen=True, kw_only=True)
class Planes(Kernel):
    """A plane for each channel.

    Attributes:
        long_multiply: whether requantisation uses products of 64 bits. Cores without them (Armv6-M)
            have no load of a signed byte at a constant distance either: their planes are unsigned.
    """

    name: ClassVar[str] = "planes"
    headers: ClassVar[tuple[str, ...]] = SCALAR_HEADERS
    sources: ClassVar[tuple[str, ...]] = SCALAR_SOURCES
    scratch_view: ClassVar[ScratchView] = "int8"

    long_multiply: bool

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """Small windows, and at least four outputs in a row."""
        op = layer.op
        if not isinstance(op, Depthwise) or not is_scalar(target) or not is_short(layer):
            return ()
        if layer.output_shape[1] < PIXELS or op.taps > TAPS_MAX or layer.inputs[0] == "image":
            return ()
        return (cls(long_multiply=multiplies_long(target)),)

    def template(self, layer: QuantLayer) -> str:
        """One for all."""
        return "scalar/planes"

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """A plane."""
        height, width = _plane(layer)
        return height * width

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """Weights by channel."""
        op = layer.op
        assert isinstance(op, Depthwise)
        shape = (layer.output_shape[-1], *op.kernel)
        weight = TensorSpec(dtype="int8", shape=shape, meaning="weights")
        return {**op.tensor_specs(layer.input_shapes), "weight": weight}

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """Weights by channel."""
        weight = np.ascontiguousarray(layer.tensors["weight"].transpose(2, 0, 1))
        return {**layer.tensors, "weight": weight}

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """Sums and multipliers must be short."""
        return short_breaches(layer)

    def context(self, layer: QuantLayer, function: str) -> PlanesContext:
        """See templates/kernels/scalar/planes.c.j2."""
        op = layer.op
        assert isinstance(op, Depthwise)
        height, width = _plane(layer)
        rows, columns, channels = layer.output_shape
        is_biased = not self.long_multiply
        return PlanesContext(
            layer=layer.name,
            function=function,
            summary=f"depthwise {op.describe_window(layer)}{op.activation.describe()}; by planes",
            input_height=layer.input_shapes[0][0],
            input_width=layer.input_shapes[0][1],
            output_height=rows,
            output_width=columns,
            output_row=columns * channels,
            channels=channels,
            stride_x=op.stride[1],
            plane_height=height,
            plane_width=width,
            is_biased=is_biased,
            pad_value=layer.input_quantities[0].zero_point ^ (-128 if is_biased else 0),
            first_inside=op.padding[0] * width + op.padding[1],
            stride_rows=op.stride[0] * width,
            taps=tuple(
                tuple(ky * width + kx + pixel * op.stride[1] for pixel in range(PIXELS))
                for ky in range(op.kernel[0])
                for kx in range(op.kernel[1])
            ),
            places=tuple(pixel * channels for pixel in range(PIXELS)),
            overlap=columns % PIXELS > 0,
            last_column=columns - PIXELS,
            **finish_fields(layer, long_multiply=self.long_multiply),
        )


def _plane(layer: QuantLayer) -> tuple[int, int]:
    """Height and width of a channel with its padding."""
    op = layer.op
    assert isinstance(op, Depthwise)
    height, width, _ = layer.input_shapes[0]
    top, left, bottom, right = op.padding
    return height + top + bottom, width + left + right
