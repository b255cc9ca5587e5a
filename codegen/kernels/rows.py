"""How rows are cut for tiles: a convolution's own, a pointwise layer's as it likes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.ops.base import QuantLayer
from codegen.ops.conv2d import Conv2d

TILE_PIXELS = 4
FLAT_PIXELS_MAX = 64  # of a row of a pointwise layer, whose pixels need no rows


@dataclass(frozen=True, kw_only=True)
class Rows:
    """How the rows of a layer are cut: a convolution's own, a pointwise layer's as it likes."""

    input_height: int
    input_width: int
    input_channels: int
    output_height: int
    output_width: int
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad_top: int
    pad_left: int
    pad_bottom: int

    @property
    def row_pairs(self) -> int:
        """Pairs of taps in a row of the window; an odd tap gets a partner whose weight is 0."""
        return -(-self.kernel[1] * self.input_channels // 2)

    @property
    def pixel_step(self) -> int:
        """Elements between the windows of neighbouring pixels."""
        return self.stride[1] * self.input_channels

    @property
    def left(self) -> int:
        """Elements of padding before the first pixel."""
        return self.pad_left * self.input_channels

    @property
    def input_row(self) -> int:
        """Elements of a row of the input."""
        return self.input_width * self.input_channels

    @property
    def row_elements(self) -> int:
        """Elements of a widened row: what is widened, and what windows read beyond it."""
        read = (self.output_width - 1) * self.pixel_step + 2 * self.row_pairs
        return -(-max(read, self.left + self.input_row) // 2) * 2

    @property
    def is_padded(self) -> bool:
        """Whether a window reads anything outside the image."""
        outside = self.left > 0 or self.row_elements > self.left + self.input_row
        return outside or self.pad_top > 0 or self.pad_bottom > 0


def rows_of(layer: QuantLayer) -> Rows:
    """The rows of a convolution, or a pointwise layer's pixels cut into rows of whole tiles."""
    op = layer.op
    *_, channels = layer.input_shapes[0]
    if isinstance(op, Conv2d):
        height, width, _ = layer.input_shapes[0]
        top, left, bottom, _ = op.padding
        return Rows(
            input_height=height,
            input_width=width,
            input_channels=channels,
            output_height=layer.output_shape[0],
            output_width=layer.output_shape[1],
            channels=op.channels,
            kernel=op.kernel,
            stride=op.stride,
            pad_top=top,
            pad_left=left,
            pad_bottom=bottom,
        )
    pixels = math.prod(layer.input_shapes[0][:-1])
    width = _row_of_pixels(pixels)
    return Rows(
        input_height=pixels // width,
        input_width=width,
        input_channels=channels,
        output_height=pixels // width,
        output_width=width,
        channels=layer.output_shape[-1],
        kernel=(1, 1),
        stride=(1, 1),
        pad_top=0,
        pad_left=0,
        pad_bottom=0,
    )


def _row_of_pixels(pixels: int) -> int:
    """The longest row of whole tiles that the pixels can be cut into; else all of them are one."""
    fitting = [
        width
        for width in range(TILE_PIXELS, FLAT_PIXELS_MAX + 1, TILE_PIXELS)
        if pixels % width == 0
    ]
    return fitting[-1] if fitting else pixels
