"""Training images: what is changed, and what is not."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from codegen.nets import Architecture
from hypernet.backbone import shrink_chips
from hypernet.data import FaceTable
from hypernet.training.augment import (
    Augmentation,
    Changes,
    changed_images,
    draw_changes,
)
from hypernet.verifier import to_real

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
    made = changed_images(chips, _drawn(16, STILL, 0), 1 / 64)
    plain = to_real(torch.from_numpy(shrink_chips(chips.numpy())), tiny)
    mirrored = plain.flip(2)
    distance = torch.minimum(
        (made - plain).abs().amax((1, 2, 3)), (made - mirrored).abs().amax((1, 2, 3))
    )
    assert distance.max() <= 0.5 / 64 + 1e-4  # the crop's rounding to a whole grey level


def test_training_images_stay_in_reach(table: FaceTable) -> None:
    images = changed_images(torch.from_numpy(table.chips), _drawn(48, Augmentation(), 1), 1 / 64)
    assert images.shape == (48, 64, 64, 3)
    assert images.abs().max() < 4


def test_images_move_as_pytorchs_affine_grid_says(table: FaceTable) -> None:
    moved = Augmentation(contrast=0, brightness=0, cast=0, grey=0, blur=0, cover=0)
    drawn = _drawn(48, moved, 2)
    chips = torch.from_numpy(table.chips)
    grid = F.affine_grid(drawn.maps, [48, 3, 64, 64], align_corners=False)
    source = chips.permute(0, 3, 1, 2).float()
    expected = F.grid_sample(source, grid, padding_mode="border", align_corners=False)
    made = changed_images(chips, drawn, 1 / 64)
    torch.testing.assert_close(made, ((expected - 128) / 64).permute(0, 2, 3, 1), rtol=0, atol=1e-3)


def test_a_part_of_the_changes_makes_the_part_of_the_images(table: FaceTable) -> None:
    """So several processes may share a batch."""
    chips, drawn = torch.from_numpy(table.chips), _drawn(48, Augmentation(), 3)
    whole = changed_images(chips, drawn, 1 / 64)
    part = slice(12, 36)
    own = changed_images(chips[part], drawn.part(part, torch.device("cpu")), 1 / 64)
    torch.testing.assert_close(own, whole[part], rtol=0, atol=1e-6)
