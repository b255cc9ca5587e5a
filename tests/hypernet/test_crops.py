"""What f sees of a chip, against Pillow's area mean and its grey."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from codegen.errors import HvError
from hypernet.crops import crop_chip, crop_chips, with_channels


@pytest.fixture
def chips() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)


def test_at_half_the_size_it_is_the_mean_of_four_half_rounded_up() -> None:
    chip = np.zeros((128, 128, 3), np.uint8)
    chip[:2, :2] = 255
    chip[0, 2:4] = 1  # sum 2 of 4: one half
    crop = crop_chip(chip, (64, 64, 3))
    assert crop[0, :3, 0].tolist() == [255, 1, 0]
    assert crop.max(axis=(0, 1)).tolist() == [255] * 3


@pytest.mark.parametrize("shape", [(48, 48), (56, 56), (64, 64), (80, 80), (128, 128), (33, 70)])
def test_every_pixel_is_the_mean_of_its_area(chips: np.ndarray, shape: tuple[int, int]) -> None:
    """Pillow rounds the rows in between: one grey level, no more."""
    crops = crop_chips(chips, (*shape, 3))
    for chip, crop in zip(chips, crops, strict=True):
        if shape in (
            (64, 64),
            (128, 128),
        ):  # Pillow takes a pixel across the area's edge whole or not
            theirs = Image.fromarray(chip).resize(shape[::-1], Image.Resampling.BOX)
            assert np.abs(crop.astype(int) - np.asarray(theirs)).max() <= 1
        exact = _area_mean(_area_mean(chip, 0, shape[0]), 1, shape[1])
        np.testing.assert_array_less(np.abs(crop - exact), 0.5 + 1e-9)


def _area_mean(values: np.ndarray, axis: int, length: int) -> np.ndarray:
    """Differences of the running integral at the pixels' edges."""
    moved = np.moveaxis(values, axis, 0).astype(float)
    integral = np.concatenate([np.zeros((1, *moved.shape[1:])), moved.cumsum(axis=0)])
    edges = np.arange(length + 1) * (len(moved) / length)
    whole = np.minimum(edges.astype(int), len(moved) - 1)
    part = (edges - whole)[:, None, None]
    at = integral[whole] * (1 - part) + integral[whole + 1] * part
    return np.moveaxis(np.diff(at, axis=0) * (length / len(moved)), 0, axis)


def test_one_channel_is_pillows_grey(chips: np.ndarray) -> None:
    grey = crop_chip(chips[0], (64, 64, 1))
    colour = Image.fromarray(crop_chip(chips[0], (64, 64, 3)))
    assert grey.shape == (64, 64, 1)
    assert np.abs(grey[..., 0].astype(int) - np.asarray(colour.convert("L"))).max() <= 1
    assert with_channels(np.full((1, 1, 3), 255, np.uint8), 1).item() == 255


def test_a_photograph_has_no_four_channels(chips: np.ndarray) -> None:
    with pytest.raises(HvError, match="4 channels"):
        crop_chip(chips[0], (64, 64, 4))
