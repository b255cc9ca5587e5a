"""How the house holds an ONNX tensor: which layer, which order of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codegen.ops.base import Shape
from codegen.ops.expressions import Expression, X

Axes = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor of the model, held by a layer.

    The layer's axis i is the model's axis axes[i]; None stands for an axis of size 1 that the
    model does not have. Axes of the model that are not named have size 1.

    Attributes:
        layer: the layer or input that holds it.
        shape: the model's, with the batch.
        axes: see above.
        expression: what is still to be done to each element of the layer; X: nothing.
    """

    layer: str
    shape: Shape
    axes: Axes
    expression: Expression = X

    @property
    def house_shape(self) -> Shape:
        """The layer's shape."""
        return house_shape(self.shape, self.axes)


def house_shape(shape: Shape, axes: Axes) -> Shape:
    """Sizes of the axes, 1 where the model has none."""
    return tuple(1 if axis is None else shape[axis] for axis in axes)


def moving_axes(shape: Shape, axes: Axes) -> tuple[int, ...]:
    """The axes whose order matters: those longer than 1."""
    return tuple(axis for axis in axes if axis is not None and shape[axis] != 1)


def channels_last(shape: Shape) -> Axes:
    """[1, C, H, W] -> H, W, C; [1, C, L] -> L, C: an image without its batch."""
    return (*range(2, len(shape)), 1)


def image_axes(shape: Shape) -> Axes:
    """The same as height, width, channels: a signal [1, C, L] is an image of height 1."""
    return channels_last(shape) if len(shape) == 4 else (None, *channels_last(shape))


def natural_axes(shape: Shape) -> Axes:
    """The model's own order without the batch, if it is 1; at least one axis."""
    first = 1 if len(shape) > 1 and shape[0] == 1 else 0
    return tuple(range(first, len(shape))) or (None,)


def default_axes(shape: Shape) -> Axes:
    """Images channels last, everything else as it comes."""
    return channels_last(shape) if len(shape) == 4 and shape[0] == 1 else natural_axes(shape)


def elements(shape: Sequence[int]) -> int:
    """Number of elements."""
    return math.prod(shape)
