"""conv_transpose: a convolution that enlarges; every output gathers the pixels that reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import QuantLayer, Shape, image_shape
from codegen.ops.grouped import GroupedContext, GroupedMac
from codegen.ops.windows import GeometryContext, Pair, im2col, pad_image

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ConvTransposeContext(GeometryContext, GroupedContext):
    """Holes of conv_transpose.c.j2."""


@dataclass(frozen=True, kw_only=True)
class ConvTranspose(GroupedMac):
    """Tap k of output y reads pixel (y + top - k * dilation) / stride where there is one.

    Where there is none it reads the zero point, real 0: the bias and the accumulator's bound are
    those of every convolution. `padding` is cut off the result.
    """

    kind: ClassVar[str] = "conv_transpose"

    output_padding: Pair = (0, 0)  # rows below and columns to the right, fed by taps or bias alone

    def window_shape(self, inputs: tuple[Shape, ...], kind: str) -> Pair:
        """Output height and width; HvError if nothing is left of them."""
        height, width, _ = image_shape(inputs, kind)
        self._check_fields()
        top, left, bottom, right = self.padding
        (extra_rows, extra_columns), reach = self.output_padding, self.span
        rows = self.stride[0] * (height - 1) + reach[0] + extra_rows - top - bottom
        columns = self.stride[1] * (width - 1) + reach[1] + extra_columns - left - right
        if rows < 1 or columns < 1:
            raise HvError(f"padding {self.padding} leaves nothing of the output")
        return rows, columns

    def windows(self, x: Array, pad_value: int) -> Array:
        """The pixels and gaps that each output reads, in the order of the weights.

        Args:
            x: [N, H, W, C].
            pad_value: what a tap reads where no pixel is.

        Returns:
            [N, OH, OW, kh * kw, C], the dtype of `x`.
        """
        xp = array_namespace(x)
        rows, columns = self.window_shape((tuple(x.shape[1:]),), self.kind)
        (below, beside), (extra_rows, extra_columns) = self.reach, self.output_padding
        margins = (below, beside, below + extra_rows, beside + extra_columns)
        padded = pad_image(_spread(x, self.stride, pad_value), margins, pad_value)
        top, left = self.padding[:2]
        read = padded[:, top : top + rows + below, left : left + columns + beside, :]
        windows = im2col(read, self.kernel, (1, 1), (0, 0, 0, 0), pad_value, self.dilation)
        return xp.flip(windows, axis=3)

    @property
    def reach(self) -> Pair:
        """How far below and to the right of its own place a pixel has an effect."""
        rows, columns = self.span
        return rows - 1, columns - 1

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, Cin] -> [N, OH, OW, Cout]."""
        from torch.nn import functional as F

        weight = tensors["weight"]
        by_group = weight.reshape(self.groups, -1, *weight.shape[1:])
        y = F.conv_transpose2d(
            inputs[0].permute(0, 3, 1, 2),
            by_group.permute(0, 4, 1, 2, 3).flatten(0, 1),
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
        )
        top, left, bottom, right = self.padding
        extra_rows, extra_columns = self.output_padding
        cut = F.pad(y, (-left, extra_columns - right, -top, extra_rows - bottom))
        biased = cut.permute(0, 2, 3, 1) + tensors["bias"]
        return self.activation.float_forward(biased, tensors.get("slope"))

    def kernel_context(self, layer: QuantLayer, function: str) -> ConvTransposeContext:
        """See templates/kernels/conv_transpose.c.j2."""
        return ConvTransposeContext(
            layer=layer.name,
            function=function,
            summary=f"conv transpose {self.describe_window(layer)}{self.describe_groups()}"
            f"{self.activation.describe()}",
            **self.geometry_context(layer),
            **self.grouped_context(layer),
        )

    def _check_fields(self) -> None:
        if min(*self.kernel, *self.stride) < 1 or min(*self.padding, *self.output_padding) < 0:
            raise HvError(
                f"kernel {self.kernel} and stride {self.stride} must be positive, padding "
                f"{self.padding} and output_padding {self.output_padding} not negative"
            )
        steps = zip(self.output_padding, self.stride, strict=True)
        if any(extra >= stride for extra, stride in steps):  # runtimes of ONNX refuse it, too
            raise HvError(
                f"output_padding {self.output_padding} must be smaller than the stride "
                f"{self.stride}"
            )


def _spread(x: Array, stride: Pair, value: int) -> Array:
    """[N, H, W, C] -> [N, H * stride, W * stride, C]: pixels apart, `value` in between."""
    xp = array_namespace(x)
    n, height, width, channels = x.shape
    wide = xp.full((n, height, stride[0], width, stride[1], channels), value, dtype=x.dtype)
    wide[:, :, 0, :, 0, :] = x
    return xp.reshape(wide, (n, height * stride[0], width * stride[1], channels))
