"""Depthwise layers on cores with DSP instructions: int16 rows for each channel, three taps wide.

Rows are widened with the channels apart, so that two neighbouring taps of a channel are one word
and SMLAD multiplies both; the third tap is half of the next word (SMLABT, SMLATB). The accumulators
of up to eight pixels stay in registers. Source: Armv7-M Architecture Reference Manual, A7.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from codegen.kernels.dsp import (
    DspKernel,
    load_int8,
    offset_text,
    register_range,
)
from codegen.kernels.ring import ring_fields
from codegen.kernels.stream import multiplier_count, multipliers_of
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.depthwise import Depthwise
from codegen.ops.mac import FinishContext
from codegen.targets import Target

TAPS = 3
WINDOW_ROWS_MAX = 3  # their pointers and weights are kept in registers of the FPU
TILE_PIXELS = (8, 6, 4, 2)
GROUPS = (8, 16)  # of channels, beside all of them
CHANNELS_MAX = 585  # offsets of seven pixels fit a store
SAVED_BYTES = 40  # r4-r11, lr, and where the last channel ends
WORDS = ("r1", "r12", "lr")
FIRST_ACCUMULATOR = 2


@dataclass(frozen=True, kw_only=True)
class Load:
    """`ldr register, address`."""

    register: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Mac:
    """`instruction to, word, weights, source`."""

    instruction: str
    to: str
    word: str
    weights: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """Loads that follow each other, and what can be done with what was loaded."""

    loads: tuple[Load, ...]
    macs: tuple[Mac, ...]


@dataclass(frozen=True, kw_only=True)
class WeightRow:
    """Where the row's pointer and weights are kept."""

    pointer: str
    packed: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True)
class WindowRow(WeightRow):
    """A row of the window: what is loaded and multiplied."""

    groups: tuple[Group, ...]


@dataclass(frozen=True, kw_only=True)
class ChannelsContext(FinishContext):
    """The holes of templates/kernels/dsp/depthwise.c.j2 and depthwise.S.j2."""

    input_height: int
    input_width: int
    input_row: int
    output_height: int
    output_row: int
    pixels: int
    channels: int
    group: int
    groups: int
    group_words: int
    kernel_height: int
    row_elements: int
    lead: int
    pad_value: int
    first_row: str
    fresh_row: str
    slots: tuple[str, ...]
    widen_call: str
    first_tap: int
    starts_odd: bool
    pixel_step: int
    stream_words: int
    stack_bytes: int
    tile_pixels: int
    tiles: int
    words: tuple[str, ...]
    accumulators: str
    row_registers: str
    weight_registers: str
    weight_rows: tuple[WeightRow, ...]
    rows: tuple[WindowRow, ...]
    bias: str
    load_zero_point: str
    outputs: tuple[tuple[str, str], ...]
    tile_outputs: int
    row_rest_bytes: int


@dataclass(frozen=True, kw_only=True)
class DepthwiseRows(DspKernel):
    """Up to eight pixels of a channel at a time.

    Attributes:
        pixels: of a channel, computed at once.
        group: channels whose rows are widened at once: fewer need less working memory.
    """

    name: ClassVar[str] = "depthwise_rows"

    pixels: int
    group: int

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """Windows of three columns, stride 1 or 2, whole quads of channels, whole tiles."""
        if not _fits(layer):
            return ()
        _, width, channels = layer.output_shape
        pixels = next(pixels for pixels in TILE_PIXELS if width % pixels == 0)
        groups = sorted({channels, *(group for group in GROUPS if channels % group == 0)})
        return tuple(cls(pixels=pixels, group=group) for group in groups)

    def template(self, layer: QuantLayer) -> str:
        """One."""
        return "dsp/depthwise"

    def frames(self, layer: QuantLayer) -> dict[str, int]:
        """It saves registers."""
        return {"channels": SAVED_BYTES}

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """The rows of a window, int16."""
        op = _op(layer)
        return 2 * op.kernel[0] * self.group * _row_elements(layer)

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """One stream."""
        words = layer.output_shape[2] * _channel_words(layer)
        meaning = (
            "for each channel: bias, multipliers in units of 2^-32, "
            "weights 0, 1, 1, 2 of each row of the window"
        )
        return {"stream": TensorSpec(dtype="int32", shape=(words,), meaning=meaning)}

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """Two pairs of weights in each word: taps 0 and 1, taps 1 and 2, interleaved."""
        weight = layer.tensors["weight"]  # [kh, 3, C]
        packed = weight[:, [0, 1, 1, 2], :].transpose(2, 0, 1).astype("<i1")
        words = np.ascontiguousarray(packed).view("<i4")[:, :, 0]
        bias = layer.tensors["bias"][:, None]
        stream = np.concatenate([bias, multipliers_of(layer), words], axis=1)
        return {"stream": stream.reshape(-1).astype(np.int32)}

    def context(self, layer: QuantLayer, function: str) -> ChannelsContext:
        """See templates/kernels/dsp/depthwise.c.j2 and depthwise.S.j2."""
        op = _op(layer)
        height, width, channels = layer.input_shapes[0]
        rows, columns, _ = layer.output_shape
        elements, lead = _row_elements(layer), _lead(op)
        kernel_height, (_, step) = op.kernel[0], op.stride
        row_words = self.group * elements
        position = f"row - {op.padding[0]}" if op.padding[0] else "row"
        slot = f"&rows[(row % {kernel_height}) * {row_words}]" if kernel_height > 1 else "rows"
        ring = ring_fields(kernel_height, op.stride[0], row_words)
        return ChannelsContext(
            layer=layer.name,
            function=function,
            summary=f"depthwise {op.describe_window(layer)}{op.activation.describe()}; "
            f"{self.pixels} pixels of a channel at a time",
            input_height=height,
            input_width=width,
            input_row=width * channels,
            output_height=rows,
            output_row=columns * channels,
            pixels=columns,
            channels=channels,
            group=self.group,
            groups=channels // self.group,
            group_words=self.group * _channel_words(layer),
            kernel_height=kernel_height,
            row_elements=elements,
            lead=lead,
            pad_value=layer.input_quantities[0].zero_point,
            widen_call=f"{function}_widen(&input[first_channel], {slot}, {position})",
            first_tap=lead - op.padding[1],
            starts_odd=(lead - op.padding[1]) % 2 == 1,
            pixel_step=step,
            stream_words=channels * _channel_words(layer),
            stack_bytes=SAVED_BYTES,
            tile_pixels=self.pixels,
            tiles=columns // self.pixels,
            words=WORDS,
            accumulators=register_range(FIRST_ACCUMULATOR, self.pixels, "r"),
            row_registers=register_range(0, kernel_height),
            weight_registers=register_range(kernel_height, 2 * kernel_height),
            weight_rows=tuple(_weight_row(row, kernel_height) for row in range(kernel_height)),
            rows=tuple(self._row(layer, row) for row in range(kernel_height)),
            bias=self._accumulator(self.pixels - 1),
            load_zero_point=load_int8("lr", layer.quantity.zero_point),
            outputs=tuple(
                (self._accumulator(pixel), offset_text(pixel * channels))
                for pixel in range(self.pixels)
            ),
            tile_outputs=self.pixels * channels,
            row_rest_bytes=2 * (elements - columns * step),
            **ring,
            **op.finish_context(layer),
        )

    def _accumulator(self, pixel: int) -> str:
        return f"r{FIRST_ACCUMULATOR + pixel}"

    def _row(self, layer: QuantLayer, row: int) -> WindowRow:
        """Three words at first, then two whenever two are done with."""
        op = _op(layer)
        step, starts_odd = op.stride[1], (_lead(op) - op.padding[1]) % 2
        last = (starts_odd + (self.pixels - 1) * step + TAPS - 1) // 2
        ready = [(starts_odd + pixel * step) // 2 + 1 for pixel in range(self.pixels)]
        next_tile = self.pixels * step // 2  # its first word
        groups, loaded, done = [], 0, 0
        while done < self.pixels:
            count = min(len(WORDS) if loaded == 0 else len(WORDS) - 1, last + 1 - loaded)
            loads = tuple(
                Load(register=WORDS[word % len(WORDS)], address=_address(word - next_tile))
                for word in range(loaded, loaded + count)
            )
            loaded += count
            pixels = [p for p in range(done, self.pixels) if ready[p] < loaded]
            done += len(pixels)
            macs = tuple(
                mac
                for pixel in pixels
                for mac in self._macs(starts_odd + pixel * step, pixel, row == 0)
            )
            groups.append(Group(loads=loads, macs=macs))
        return WindowRow(**vars(_weight_row(row, op.kernel[0])), groups=tuple(groups))

    def _macs(self, tap: int, pixel: int, is_first: bool) -> tuple[Mac, Mac]:
        """A window that begins at an even tap shares its first word whole, else its second."""
        word, next_word = (WORDS[(tap // 2 + n) % len(WORDS)] for n in range(2))
        to = self._accumulator(pixel)
        source = self._accumulator(self.pixels - 1) if is_first else to
        half, whole = ("smlatb", "smlad") if tap % 2 else ("smlabt", "smlad")
        if tap % 2:
            first = Mac(instruction=half, to=to, word=word, weights="r10", source=source)
            return first, Mac(instruction=whole, to=to, word=next_word, weights="r11", source=to)
        first = Mac(instruction=whole, to=to, word=word, weights="r10", source=source)
        return first, Mac(instruction=half, to=to, word=next_word, weights="r11", source=to)


def _op(layer: QuantLayer) -> Depthwise:
    assert isinstance(layer.op, Depthwise)
    return layer.op


def _lead(op: Depthwise) -> int:
    """Elements before the first pixel: the padding, made even so that pixels are whole words."""
    return op.padding[1] + op.padding[1] % 2


def _row_elements(layer: QuantLayer) -> int:
    """Elements of a channel's row: what is widened, and what windows read beyond it."""
    op = _op(layer)
    start = _lead(op) - op.padding[1]
    last = start + (layer.output_shape[1] - 1) * op.stride[1] + TAPS - 1
    return -(-max(last + 1, _lead(op) + layer.input_shapes[0][1]) // 2) * 2


def _address(ahead: int) -> str:
    """Where a word lies, `ahead` words behind the next tile's first; those before it advance."""
    return "[r0], #4" if ahead < 0 else f"[r0{offset_text(4 * ahead)}]"


def _channel_words(layer: QuantLayer) -> int:
    return 1 + multiplier_count(layer) + _op(layer).kernel[0]


def _weight_row(row: int, rows: int) -> WeightRow:
    return WeightRow(
        pointer=f"s{row}",
        packed=f"r{5 + row}",
        first=f"s{rows + 2 * row}",
        second=f"s{rows + 2 * row + 1}",
    )


def _fits(layer: QuantLayer) -> bool:
    op = layer.op
    if not isinstance(op, Depthwise):
        return False
    _, width, channels = layer.input_shapes[0]
    return (
        layer.inputs[0] != "image"
        and op.kernel[1] == TAPS
        and op.kernel[0] <= WINDOW_ROWS_MAX
        and op.stride[1] in (1, 2)
        and channels % 4 == 0
        and channels <= CHANNELS_MAX
        and width % 2 == 0
        and layer.output_shape[1] % 2 == 0
    )
