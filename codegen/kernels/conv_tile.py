"""Convolutions on cores with DSP instructions: int16 rows, tiles of 2 channels x 4 pixels.

SMLAD does two multiply-accumulates a cycle. A tile keeps eight accumulators, two words of weights
and two of activations in registers, so that a word of weights serves four pixels and a word of
activations two channels: 16 instructions of 8 SMLAD, where operands of each SMLAD would be loaded
otherwise. Source: Armv7-M Architecture Reference Manual, A7.7 (SMLAD, SXTB16, SMMLAR, SSAT).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from codegen.kernels.dsp import (
    DspKernel,
    load_int8,
    offset_text,
    register_range,
)
from codegen.kernels.ring import ring_fields
from codegen.kernels.rows import TILE_PIXELS, Rows, rows_of
from codegen.kernels.stream import (
    TILE_CHANNELS,
    multiplier_count,
    multipliers_of,
    pack_stream,
    quad_order,
    stream_words,
)
from codegen.ops.base import QuantLayer, TensorSpec, shape_text
from codegen.ops.conv2d import Conv2d
from codegen.ops.mac import FinishContext, MacOp
from codegen.ops.pointwise import Pointwise
from codegen.plans import PlanName
from codegen.targets import Target

WINDOW_ROWS_MAX = 5  # their pointers are kept in registers of the FPU
OFFSET_MAX = 4095  # of a load, bytes
WEIGHT_BITS: tuple[Literal[8, 16], ...] = (16, 8)
STEPS = (24, 12)  # pairs of taps written out, at most: more of them, fewer loops and more code
SAVED_BYTES = 36  # r4-r11 and lr


@dataclass(frozen=True, kw_only=True)
class Copy:
    """`vmov.f32 to, source`."""

    to: str
    source: str


@dataclass(frozen=True, kw_only=True)
class TileContext(FinishContext):
    """The holes of templates/kernels/dsp/tile.c.j2 and tile.S.j2."""

    input_type: str
    input_height: int
    input_row: int  # elements
    output_height: int
    output_row: int
    kernel_height: int
    row_elements: int  # of a widened row
    padded: bool
    pad_value: int
    pad_top: int
    left: int  # elements before the first pixel of a widened row
    fill_left: int  # whole words of padding: what is widened afterwards overwrites one too many
    fill_right: int
    fill_right_from: int
    widen: str
    widen_call: str
    first_row: str
    fresh_row: str
    slots: tuple[str, ...]
    tiles: int
    tail: bool
    tail_taps: int
    tail_outputs: int
    channels: int
    weight_bits: int
    row_pairs: int
    pixel_step: int
    stream_words: int
    stream_bytes: int
    stack_bytes: int
    row_registers: str
    next_registers: str
    sentinel: str
    row_copies: tuple[Copy, ...]
    row_shifts: tuple[Copy, ...]
    tile_rows: tuple[str, ...]
    chunks: int
    chunk_bytes: int
    row_bytes: int
    taps: tuple[tuple[str, str, str, str], ...]
    load_zero_point: str
    outputs: tuple[tuple[tuple[str, str], ...], ...]
    other_pixels_bytes: int
    tile_bytes: int


@dataclass(frozen=True, kw_only=True)
class ConvTile(DspKernel):
    """2 channels x 4 pixels.

    Attributes:
        weight_bits: 8 stores a weight in a byte and widens it in the loop, 16 stores it wide.
        steps: the largest number of pairs of taps that are written out one after the other.
    """

    name: ClassVar[str] = "conv_tile"

    weight_bits: Literal[8, 16]
    steps: int

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """Even channels, windows that begin at whole words, and at least a tile in a row."""
        if not _is_tiled(layer):
            return ()
        return tuple(cls(weight_bits=bits, steps=steps) for bits in WEIGHT_BITS for steps in STEPS)

    def suits(self, plan: PlanName) -> bool:
        """Wide weights for speed, few lines for small."""
        blocking = {"speed": (16, STEPS[0]), "balanced": (8, STEPS[0]), "small": (8, STEPS[-1])}
        return (self.weight_bits, self.steps) == blocking[plan]

    def template(self, layer: QuantLayer) -> str:
        """One for both operators."""
        return "dsp/tile"

    def frames(self, layer: QuantLayer) -> dict[str, int]:
        """The tiles save registers."""
        return {"tiles": SAVED_BYTES}

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """The rows of a window, int16."""
        rows = rows_of(layer)
        return 2 * rows.kernel[0] * rows.row_elements

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """One stream: biases, weights, multipliers."""
        rows = rows_of(layer)
        words = stream_words(
            rows.channels,
            rows.kernel[0] * rows.row_pairs,
            self.weight_bits,
            multiplier_count(layer),
        )
        meaning = (
            "for each pair of channels: biases, "
            f"weights of {self.weight_bits} bits interleaved, multipliers in units of 2^-32"
        )
        return {"stream": TensorSpec(dtype="int32", shape=(words,), meaning=meaning)}

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """Weights in the order in which a tile's loop reads them."""
        rows = rows_of(layer)
        weight = layer.tensors["weight"].reshape(rows.channels, rows.kernel[0], -1)
        if _in_quads(layer, rows):
            weight = weight[:, :, quad_order(weight.shape[2])]
        padding = 2 * rows.row_pairs - weight.shape[2]
        taps = np.pad(weight, ((0, 0), (0, 0), (0, padding))).reshape(rows.channels, -1)
        stream = pack_stream(layer.tensors["bias"], taps, multipliers_of(layer), self.weight_bits)
        return {"stream": stream}

    def context(self, layer: QuantLayer, function: str) -> TileContext:
        """See templates/kernels/dsp/tile.c.j2 and tile.S.j2."""
        op = layer.op
        assert isinstance(op, MacOp)
        rows = rows_of(layer)
        source, result = shape_text(layer.input_shapes[0]), shape_text(layer.output_shape)
        what = (
            op.describe_window(layer)
            if isinstance(op, Conv2d)
            else f"pointwise, {source} -> {result}"
        )
        return TileContext(
            layer=layer.name,
            function=function,
            summary=f"{what}{op.activation.describe()}; tiles of 2 channels x 4 pixels",
            channels=rows.channels,
            weight_bits=self.weight_bits,
            **op.finish_context(layer),
            **_row_fields(layer, rows, function),
            **self._tile_fields(layer, rows),
        )

    def _words(self, layer: QuantLayer) -> int:
        rows = rows_of(layer)
        pairs = rows.kernel[0] * rows.row_pairs
        return stream_words(rows.channels, pairs, self.weight_bits, multiplier_count(layer))

    def _tile_fields(self, layer: QuantLayer, rows: Rows) -> dict[str, Any]:
        height, pairs = rows.kernel[0], rows.row_pairs
        chunk = _largest_divisor(pairs, self.steps)
        waiting = [f"s{5 + row}" for row in range(height - 1)]
        ends = [*waiting, f"s{4 + height}"]
        words = stream_words(
            rows.channels, height * pairs, self.weight_bits, multiplier_count(layer)
        )
        return {
            "stream_words": words,
            "stream_bytes": 4 * words,
            "stack_bytes": SAVED_BYTES,
            "row_registers": register_range(0, height),
            "next_registers": register_range(5, height),
            "sentinel": ends[-1],
            "row_copies": tuple(
                Copy(to=to, source=f"s{1 + row}") for row, to in enumerate(waiting)
            ),
            "row_shifts": tuple(
                Copy(to=to, source=source) for to, source in zip(waiting, ends[1:], strict=True)
            ),
            "tile_rows": tuple(f"s{row}" for row in range(height)),
            "chunks": pairs // chunk,
            "chunk_bytes": 4 * chunk,
            "row_bytes": 4 * pairs,
            "taps": tuple(_four_offsets(4 * step, 2 * rows.pixel_step) for step in range(chunk)),
            "load_zero_point": load_int8("lr", layer.quantity.zero_point),
            "outputs": tuple(
                tuple(
                    (f"r{2 + 4 * channel + pixel}", offset)
                    for pixel, offset in enumerate(_four_offsets(channel, rows.channels))
                )
                for channel in range(TILE_CHANNELS)
            ),
            "other_pixels_bytes": (TILE_PIXELS - 1) * rows.channels,
            "tile_bytes": 2 * TILE_PIXELS * rows.pixel_step,
        }


def _is_tiled(layer: QuantLayer) -> bool:
    op = layer.op
    if not isinstance(op, Conv2d | Pointwise):
        return False
    rows = rows_of(layer)
    return (
        rows.channels % TILE_CHANNELS == 0
        and rows.pixel_step % 2 == 0
        and rows.input_row % 4 == 0
        and rows.output_width >= TILE_PIXELS
        and rows.kernel[0] <= WINDOW_ROWS_MAX
        and 4 * rows.row_pairs + 6 * rows.pixel_step <= OFFSET_MAX
        and 4 * rows.channels <= OFFSET_MAX
    )


def _in_quads(layer: QuantLayer, rows: Rows) -> bool:
    """Whether each four elements of a widened row are in the order 0, 2, 1, 3."""
    return rows.input_channels % 4 == 0 and not _reads_image(layer)


def _reads_image(layer: QuantLayer) -> bool:
    return layer.inputs[0] == "image"


def _row_fields(layer: QuantLayer, rows: Rows, function: str) -> dict[str, Any]:
    height = rows.kernel[0]
    end = rows.left + rows.input_row
    widen = "hv_widen_quads" if _in_quads(layer, rows) else "hv_widen"
    if _reads_image(layer):
        widen = "hv_widen_camera"
    whole, rest = divmod(rows.output_width, TILE_PIXELS)
    return {
        "input_type": "uint8_t" if _reads_image(layer) else "int8_t",
        "input_height": rows.input_height,
        "input_row": rows.input_row,
        "output_height": rows.output_height,
        "output_row": rows.output_width * rows.channels,
        "kernel_height": height,
        "row_elements": rows.row_elements,
        "padded": rows.is_padded,
        "pad_value": 0 if _reads_image(layer) else layer.input_quantities[0].zero_point,
        "pad_top": rows.pad_top,
        "left": rows.left,
        "fill_left": rows.left + rows.left % 2,
        "fill_right": rows.row_elements - end + end % 2,
        "fill_right_from": end - end % 2,
        "widen": widen,
        "widen_call": _widen_call(rows, function, widen),
        **ring_fields(height, rows.stride[0], rows.row_elements),
        "row_pairs": rows.row_pairs,
        "pixel_step": rows.pixel_step,
        "tiles": whole,
        "tail": rest > 0,
        "tail_taps": (rows.output_width - TILE_PIXELS) * rows.pixel_step,
        "tail_outputs": (rows.output_width - TILE_PIXELS) * rows.channels,
    }


def _widen_call(rows: Rows, function: str, widen: str) -> str:
    if rows.kernel[0] == 1:
        row, target = f"y * {rows.stride[0]}" if rows.stride[0] > 1 else "y", "rows"
    else:
        row, target = "row", f"&rows[(row % {rows.kernel[0]}) * {rows.row_elements}]"
    if rows.is_padded:
        position = f"{row} - {rows.pad_top}" if rows.pad_top else row
        return f"{function}_widen(input, {target}, {position})"
    index = f"({row}) * {rows.input_row}" if " " in row else f"{row} * {rows.input_row}"
    return f"{widen}(&input[{index}], {target}, {rows.input_row}u)"


def _four_offsets(first: int, step: int) -> tuple[str, str, str, str]:
    a, b, c, d = (offset_text(first + step * n) for n in range(TILE_PIXELS))
    return a, b, c, d


def _largest_divisor(number: int, limit: int) -> int:
    return max(n for n in range(1, limit + 1) if number % n == 0)
