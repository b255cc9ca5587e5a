"""Convolutions on cores without vectors: four pixels packed in three words, as hv_packed.h tells.

Three multiplications and three additions do four multiply-accumulates, and a word of packed
activations serves all output channels. A core with more registers works on more channels at once,
so that it loads the words less often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

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
from codegen.ops.base import QuantLayer, TensorSpec, shape_text
from codegen.ops.conv2d import Conv2d
from codegen.ops.mac import MacOp
from codegen.ops.pointwise import Pointwise
from codegen.targets import Target

WORDS = 3  # that hold a tap of four pixels
TAPS_AT_ONCE = {1: 4, 2: 2, 4: 4}  # written out in hv_packed_sums_1, _2 and _4


@dataclass(frozen=True, kw_only=True)
class PackedContext(ShortContext):
    """Holes of scalar/packed.c.j2."""

    input_type: str
    input_height: int
    input_width: int
    input_channels: int
    input_row: int  # elements
    output_height: int
    output_width: int
    output_channels: int
    output_row: int  # elements
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    pad_top: int
    pad_left: int
    padded: bool
    outside: tuple[int, ...]  # a pixel of the zero point
    are_whole: bool  # whether four windows can be whole
    last_left: int  # the last column at which four windows are whole
    steps: tuple[int, ...]  # elements between the first window and each of the four
    pack: str
    window_row: int  # taps of a row of the window
    row_words: int
    tap_words: int  # of a pixel of the window
    taps: int
    words: int
    first_spare: int
    all_words: int
    block_outputs: int
    tile_channels: int
    overlap: bool
    last_column: int


@dataclass(frozen=True, kw_only=True)
class Packed(Kernel):
    """Four pixels in three words.

    Attributes:
        channels: output channels at once.
        long_multiply: whether requantisation uses products of 64 bits.
    """

    name: ClassVar[str] = "packed"
    headers: ClassVar[tuple[str, ...]] = SCALAR_HEADERS
    sources: ClassVar[tuple[str, ...]] = SCALAR_SOURCES
    scratch_view: ClassVar[ScratchView] = "uint32"

    channels: Literal[1, 2, 4]
    long_multiply: bool

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """As many channels at once as the core's registers hold, and fewer."""
        if not is_scalar(target) or not _is_packed(layer):
            return ()
        long_multiply = multiplies_long(target)
        most = 1
        if long_multiply:
            most = 4 if "31-registers" in target.features else 2
        return tuple(
            cls(channels=channels, long_multiply=long_multiply)  # type: ignore[arg-type]
            for channels in TAPS_AT_ONCE
            if channels <= most and layer.output_shape[-1] % channels == 0
        )

    def template(self, layer: QuantLayer) -> str:
        """One for both operators."""
        return "scalar/packed"

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """Four packed windows, and their packed sums."""
        return 4 * (WORDS * self._taps(layer) + PIXELS * layer.output_shape[-1])

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """Weights of the channels at once alternate."""
        op = layer.op
        shape = (layer.output_shape[-1] // self.channels, self._taps(layer), self.channels)
        meaning = "weights, taps added to make the last ones whole are 0"
        weight = TensorSpec(dtype="int8", shape=shape, meaning=meaning)
        return {**op.tensor_specs(layer.input_shapes), "weight": weight}

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """Weights in the order in which they are read."""
        weight = layer.tensors["weight"].reshape(layer.output_shape[-1], -1)
        added = self._taps(layer) - weight.shape[1]
        tiles = np.pad(weight, ((0, 0), (0, added))).reshape(-1, self.channels, self._taps(layer))
        stored = np.ascontiguousarray(tiles.transpose(0, 2, 1))
        if self.channels == 1:  # as bytes, 128 more
            stored = stored ^ np.int8(-128)
        return {**layer.tensors, "weight": stored}

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """Sums and multipliers must be short."""
        return short_breaches(layer)

    def context(self, layer: QuantLayer, function: str) -> PackedContext:
        """See templates/kernels/scalar/packed.c.j2."""
        op = layer.op
        assert isinstance(op, MacOp)
        window = _window(layer)
        camera = op.mac_context(layer)["input_offset"]
        width, stride = window["output_width"], window["stride_x"]
        channels, outputs = layer.input_shapes[0][-1], layer.output_shape[-1]
        last_left = window["input_width"] - window["kernel_width"] - (PIXELS - 1) * stride
        return PackedContext(
            layer=layer.name,
            function=function,
            summary=f"{_describe(layer)}{op.activation.describe()}; four pixels in three words",
            input_type="uint8_t" if camera else "int8_t",
            input_channels=channels,
            input_row=window["input_width"] * channels,
            output_channels=outputs,
            output_row=width * outputs,
            outside=(layer.input_quantities[0].zero_point + camera,) * channels,
            are_whole=last_left >= 0,
            last_left=last_left,
            steps=tuple(pixel * stride * channels for pixel in range(PIXELS)),
            pack=f"hv_pack_{'long' if self.long_multiply else 'short'}"
            + ("_camera" if camera else ""),
            window_row=window["kernel_width"] * channels,
            row_words=WORDS * window["kernel_width"] * channels,
            tap_words=WORDS * channels,
            taps=self._taps(layer),
            words=WORDS * self._taps(layer),
            first_spare=WORDS * _taps(layer),
            all_words=self.scratch_bytes(layer) // 4,
            block_outputs=PIXELS * outputs,
            tile_channels=self.channels,
            overlap=width % PIXELS > 0,
            last_column=width - PIXELS,
            **window,
            **finish_fields(layer, long_multiply=self.long_multiply),
        )

    def _taps(self, layer: QuantLayer) -> int:
        step = TAPS_AT_ONCE[self.channels]
        return -(-_taps(layer) // step) * step


def _is_packed(layer: QuantLayer) -> bool:
    if not isinstance(layer.op, Conv2d | Pointwise) or not is_short(layer):
        return False
    return bool(_window(layer)["output_width"] >= PIXELS)


def _taps(layer: QuantLayer) -> int:
    assert isinstance(layer.op, MacOp)
    return math.prod(layer.op.weight_shape(layer.input_shapes)[1:])


def _describe(layer: QuantLayer) -> str:
    if isinstance(layer.op, Conv2d):
        return f"conv2d {layer.op.describe_window(layer)}"
    return f"pointwise, {shape_text(layer.input_shapes[0])} -> {shape_text(layer.output_shape)}"


def _window(layer: QuantLayer) -> dict[str, Any]:
    """A convolution's own window; a pointwise layer is one row of pixels."""
    if isinstance(layer.op, Conv2d):
        return layer.op.window_context(layer)
    pixels = math.prod(layer.output_shape[:-1])
    return {
        "input_height": 1,
        "input_width": pixels,
        "output_height": 1,
        "output_width": pixels,
        "kernel_height": 1,
        "kernel_width": 1,
        "stride_y": 1,
        "stride_x": 1,
        "pad_top": 0,
        "pad_left": 0,
        "padded": False,
    }
