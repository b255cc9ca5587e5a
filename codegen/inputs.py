"""What a network is given: the camera's crop, or named tensors of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.architecture_rules import IMAGE
from codegen.ops.base import Quantity, Shape


@dataclass(frozen=True, kw_only=True)
class Image:
    """The camera's crop: bytes [height, width, channels]; a byte u is (u - 128) * scale."""

    height: int
    width: int
    channels: int
    scale: float

    @property
    def name(self) -> str:
        """What layers call it."""
        return IMAGE

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels

    @property
    def size_bytes(self) -> int:
        """One byte per element."""
        return self.height * self.width * self.channels

    @property
    def quantity(self) -> Quantity:
        """Q = u - 128, so the zero point is 0."""
        return Quantity(scale=self.scale, zero_point=0)


@dataclass(frozen=True, kw_only=True)
class Input:
    """A tensor of real numbers that the caller quantises to int8.

    Attributes:
        name: what layers call it.
        shape: without a batch; images are [height, width, channels].
    """

    name: str
    shape: Shape

    @property
    def size_bytes(self) -> int:
        """One byte per element."""
        return math.prod(self.shape)
