"""Training images from aligned chips: moved, relit, blurred, partly covered.

Moderate strengths: a body this small gains nothing from stronger ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far an image may be changed. Lengths are fractions of the crop's side.

    Attributes:
        scale: largest relative zoom.
        aspect: largest relative stretch.
        angle: largest rotation, radians.
        shift: largest shift.
        contrast: largest relative change.
        brightness: largest change, in units of f's input (64 grey levels).
        cast: standard deviation of the colour cast, same units.
        grey: share of images without colour.
        blur: share of images blurred.
        cover: share of images with a covered rectangle, sides 15 to 45 % each.
    """

    scale: float = 0.06
    aspect: float = 0.024
    angle: float = 0.072
    shift: float = 0.021
    contrast: float = 0.18
    brightness: float = 0.18
    cast: float = 0.09
    grey: float = 0.06
    blur: float = 0.15
    cover: float = 0.24


def training_images(
    chips: Tensor, change: Augmentation, scale: float, rng: torch.Generator
) -> Tensor:
    """Makes one changed image of every chip.

    Where nothing moves, sampling between four pixels is the 2x2 mean of `backbone.shrink_chip`.

    Args:
        chips: uint8 [N, 2H, 2W, 3].
        change: strengths.
        scale: of the architecture's image, as in `verifier.to_real`.
        rng: source of all randomness.

    Returns:
        float32 [N, H, W, 3], as `verifier.to_real` makes them.
    """
    count, height, width, _ = chips.shape
    size = [count, 3, height // 2, width // 2]
    grid = F.affine_grid(_movements(count, change, rng), size, align_corners=False)
    source = chips.permute(0, 3, 1, 2).float()
    x = F.grid_sample(source, grid, padding_mode="border", align_corners=False)
    x = (x - 128.0) * scale
    x = _cover(_blur(_relight(x, change, rng), change, rng), change, rng)
    return x.permute(0, 2, 3, 1).contiguous()


def _spread(count: int, limit: float, rng: torch.Generator) -> Tensor:
    """Uniform in [-limit, limit]: float [count]."""
    return (2 * torch.rand(count, generator=rng) - 1) * limit


def _movements(count: int, change: Augmentation, rng: torch.Generator) -> Tensor:
    """Affine maps from the crop to the chip, both as [-1, 1] squares: float [N, 2, 3]."""
    flip = torch.where(torch.rand(count, generator=rng) < 0.5, -1.0, 1.0)
    zoom = 1 + _spread(count, change.scale, rng)
    stretch = 1 + _spread(count, change.aspect, rng)
    angle = _spread(count, change.angle, rng)
    maps = torch.empty(count, 2, 3)
    maps[:, 0, 0] = flip * zoom * stretch * angle.cos()
    maps[:, 0, 1] = -zoom * angle.sin()
    maps[:, 1, 0] = flip * zoom * angle.sin()
    maps[:, 1, 1] = zoom * angle.cos()
    maps[:, 0, 2] = _spread(count, 2 * change.shift, rng)
    maps[:, 1, 2] = _spread(count, 2 * change.shift, rng)
    return maps


def _relight(x: Tensor, change: Augmentation, rng: torch.Generator) -> Tensor:
    count = len(x)
    contrast = 1 + _spread(count, change.contrast, rng)
    brightness = _spread(count, change.brightness, rng)
    cast = torch.randn(count, 3, 1, 1, generator=rng) * change.cast
    x = x * contrast.view(-1, 1, 1, 1) + brightness.view(-1, 1, 1, 1) + cast
    grey = torch.rand(count, generator=rng) < change.grey
    x[grey] = x[grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return x


def _blur(x: Tensor, change: Augmentation, rng: torch.Generator) -> Tensor:
    chosen = torch.rand(len(x), generator=rng) < change.blur
    sharp = x[chosen]
    soft = F.avg_pool2d(sharp, 3, stride=1, padding=1, count_include_pad=False)
    share = torch.rand(len(sharp), 1, 1, 1, generator=rng)
    x[chosen] = sharp + share * (soft - sharp)
    return x


def _cover(x: Tensor, change: Augmentation, rng: torch.Generator) -> Tensor:
    count, _, height, width = x.shape
    chosen = torch.rand(count, generator=rng) < change.cover
    rows = _interval(count, height, rng)
    columns = _interval(count, width, rng)
    hole = rows[:, None, :, None] & columns[:, None, None, :] & chosen.view(-1, 1, 1, 1)
    return x.masked_fill(hole, 0.0)


def _interval(count: int, length: int, rng: torch.Generator) -> Tensor:
    """A random stretch of 15 to 45 % of an axis, which may reach over its end: bool [N, length]."""
    middle = torch.rand(count, 1, generator=rng) * length
    half = (0.15 + 0.3 * torch.rand(count, 1, generator=rng)) * length / 2
    return (torch.arange(length)[None] + 0.5 - middle).abs() < half
