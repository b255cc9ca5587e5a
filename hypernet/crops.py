"""What f sees of a chip: its own size and colours, in integers that firmware can repeat."""

from __future__ import annotations

import math

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
    down = _area_sums(chip.astype(np.int32), height)
    total = _area_sums(down.transpose(1, 0, 2), width).transpose(1, 0, 2)
    pixels = CHIP_PX**2 // (math.gcd(CHIP_PX, height) * math.gcd(CHIP_PX, width))
    crop = ((total + pixels // 2) // pixels).astype(np.uint8)
    return with_channels(crop, channels)


def crop_chips(
    chips: NDArray[np.uint8], shape: Shape, room: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Does what `crop_chip` does for many: uint8 [N, 128, 128, 3] to uint8 [N, H, W, C].

    They are written into `room`, if it is given.
    """
    crops = np.empty((len(chips), *shape), np.uint8) if room is None else room
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


def _area_sums(rows: NDArray[np.int32], length: int) -> NDArray[np.int32]:
    """Sums of equal shares of the rows, which are repeated until shares are whole: [length, ...].

    Plain sums: a product of matrices would wake the threads of a BLAS for every chip.
    """
    common = math.gcd(CHIP_PX, length)
    repeated = np.repeat(rows, length // common, axis=0)
    shares = repeated.reshape(length, CHIP_PX // common, *rows.shape[1:])
    return np.asarray(shares.sum(axis=1, dtype=np.int32))
