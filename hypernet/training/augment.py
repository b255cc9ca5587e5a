"""Training images from aligned chips: moved, relit, blurred, partly covered.

Moderate strengths: a body this small gains nothing from stronger ones.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from codegen.inputs import Image
from hypernet.crops import LUMA
from hypernet.training.settings import number


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

    scale: float = number(0.06, least=0, most=1)
    aspect: float = number(0.024, least=0, most=1)
    angle: float = number(0.072, least=0, most=4)
    shift: float = number(0.021, least=0, most=1)
    contrast: float = number(0.18, least=0, most=1)
    brightness: float = number(0.18, least=0, most=4)
    cast: float = number(0.09, least=0, most=4)
    grey: float = number(0.06, least=0, most=1)
    blur: float = number(0.15, least=0, most=1)
    cover: float = number(0.24, least=0, most=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Changes:
    """What is done to N images; all float but `grey`, `rows` and `columns`, which are bool.

    Attributes:
        maps: [N, 2, 3], from the crop to the chip, both as [-1, 1] squares.
        contrast: [N, 1, 1, 1].
        offset: [N, 3, 1, 1], brightness and colour cast.
        grey: [N].
        softness: [N, 1, 1, 1], share of the blurred image; 0 for a sharp one.
        rows: [N, H], covered where also `columns` is.
        columns: [N, W].
    """

    maps: Tensor
    contrast: Tensor
    offset: Tensor
    grey: Tensor
    softness: Tensor
    rows: Tensor
    columns: Tensor

    def part(self, chosen: slice, device: torch.device) -> Changes:
        """Those of some images, on `device`."""
        own = {field.name: getattr(self, field.name)[chosen] for field in fields(self)}
        return Changes(**{name: tensor.to(device) for name, tensor in own.items()})


def draw_changes(
    count: int, size: tuple[int, int], change: Augmentation, rng: torch.Generator
) -> Changes:
    """Draws the changes of `count` images of `size` = (height, width), all from `rng`."""
    height, width = size
    blurred = torch.rand(count, 1, 1, 1, generator=rng) < change.blur
    covered = torch.rand(count, 1, generator=rng) < change.cover
    brightness = _spread(count, change.brightness, rng).view(-1, 1, 1, 1)
    return Changes(
        maps=_movements(count, change, rng),
        contrast=(1 + _spread(count, change.contrast, rng)).view(-1, 1, 1, 1),
        offset=brightness + torch.randn(count, 3, 1, 1, generator=rng) * change.cast,
        grey=torch.rand(count, generator=rng) < change.grey,
        softness=torch.rand(count, 1, 1, 1, generator=rng) * blurred,
        rows=_interval(count, height, rng) & covered,
        columns=_interval(count, width, rng),
    )


def changed_images(chips: Tensor, changes: Changes, image: Image) -> Tensor:
    """Makes one changed image of every chip.

    Where nothing moves and the chip is twice as large as the image, sampling between four pixels
    is the 2x2 mean of `crops.crop_chip`; for other sizes the chip is first made twice as large.

    Args:
        chips: uint8 [N, H', W', 3].
        changes: of these N, for images [H, W].
        image: the architecture's.

    Returns:
        float32 [N, H, W, C], as `verifier.to_real` makes them.
    """
    size = (image.height, image.width)
    source = _of_size(chips.permute(0, 3, 1, 2).float(), (2 * image.height, 2 * image.width))
    x = F.grid_sample(source, _grid(changes.maps, size), padding_mode="border", align_corners=False)
    # (x - 128) * scale * contrast + offset, in one pass over the images
    gain = image.scale * changes.contrast
    x = torch.addcmul(changes.offset - 128.0 * gain, x, gain)
    x[changes.grey] = x[changes.grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    soft = changes.softness.flatten().nonzero()[:, 0]
    x[soft] = _blurred(x[soft], changes.softness[soft])
    if image.channels == 1:
        x = (x * x.new_tensor(LUMA)[:, None, None] / sum(LUMA)).sum(1, keepdim=True)
    hole = changes.rows[:, None, :, None] & changes.columns[:, None, None, :]
    return x.masked_fill_(hole, 0.0).permute(0, 2, 3, 1).contiguous()


def _of_size(source: Tensor, size: tuple[int, int]) -> Tensor:
    if source.shape[2:] == size:
        return source
    return F.interpolate(source, size, mode="bilinear", antialias=True, align_corners=False)


def _spread(count: int, limit: float, rng: torch.Generator) -> Tensor:
    """Uniform in [-limit, limit]: float [count]."""
    return (2 * torch.rand(count, generator=rng) - 1) * limit


def _movements(count: int, change: Augmentation, rng: torch.Generator) -> Tensor:
    """Affine maps: float [N, 2, 3]."""
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


def _grid(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Where every pixel looks, float [N, H, W, 2]: F.affine_grid as sums of rows and columns."""
    y, x = (
        (torch.arange(length, device=maps.device) * 2 + 1) / length - 1 for length in size
    )  # middles of the pixels
    across = maps[:, None, :, 0] * x[None, :, None]  # [N, W, 2]
    down = maps[:, None, :, 1] * y[None, :, None] + maps[:, None, :, 2]  # [N, H, 2]
    return across[:, None] + down[:, :, None]


def _blurred(sharp: Tensor, share: Tensor) -> Tensor:
    soft = F.avg_pool2d(sharp, 3, stride=1, padding=1, count_include_pad=False)
    return torch.lerp(sharp, soft, share)


def _interval(count: int, length: int, rng: torch.Generator) -> Tensor:
    """A random stretch of 15 to 45 % of an axis, which may reach over its end: bool [N, length]."""
    middle = torch.rand(count, 1, generator=rng) * length
    half = (0.15 + 0.3 * torch.rand(count, 1, generator=rng)) * length / 2
    return (torch.arange(length)[None] + 0.5 - middle).abs() < half
