"""Training images: what is changed, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from codegen.inputs import Image
from codegen.nets import Architecture
from hypernet.crops import crop_chips
from hypernet.data import FaceTable
from hypernet.training.augment import (
    Augmentation,
    Changes,
    changed_images,
    draw_changes,
)
from hypernet.verifier import to_real

IMAGE = Image(height=64, width=64, channels=3, scale=1 / 64)

STILL = Augmentation(
    scale=0,
    aspect=0,
    angle=0,
    shift=0,
    contrast=0,
    brightness=0,
    cast=0,
    grey=0,
    blur=0,
    cover=0,
)


def _drawn(count: int, change: Augmentation, seed: int) -> Changes:
    return draw_changes(count, (64, 64), change, torch.Generator().manual_seed(seed))


def test_unmoved_training_images_are_the_crops(tiny: Architecture) -> None:
    rng = np.random.default_rng(5)
    chips = torch.from_numpy(rng.integers(0, 256, (16, 128, 128, 3), dtype=np.uint8))
    made = changed_images(chips, _drawn(16, STILL, 0), IMAGE)
    plain = to_real(torch.from_numpy(crop_chips(chips.numpy(), tiny.image.shape)), tiny)
    mirrored = plain.flip(2)
    distance = torch.minimum(
        (made - plain).abs().amax((1, 2, 3)), (made - mirrored).abs().amax((1, 2, 3))
    )
    assert distance.max() <= 0.5 / 64 + 1e-4  # the crop's rounding to a whole grey level


def test_training_images_stay_in_reach(table: FaceTable) -> None:
    images = changed_images(torch.from_numpy(table.chips), _drawn(48, Augmentation(), 1), IMAGE)
    assert images.shape == (48, 64, 64, 3)
    assert images.abs().max() < 4


def test_images_move_as_pytorchs_affine_grid_says(table: FaceTable) -> None:
    moved = Augmentation(contrast=0, brightness=0, cast=0, grey=0, blur=0, cover=0)
    drawn = _drawn(48, moved, 2)
    chips = torch.from_numpy(table.chips)
    grid = F.affine_grid(drawn.maps, [48, 3, 64, 64], align_corners=False)
    source = chips.permute(0, 3, 1, 2).float()
    expected = F.grid_sample(source, grid, padding_mode="border", align_corners=False)
    made = changed_images(chips, drawn, IMAGE)
    torch.testing.assert_close(made, ((expected - 128) / 64).permute(0, 2, 3, 1), rtol=0, atol=1e-3)


def test_a_part_of_the_changes_makes_the_part_of_the_images(table: FaceTable) -> None:
    """So several processes may share a batch."""
    chips, drawn = torch.from_numpy(table.chips), _drawn(48, Augmentation(), 3)
    whole = changed_images(chips, drawn, IMAGE)
    part = slice(12, 36)
    own = changed_images(chips[part], drawn.part(part, torch.device("cpu")), IMAGE)
    torch.testing.assert_close(own, whole[part], rtol=0, atol=1e-6)


@pytest.mark.parametrize("side", [48, 80])
def test_images_of_other_sizes_are_about_the_crops(side: int) -> None:
    """A smooth chip: what is resampled twice differs little from the exact mean of the area."""
    rows = np.linspace(0, 255, 128)
    chip = np.add.outer(rows, rows)[..., None].repeat(3, axis=2) / 2
    chips = torch.from_numpy(chip.astype(np.uint8)[None].repeat(16, axis=0))
    image = Image(height=side, width=side, channels=3, scale=1 / 64)
    drawn = draw_changes(16, (side, side), STILL, torch.Generator().manual_seed(0))
    made = changed_images(chips, drawn, image)
    plain = (torch.from_numpy(crop_chips(chips.numpy(), image.shape)).float() - 128) / 64
    distance = torch.minimum(
        (made - plain).abs().amax((1, 2, 3)), (made - plain.flip(2)).abs().amax((1, 2, 3))
    )
    assert distance.max() <= 2 / 64


def test_grey_images_have_one_channel(table: FaceTable) -> None:
    image = Image(height=64, width=64, channels=1, scale=1 / 64)
    chips = torch.from_numpy(table.chips)
    made = changed_images(chips, _drawn(48, STILL, 4), image)
    plain = (torch.from_numpy(table.crops(image.shape)).float() - 128) / 64
    distance = torch.minimum(
        (made - plain).abs().amax((1, 2, 3)), (made - plain.flip(2)).abs().amax((1, 2, 3))
    )
    assert made.shape == (48, 64, 64, 1)
    assert distance.max() <= 1.5 / 64  # the crop's two roundings
