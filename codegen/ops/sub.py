"""sub: a difference of two tensors, broadcast; each rescaled, one rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from codegen.ops.rescaled_sum import RescaledSum

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Sub(RescaledSum):
    """acc = first_multiplier * a - second_multiplier * b + bias, requantised by a power of two."""

    kind: ClassVar[str] = "sub"
    symbol: ClassVar[str] = "-"
    sign: ClassVar[int] = -1
    result: ClassVar[str] = "difference"

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Element by element."""
        return self.activation.float_forward(inputs[0] - inputs[1], None)
