"""What f sees of a chip: its own size and colours, in integers that firmware can repeat."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from hypernet.backbone import CHIP_PX

Shape = tuple[int, int, int]

LUMA = (77, 150, 29)
"""Shares of red, green and blue in grey, of 256: ITU-R BT.601's 0.299, 0.587 and 0.114."""


def crop_chip(chip: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Reduces a chip to what the architecture takes.

    Every pixel is the mean of the area of the chip that it covers, half rounded up; at 64 pixels
    that is the mean of 2x2. One channel is the grey of those colours.

    Args:
        chip: uint8 [128, 128, 3] RGB.
        shape: (H, W, C) of the architecture's image.

    Returns:
        uint8 [H, W, C].

    Raises:
        HvError: neither colour nor grey is wanted.
    """
    height, width, channels = shape
    # Every sum is a whole number of at most 255 * 128 * 128 < 2^24: exact in float32.
    down, across = _overlaps(height), _overlaps(width)
    rows = down @ chip.reshape(CHIP_PX, -1).astype(np.float32)
    total = across @ rows.reshape(height, CHIP_PX, 3)
    crop = ((total.astype(np.int32) + CHIP_PX**2 // 2) // CHIP_PX**2).astype(np.uint8)
    return with_channels(crop, channels)


def crop_chips(chips: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Does what `crop_chip` does for many: uint8 [N, 128, 128, 3] to uint8 [N, H, W, C]."""
    crops = np.empty((len(chips), *shape), np.uint8)
    for row, chip in enumerate(chips):
        crops[row] = crop_chip(chip, shape)
    return crops


def with_channels(crop: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Colours as they are, or their grey: uint8 [H, W, 3] to uint8 [H, W, channels].

    Raises:
        HvError: neither 3 nor 1 channel is wanted.
    """
    if channels == 3:
        return crop
    if channels == 1:
        total = crop.astype(np.int32) @ np.array(LUMA, np.int32)
        return ((total + 128) >> 8).astype(np.uint8)[..., None]
    raise HvError(
        f"an image of {channels} channels cannot be made of a photograph",
        hint="an architecture for faces takes 3 channels (colour) or 1 (grey)",
    )


@lru_cache(maxsize=8)
def _overlaps(length: int) -> NDArray[np.float32]:
    """How far each of `length` pixels covers each of the chip's: [length, 128], rows of sum 128."""
    ours = np.arange(length)[:, None] * CHIP_PX
    theirs = np.arange(CHIP_PX)[None] * length
    shared = np.minimum(ours + CHIP_PX, theirs + length) - np.maximum(ours, theirs)
    return shared.clip(0).astype(np.float32)
