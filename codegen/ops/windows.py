"""Sliding windows: the geometry that convolutions and pools share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import KernelContext, QuantLayer, Shape, image_shape, shape_text

if TYPE_CHECKING:
    import torch

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


def span(kernel: Pair, dilation: Pair) -> Pair:
    """Rows and columns from the first tap to the last one of a window with gaps between them."""
    if min(dilation) < 1:
        raise HvError(f"dilation {dilation} must be positive")
    return dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1


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


def im2col(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    pad_value: int,
    dilation: Pair = (1, 1),
) -> Array:
    """Every window of an image, in the order of the weights.

    Args:
        x: [N, H, W, C].
        kernel: height, width of the window.
        stride: vertical, horizontal step.
        padding: top, left, bottom, right.
        pad_value: what a tap outside the image reads.
        dilation: vertical, horizontal distance of neighbouring taps.

    Returns:
        [N, OH, OW, kh * kw, C], the dtype of `x`.
    """
    xp = array_namespace(x)
    size, reach = (x.shape[1], x.shape[2]), span(kernel, dilation)
    rows, columns = window_output(size, reach, stride, padding)
    padded = pad_image(x, padding, pad_value)
    taps = [
        padded[:, ky : ky + (rows - 1) * stride[0] + 1 : stride[0],
               kx : kx + (columns - 1) * stride[1] + 1 : stride[1], :]
        for ky in range(0, reach[0], dilation[0])
        for kx in range(0, reach[1], dilation[1])
    ]  # fmt: skip
    return xp.stack(taps, axis=3)


@dataclass(frozen=True, kw_only=True)
class GeometryContext(KernelContext):
    """Holes that the templates of all windows share."""

    input_height: int
    input_width: int
    output_height: int
    output_width: int
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    pad_top: int
    pad_left: int


@dataclass(frozen=True, kw_only=True)
class WindowContext(GeometryContext):
    """The same for a window that slides over the image itself."""

    padded: bool  # false: every tap lies in the image, no check is needed


@dataclass(frozen=True, kw_only=True)
class DilationContext(KernelContext):
    """Holes of a window whose taps have gaps between them."""

    dilation_y: int
    dilation_x: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """Fields and shapes of an operator that slides a window over an image."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)

    @property
    def taps(self) -> int:
        """Positions of a window."""
        return self.kernel[0] * self.kernel[1]

    def window_shape(self, inputs: tuple[Shape, ...], kind: str) -> Pair:
        """Output height and width; HvError if the window does not fit."""
        height, width, _ = image_shape(inputs, kind)
        return window_output((height, width), self.kernel, self.stride, self.padding)

    def windows(self, x: Array, pad_value: int) -> Array:
        """im2col of [N, H, W, C]."""
        return im2col(x, self.kernel, self.stride, self.padding, pad_value)

    def reads_ahead(self) -> bool:
        """Whether no window reads a byte in front of its own output, channel by channel.

        Without padding above and on the left, output (y, x) reads pixels from (y * stride, x *
        stride) on, and the output is no wider than the input. A pool that writes its outputs in
        order may then leave them where its input begins.
        """
        return self.padding[:2] == (0, 0)

    def convolve_float(
        self, image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int = 1
    ) -> torch.Tensor:
        """PyTorch's convolution of [N, H, W, C] with [Cout, C / groups, kh, kw]: channels last.

        Padding that is alike on both sides is left to it: a padded copy costs time in training.
        """
        from torch.nn import functional as F

        top, left, bottom, right = self.padding
        if (top, left) == (bottom, right):
            x, padding = image.permute(0, 3, 1, 2), (top, left)
        else:
            x, padding = self.pad_float(image), (0, 0)
        y = F.conv2d(x, weight, bias, self.stride, padding, groups=groups)
        return y.permute(0, 2, 3, 1)

    def pad_float(self, image: torch.Tensor, value: float = 0.0) -> torch.Tensor:
        """[N, H, W, C] -> padded [N, C, H', W'], for PyTorch's own operators."""
        from torch.nn import functional as F

        top, left, bottom, right = self.padding
        return F.pad(image.permute(0, 3, 1, 2), (left, right, top, bottom), value=value)

    def window_context(self, layer: QuantLayer) -> dict[str, Any]:
        """The fields of WindowContext for a layer."""
        return {**self.geometry_context(layer), "padded": any(self.padding)}

    def geometry_context(self, layer: QuantLayer) -> dict[str, Any]:
        """The fields of GeometryContext for a layer."""
        height, width, _ = layer.input_shapes[0]
        rows, columns, _ = layer.output_shape
        return {
            "input_height": height,
            "input_width": width,
            "output_height": rows,
            "output_width": columns,
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
            "stride_y": self.stride[0],
            "stride_x": self.stride[1],
            "pad_top": self.padding[0],
            "pad_left": self.padding[1],
        }

    def describe_window(self, layer: QuantLayer) -> str:
        """For comments and reports: "3x3 stride 2x2, 64x64x3 -> 32x32x12"."""
        source, result = shape_text(layer.input_shapes[0]), shape_text(layer.output_shape)
        return f"{shape_text(self.kernel)} stride {shape_text(self.stride)}, {source} -> {result}"


@dataclass(frozen=True, kw_only=True)
class DilatedWindow(Window):
    """A window whose taps lie `dilation` = vertical, horizontal apart."""

    dilation: Pair = (1, 1)

    @property
    def span(self) -> Pair:
        """Rows and columns from the first tap to the last."""
        return span(self.kernel, self.dilation)

    def window_shape(self, inputs: tuple[Shape, ...], kind: str) -> Pair:
        """Output height and width; HvError if the window does not fit."""
        height, width, _ = image_shape(inputs, kind)
        return window_output((height, width), self.span, self.stride, self.padding)

    def windows(self, x: Array, pad_value: int) -> Array:
        """im2col of [N, H, W, C]."""
        return im2col(x, self.kernel, self.stride, self.padding, pad_value, self.dilation)

    def geometry_context(self, layer: QuantLayer) -> dict[str, Any]:
        """The fields of GeometryContext and DilationContext for a layer."""
        dilation = {"dilation_y": self.dilation[0], "dilation_x": self.dilation[1]}
        return {**super().geometry_context(layer), **dilation}

    def describe_window(self, layer: QuantLayer) -> str:
        """For comments and reports: "3x3 stride 1x1, 9x9x4 -> 5x5x4, dilation 2x2"."""
        gaps = "" if self.dilation == (1, 1) else ", dilation {}x{}".format(*self.dilation)
        return super().describe_window(layer) + gaps
