"""grouped_conv: the general convolution, with groups of channels and gaps between the taps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from codegen.ops.base import QuantLayer
from codegen.ops.grouped import GroupedContext, GroupedMac
from codegen.ops.windows import WindowContext

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class GroupedConvContext(WindowContext, GroupedContext):
    """Holes of grouped_conv.c.j2."""


@dataclass(frozen=True, kw_only=True)
class GroupedConv(GroupedMac):
    """Any groups, dilation, stride and padding; taps outside the image read the zero point."""

    kind: ClassVar[str] = "grouped_conv"

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, Cin] -> [N, OH, OW, Cout]."""
        from torch.nn import functional as F

        y = F.conv2d(
            self.pad_float(inputs[0]),
            tensors["weight"].permute(0, 3, 1, 2),
            tensors["bias"],
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
        )
        return self.activation.float_forward(y.permute(0, 2, 3, 1), tensors.get("slope"))

    def kernel_context(self, layer: QuantLayer, function: str) -> GroupedConvContext:
        """See templates/kernels/grouped_conv.c.j2."""
        return GroupedConvContext(
            layer=layer.name,
            function=function,
            summary=f"grouped conv {self.describe_window(layer)}{self.describe_groups()}"
            f"{self.activation.describe()}",
            **self.window_context(layer),
            **self.grouped_context(layer),
        )
