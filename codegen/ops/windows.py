"""Sliding windows: the geometry that convolutions and pools share."""

from __future__ import annotations

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.errors import HvError

Shape = tuple[int, ...]
Pair = tuple[int, int]
Padding = tuple[int, int, int, int]  # top, left, bottom, right


def window_output(size: Pair, kernel: Pair, stride: Pair, padding: Padding) -> Pair:
    """Output height and width of a window that slides over `size` = (height, width)."""
    top, left, bottom, right = padding
    if min(*kernel, *stride) < 1 or min(padding) < 0:
        raise HvError(
            f"kernel {kernel} and stride {stride} must be positive, padding {padding} not negative"
        )
    # a window that lies in the padding alone would have no input at all
    if max(top, bottom) >= kernel[0] or max(left, right) >= kernel[1]:
        raise HvError(f"padding {padding} must be smaller than the kernel {kernel}")
    rows = (size[0] + top + bottom - kernel[0]) // stride[0] + 1
    columns = (size[1] + left + right - kernel[1]) // stride[1] + 1
    if rows < 1 or columns < 1:
        raise HvError(f"kernel {kernel} is larger than its padded input {size}")
    return rows, columns


def pad_image(x: Array, padding: Padding, value: int) -> Array:
    """[N, H, W, C] -> [N, top + H + bottom, left + W + right, C], filled with `value`."""
    xp = array_namespace(x)
    top, left, bottom, right = padding
    n, height, width, channels = x.shape

    def block(rows: int, columns: int) -> Array:
        return xp.full((n, rows, columns, channels), value, dtype=x.dtype)

    wide = xp.concat([block(height, left), x, block(height, right)], axis=2)
    full_width = left + width + right
    return xp.concat([block(top, full_width), wide, block(bottom, full_width)], axis=1)


def im2col(x: Array, kernel: Pair, stride: Pair, padding: Padding, pad_value: int) -> Array:
    """Every window of an image, in the order of the weights.

    Args:
        x: [N, H, W, C].
        kernel: height, width of the window.
        stride: vertical, horizontal step.
        padding: top, left, bottom, right.
        pad_value: what a tap outside the image reads.

    Returns:
        [N, OH, OW, kh * kw, C], the dtype of `x`.
    """
    xp = array_namespace(x)
    rows, columns = window_output((x.shape[1], x.shape[2]), kernel, stride, padding)
    padded = pad_image(x, padding, pad_value)
    taps = [
        padded[:, ky : ky + (rows - 1) * stride[0] + 1 : stride[0],
               kx : kx + (columns - 1) * stride[1] + 1 : stride[1], :]
        for ky in range(kernel[0])
        for kx in range(kernel[1])
    ]  # fmt: skip
    return xp.stack(taps, axis=3)
