"""3x3 convolutions with stride 1 on cores with DSP instructions: Winograd's F(4x4, 3x3), exactly.

36 products give 16 outputs that a direct convolution makes of 144. Everything is computed in whole
numbers: with the points 0, 1, -1, 2, -2 and infinity and without fractions in the weights'
transform, |U| <= 49 * 127 and |V| <= 100 * 255 fit int16, and the outputs come 576 times too
large. They are needed modulo 2^32 only: times the inverse of 9 they are 64 times the accumulator,
which is exact while the accumulator is below 2^25 in size.

Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, section 4.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from codegen.errors import HvError
from codegen.kernels.base import ScratchView
from codegen.kernels.dsp import (
    DSP_HEADERS,
    DSP_SOURCES,
    DspKernel,
    load_int8,
)
from codegen.kernels.stream import multiplier_count, multipliers_of, quad_order
from codegen.kernels.winograd_lines import (
    GROUP,
    INPUT_LINE,
    SIDE,
    TILE,
    WEIGHT_LINE,
    Line,
    OutputRow,
    Step,
    column_of_outputs,
    columns_of_points,
    row_of_outputs,
    rows_of_points,
    sum_step,
)
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.conv2d import Conv2d
from codegen.ops.mac import FinishContext
from codegen.plans import PlanName
from codegen.targets import Target

POINTS = SIDE * SIDE
ACCUMULATOR_LIMIT = 2**25
OFFSET_128 = 128  # inputs are q + 128, so that two in a word never borrow
INPUT_CHANNELS_MAX = 64  # offsets of a column of points fit a store
WEIGHT_ROWS = np.array(
    [[1, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 1]], np.int64
)


@dataclass(frozen=True, kw_only=True)
class WinogradContext(FinishContext):
    """The holes of templates/kernels/dsp/winograd.c.j2 and winograd.S.j2."""

    input_height: int
    input_width: int
    input_channels: int
    output_height: int
    output_row: int
    channels: int
    channel_constants: int
    weight_bits: int
    pad_value: int
    pad_top: int
    pad_left: int
    groups: int
    all_groups: int
    group_elements: int
    tiles_across: int
    tile_row: int
    tile_column: int
    work_words: int
    patch_at: int
    points_at: int
    pair_at: int
    stored_words: int
    channel_words: int
    pair_words: int
    sums_bytes: int
    point_bytes: int
    inputs_frame: int
    weights_frame: int
    products_frame: int
    outputs_frame: int
    halves: tuple[str, str]
    rows6: tuple[Line, ...]
    columns6: tuple[Line, ...]
    inputs_rewind: int
    rows3: tuple[Line, ...]
    columns3: tuple[Line, ...]
    weights_rewind: int
    steps: tuple[Step, ...]
    columns_out: tuple[Line, ...]
    rows_out: tuple[OutputRow, ...]
    output_shift: str
    output_shift_bits: int
    load_zero_point: str


@dataclass(frozen=True, kw_only=True)
class Winograd(DspKernel):
    """F(4x4, 3x3), four tiles and two output channels at a time.

    Attributes:
        weight_bits: 16 stores transformed weights, 4.5 times the bytes of 8, which transforms them
            while it runs.
        groups: of four tiles that are transformed before any output is computed; weights of 8
            bits are transformed once for so many.
    """

    name: ClassVar[str] = "winograd"
    headers: ClassVar[tuple[str, ...]] = (*DSP_HEADERS, "hv_winograd.h")
    sources: ClassVar[tuple[str, ...]] = (*DSP_SOURCES, "hv_winograd.c")
    scratch_view: ClassVar[ScratchView] = "int32"

    weight_bits: Literal[8, 16]
    groups: int

    @classmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """3x3, stride 1, whole tiles and whole groups of them."""
        if not _fits(layer):
            return ()
        count = _all_groups(layer)
        wide = (cls(weight_bits=16, groups=1),)
        return wide + tuple(
            cls(weight_bits=8, groups=groups)
            for groups in range(1, count + 1)
            if count % groups == 0
        )

    def suits(self, plan: PlanName) -> bool:
        """Transformed weights for speed; small has no room for its working memory."""
        return self.weight_bits == {"speed": 16, "balanced": 8, "small": 0}[plan]

    def template(self, layer: QuantLayer) -> str:
        """One."""
        return "dsp/winograd"

    def frames(self, layer: QuantLayer) -> dict[str, int]:
        """Saved registers and the lines of a transform."""
        frames = {"inputs": 32 + 144, "products": 36, "outputs": 36 + 96}
        return frames | ({"weights": 28 + 72} if self.weight_bits == 8 else {})

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """Sums, a patch, points, and the weights of two channels if they are transformed."""
        return 4 * self._places(layer)["work_words"]

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """Constants of each channel, and weights as bytes or as transformed int16."""
        channels = layer.output_shape[2]
        stored = self._sizes(layer)["stored_words"]
        meaning = (
            "for each channel and four input channels: 9 words of w + 128 as bytes"
            if self.weight_bits == 8
            else "transformed, for two channels: 36 points, for each two input channels a word each"
        )
        return {
            "constants": TensorSpec(
                dtype="int32",
                shape=(channels, 1 + multiplier_count(layer)),
                meaning="64 * (bias - 128 * sum of weights), multipliers in units of 2^-32",
            ),
            "weights": TensorSpec(dtype="int32", shape=(stored,), meaning=meaning),
        }

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """Bias with the inputs' offset folded in; weights as the kernel reads them."""
        weight = layer.tensors["weight"].astype(np.int64)  # [C, 3, 3, Cin]
        bias = layer.tensors["bias"].astype(np.int64) - OFFSET_128 * weight.sum(axis=(1, 2, 3))
        scaled = (64 * bias).astype(np.uint64).astype(np.uint32).view(np.int32)
        constants = np.concatenate([scaled[:, None], multipliers_of(layer)], axis=1)
        words = _as_bytes(weight) if self.weight_bits == 8 else _transformed(weight)
        return {"constants": constants, "weights": words}

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """Accumulators that are not proved to stay below 2^25."""
        op = layer.op
        assert isinstance(op, Conv2d)
        bounds = op.accumulator_bounds(layer) >> layer.constants["left_shift"]
        return [
            HvError(
                f"the accumulator of channel {c} can reach {int(bounds[c])}; Winograd's kernel is "
                f"exact below {ACCUMULATOR_LIMIT}",
                where=f"layer {layer.name}, channel {c}",
                hint="take --plan small for this network",
            )
            for c in np.flatnonzero(bounds >= ACCUMULATOR_LIMIT)
        ]

    def context(self, layer: QuantLayer, function: str) -> WinogradContext:
        """See templates/kernels/dsp/winograd.c.j2 and winograd.S.j2."""
        op = layer.op
        assert isinstance(op, Conv2d)
        height, width, input_channels = layer.input_shapes[0]
        rows, columns, channels = layer.output_shape
        shift = 6 - layer.constants["left_shift"]
        sizes: dict[str, Any] = {
            "weights_frame": 0,
            **{f"{name}_frame": size for name, size in self.frames(layer).items()},
            **self._places(layer),
            **self._sizes(layer),
        }
        return WinogradContext(
            layer=layer.name,
            function=function,
            summary=f"{op.describe_window(layer)}{op.activation.describe()}; Winograd F(4x4, 3x3), "
            f"weights of {self.weight_bits} bits",
            input_height=height,
            input_width=width,
            input_channels=input_channels,
            output_height=rows,
            output_row=columns * channels,
            channels=channels,
            channel_constants=1 + multiplier_count(layer),
            weight_bits=self.weight_bits,
            pad_value=layer.input_quantities[0].zero_point,
            pad_top=op.padding[0],
            pad_left=op.padding[1],
            groups=self.groups,
            all_groups=_all_groups(layer),
            tiles_across=columns // TILE,
            tile_row=TILE * columns * channels,
            tile_column=TILE * channels,
            sums_bytes=4 * POINTS * 2 * GROUP,
            halves=("", ", ror #8"),
            rows6=rows_of_points(SIDE, input_channels, INPUT_LINE),
            columns6=columns_of_points(SIDE, 2 * GROUP * input_channels, INPUT_LINE),
            inputs_rewind=(SIDE - 1) * SIDE * 2 * GROUP * input_channels - 4,
            rows3=rows_of_points(3, 4, WEIGHT_LINE),
            columns3=columns_of_points(3, 4 * input_channels, WEIGHT_LINE),
            weights_rewind=(SIDE - 1) * SIDE * 4 * input_channels - 8,
            steps=tuple(sum_step(pair, input_channels) for pair in range(input_channels // 2)),
            point_bytes=2 * GROUP * input_channels,
            columns_out=tuple(column_of_outputs(column) for column in range(SIDE)),
            rows_out=tuple(row_of_outputs(row, channels) for row in range(TILE)),
            output_shift="asr" if shift > 0 else "lsl" if shift < 0 else "",
            output_shift_bits=abs(shift),
            load_zero_point=load_int8("lr", layer.quantity.zero_point),
            **sizes,
            **op.finish_context(layer),
        )

    def _sizes(self, layer: QuantLayer) -> dict[str, int]:
        channels, input_channels = layer.output_shape[2], layer.input_shapes[0][2]
        channel_words = 9 * input_channels // 4
        pair_words = POINTS * input_channels
        is_wide = self.weight_bits == 16
        return {
            "channel_words": channel_words,
            "pair_words": pair_words,
            "stored_words": channels // 2 * pair_words if is_wide else channels * channel_words,
            "group_elements": POINTS * GROUP * input_channels,
        }

    def _places(self, layer: QuantLayer) -> dict[str, int]:
        """Where each piece of the working memory begins, in words."""
        sizes, input_channels = self._sizes(layer), layer.input_shapes[0][2]
        pair_at = POINTS * 2 * GROUP
        patch_at = pair_at + (sizes["pair_words"] if self.weight_bits == 8 else 0)
        points_at = patch_at + POINTS * input_channels // 4
        return {
            "pair_at": pair_at,
            "patch_at": patch_at,
            "points_at": points_at,
            "work_words": points_at + self.groups * sizes["group_elements"] // 2,
        }


def _fits(layer: QuantLayer) -> bool:
    op = layer.op
    if not isinstance(op, Conv2d) or layer.inputs[0] == "image":
        return False
    rows, columns, channels = layer.output_shape
    input_channels = layer.input_shapes[0][2]
    return (
        op.kernel == (3, 3)
        and op.stride == (1, 1)
        and rows % TILE == 0
        and columns % TILE == 0
        and (rows // TILE * columns // TILE) % GROUP == 0
        and channels % 2 == 0
        and input_channels % 4 == 0
        and input_channels <= INPUT_CHANNELS_MAX
        and columns * channels < 2**16
        and layer.constants["left_shift"] <= 6
    )


def _all_groups(layer: QuantLayer) -> int:
    rows, columns, _ = layer.output_shape
    return math.prod((rows // TILE, columns // TILE)) // GROUP


def _as_bytes(weight: np.ndarray) -> np.ndarray:
    """[C, 3, 3, Cin] -> int32 words of four input channels, [C, Cin / 4, 3, 3]."""
    channels, *_, input_channels = weight.shape
    quads = weight.reshape(channels, 3, 3, input_channels // 4, 4).transpose(0, 3, 1, 2, 4)
    words = np.ascontiguousarray((quads + OFFSET_128).astype(np.uint8)).view("<i4")
    return words.reshape(-1).astype(np.int32)


def _transformed(weight: np.ndarray) -> np.ndarray:
    """[C, 3, 3, Cin] -> int32 words of two int16, [C / 2, 36 points, Cin / 2, 2]."""
    points = np.einsum("jx,iy,oyxc->ojic", WEIGHT_ROWS, WEIGHT_ROWS, weight)
    channels, *_, input_channels = weight.shape
    ordered = points.reshape(channels, POINTS, -1)[:, :, quad_order(input_channels)]
    pairs = ordered.reshape(channels // 2, 2, POINTS, input_channels // 2, 2)
    words = np.ascontiguousarray(pairs.transpose(0, 2, 3, 1, 4).astype("<i2")).view("<i4")
    return words.reshape(-1).astype(np.int32)
