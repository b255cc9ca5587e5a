"""PReLU whose backward pass costs half of PyTorch's own on a processor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


class _Prelu(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, slope: Tensor) -> Tensor:
        return F.prelu(x, slope.to(x.dtype))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ANN401 - PyTorch's own
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401 - see above
        x, slope = ctx.saved_tensors
        above: Tensor = torch.ops.aten.threshold_backward(gradient, x, 0)  # relu's, vectorised
        below = gradient - above
        shape = (-1,) + (1,) * (x.dim() - 2)
        gradient_x = torch.addcmul(above, below, slope.view(shape).to(below.dtype))
        axes = [axis for axis in range(x.dim()) if axis != 1]
        return gradient_x, (below * x).sum(axes, dtype=slope.dtype)


def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """The same as F.prelu.

    Args:
        x: float [N, C, ...].
        slope: float [C].

    Returns:
        Shape and layout of `x`.
    """
    result: Tensor = _Prelu.apply(x, slope)  # type: ignore[no-untyped-call]
    return result
