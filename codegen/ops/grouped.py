"""What grouped_conv and conv_transpose share: groups of channels, each with windows of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array, matmul_exact
from codegen.errors import HvError
from codegen.ops.base import QuantLayer, Shape
from codegen.ops.mac import FinishContext, MacOp
from codegen.ops.windows import DilatedWindow, DilationContext


@dataclass(frozen=True, kw_only=True)
class GroupedContext(DilationContext, FinishContext):
    """Holes of both templates."""

    input_channels: int
    output_channels: int
    groups: int
    group_inputs: int  # input channels of one group
    group_outputs: int  # output channels of one group
    pad_value: int  # the input's zero point: what a tap reads where no pixel is


@dataclass(frozen=True, kw_only=True)
class GroupedMac(DilatedWindow, MacOp):
    """Weights [Cout, kh, kw, Cin / groups]; an output channel reads the inputs of its group."""

    kind: ClassVar[str]

    channels: int
    groups: int = 1

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, channels]."""
        rows, columns = self.window_shape(inputs, self.kind)
        if inputs[0][2] % self.groups or self.channels % self.groups:
            raise HvError(
                f"{inputs[0][2]} input and {self.channels} output channels "
                f"do not fall into {self.groups} groups",
                hint="both must be multiples of groups",
            )
        return rows, columns, self.channels

    def weight_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[Cout, kh, kw, Cin / groups]."""
        return (self.channels, *self.kernel, inputs[0][2] // self.groups)

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Taps times outputs, taps without a pixel included."""
        rows, columns, channels = self.output_shape(inputs)
        return rows * columns * channels * self.taps * inputs[0][2] // self.groups

    def scratch_bytes(self, inputs: tuple[Shape, ...]) -> int:
        """One window of one group, widened to int16."""
        return 2 * self.taps * inputs[0][2] // self.groups

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """im2col, then int32 dot products, group by group."""
        (x,) = inputs
        xp = array_namespace(x)
        windows = self.windows(x, layer.input_quantities[0].zero_point)
        n, rows, columns, taps, channels = windows.shape
        depth = channels // self.groups
        apart = xp.reshape(windows, (n * rows * columns, taps, self.groups, depth))
        patches = xp.reshape(xp.permute_dims(apart, (2, 0, 1, 3)), (self.groups, -1, taps * depth))
        weight = xp.reshape(layer.tensors["weight"], (self.groups, -1, taps * depth))
        sums = matmul_exact(patches, xp.permute_dims(weight, (0, 2, 1)))
        together = xp.permute_dims(sums, (1, 0, 2))
        acc = xp.reshape(together, (n, rows, columns, self.channels)) + layer.tensors["bias"]
        return self.finish(layer, acc)

    def grouped_context(self, layer: QuantLayer) -> dict[str, Any]:
        """The fields of GroupedContext that no other part of the operator gives."""
        channels = layer.input_shapes[0][2]
        return {
            "input_channels": channels,
            "output_channels": self.channels,
            "groups": self.groups,
            "group_inputs": channels // self.groups,
            "group_outputs": self.channels // self.groups,
            "pad_value": layer.input_quantities[0].zero_point,
            **self.finish_context(layer),
        }

    def describe_groups(self) -> str:
        """For comments and reports: ", 4 groups", or nothing."""
        return "" if self.groups == 1 else f", {self.groups} groups"
