"""Made-up signals with the structure of real ones: smooth, correlated, of several kinds.

Every maker takes a generator and a count and gives float32 samples [N, ...] as a model is fed
them, and what a model should answer: the kind of each sample, or a mask.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

Made = tuple[Tensor, Tensor]


def pictures(generator: torch.Generator, count: int, *, size: int, kinds: int) -> Made:
    """Coloured gratings before a smooth background, 0 to 1; the kind is the grating's direction."""
    rows, columns = _grid(size)
    kind = torch.arange(count) % kinds  # as many of each
    angle = (kind * math.pi / kinds).reshape(-1, 1, 1)
    waves = _uniform(generator, (count, 1, 1), 4.0, 7.0)
    phase = _uniform(generator, (count, 1, 1), 0.0, 2 * math.pi)
    along = rows * torch.sin(angle) + columns * torch.cos(angle)
    grating = torch.sin(2 * math.pi * waves * along + phase).unsqueeze(1)
    colour = _uniform(generator, (count, 3, 1, 1), 0.1, 0.4)
    shaded = grating * colour * _spot(generator, count, size).unsqueeze(1)
    noise = 0.02 * torch.randn(count, 3, size, size, generator=generator)
    return (0.5 * _smooth(generator, count, 3, size) + 0.25 + shaded + noise).clamp(0, 1), kind


def faces(generator: torch.Generator, count: int, *, size: int, kinds: int) -> Made:
    """An oval with two eyes and a mouth before a smooth background, -1 to 1.

    The kind is the person: width of face, distance of eyes, colour of skin.
    """
    rows, columns = _grid(size)
    kind = torch.arange(count) % kinds  # as many of each
    traits = torch.rand(kinds, 5, generator=torch.Generator().manual_seed(kinds))[kind]
    wide, far = (0.2 + 0.1 * traits[:, 0].reshape(-1, 1, 1), 0.3 + 0.3 * traits[:, 1])
    skin = 0.35 + 0.55 * traits[:, 2:].reshape(-1, 3, 1, 1)
    y, x = (_uniform(generator, (count, 1, 1), 0.45, 0.55) for _ in range(2))
    light = _uniform(generator, (count, 1, 1, 1), 0.8, 1.1)
    oval = _soft_oval(rows - y, columns - x, 1.3 * wide, wide)
    apart, high = far.reshape(-1, 1, 1) * wide, y - 0.3 * wide
    eyes = _soft_oval(rows - high, columns - x - apart, 0.04, 0.05)
    eyes = eyes + _soft_oval(rows - high, columns - x + apart, 0.04, 0.05)
    mouth = _soft_oval(rows - y - 0.6 * wide, columns - x, 0.03, 0.5 * wide)
    background = _smooth(generator, count, 3, size)
    face = torch.lerp(background, skin.expand_as(background), oval.unsqueeze(1))
    drawn = face * (1 - 0.7 * (eyes + mouth).clamp(0, 1).unsqueeze(1))
    noise = 0.02 * torch.randn(count, 3, size, size, generator=generator)
    return ((light * drawn + noise).clamp(0, 1) - 0.5) / 0.5, kind


def spots(generator: torch.Generator, count: int, *, size: int) -> Made:
    """Grey pictures of bright ovals, 0 to 1, and where the ovals are."""
    rows, columns = _grid(size)
    mask = torch.zeros(count, size, size)
    for _ in range(3):
        y, x = (_uniform(generator, (count, 1, 1), 0.1, 0.9) for _ in range(2))
        high, wide = (_uniform(generator, (count, 1, 1), 0.08, 0.2) for _ in range(2))
        mask = torch.maximum(mask, _soft_oval(rows - y, columns - x, high, wide))
    noise = 0.05 * torch.randn(count, 1, size, size, generator=generator)
    drawn = 0.6 * _smooth(generator, count, 1, size) + 0.4 * mask.unsqueeze(1)
    return (drawn + noise).clamp(0, 1), (mask > 0.5).float().unsqueeze(1)


def words(generator: torch.Generator, count: int, *, kinds: int) -> Made:
    """Cepstral coefficients [1, 49, 10]: the first is the loudness, the others are smaller."""
    kind = torch.arange(count) % kinds  # as many of each
    time = torch.linspace(0, 1, 49).reshape(1, -1, 1)
    order = torch.arange(10.0).reshape(1, 1, -1)
    start = _uniform(generator, (count, 1, 1), 0.2, 0.4)
    voiced = torch.sigmoid((time - start) * 30) * torch.sigmoid((start + 0.4 - time) * 30)
    speed = (1 + kind).reshape(-1, 1, 1) * 0.7
    vowel = torch.cos(2 * math.pi * speed * (time - start) + order * (1 + kind.reshape(-1, 1, 1)))
    size = 12.0 / (1 + order)
    noise = torch.randn(count, 49, 10, generator=generator) * size * 0.1
    loudness = torch.where(order == 0, -20 + 25 * voiced, torch.zeros(()))
    return (loudness + size * voiced * vowel + noise).unsqueeze(1), kind


def machines(generator: torch.Generator, count: int) -> Made:
    """Five frames of 128 logarithmic mel bands, about -3 to 3; the answer is the sound itself."""
    bands = torch.linspace(0, 1, 128).reshape(1, 1, -1)
    frames = torch.arange(5.0).reshape(1, -1, 1)
    slope = _uniform(generator, (count, 1, 1), 1.0, 2.5)
    sound = 1.5 - slope * 1.5 * bands
    for _ in range(4):
        place, drift = (
            _uniform(generator, (count, 1, 1), *ends) for ends in ((0, 1), (-0.01, 0.01))
        )
        loud = _uniform(generator, (count, 1, 1), 0.3, 1.5)
        sound = sound + loud * torch.exp(-(((bands - place - drift * frames) / 0.03) ** 2))
    sound = (sound + 0.15 * torch.randn(count, 5, 128, generator=generator)).reshape(count, 640)
    return sound, sound


def motions(generator: torch.Generator, count: int, *, kinds: int) -> Made:
    """Acceleration in g and turning in rad/s [6, 128]: gravity, and each kind's rhythm."""
    kind = torch.arange(count) % kinds  # as many of each
    time = torch.linspace(0, 2.56, 128).reshape(1, 1, -1)
    gravity = torch.randn(count, 3, 1, generator=generator)
    gravity = gravity / gravity.norm(dim=1, keepdim=True)
    rhythm = (0.8 * (1 + kind)).reshape(-1, 1, 1) * _uniform(generator, (count, 1, 1), 0.9, 1.1)
    phase = _uniform(generator, (count, 6, 1), 0, 2 * math.pi)
    strength = _uniform(generator, (count, 6, 1), 0.1, 1.0) * (0.3 * kind).reshape(-1, 1, 1)
    turn = 2 * math.pi * rhythm * time + phase
    signal = strength * (torch.sin(turn) + 0.3 * torch.sin(3 * turn))
    noise = 0.05 * torch.randn(count, 6, 128, generator=generator)
    return torch.cat([gravity, torch.zeros(count, 3, 1)], dim=1) + signal + noise, kind


def _grid(size: int) -> tuple[Tensor, Tensor]:
    places = (torch.arange(size) + 0.5) / size
    return places.reshape(1, -1, 1), places.reshape(1, 1, -1)


def _uniform(generator: torch.Generator, shape: tuple[int, ...], lo: float, hi: float) -> Tensor:
    return lo + (hi - lo) * torch.rand(shape, generator=generator)


def _smooth(generator: torch.Generator, count: int, channels: int, size: int) -> Tensor:
    """Clouds of 4 x 4 cells, 0.1 to 0.9."""
    cells = _uniform(generator, (count, channels, 4, 4), 0.1, 0.9)
    return nn.functional.interpolate(cells, size=(size, size), mode="bicubic").clamp(0, 1)


def _spot(generator: torch.Generator, count: int, size: int) -> Tensor:
    rows, columns = _grid(size)
    y, x = (_uniform(generator, (count, 1, 1), 0.3, 0.7) for _ in range(2))
    return torch.exp(-(((rows - y) ** 2 + (columns - x) ** 2) / 0.2))


def _soft_oval(rows: Tensor, columns: Tensor, high: Tensor | float, wide: Tensor | float) -> Tensor:
    """1 within, 0 outside, a short slope between."""
    return torch.sigmoid(12 * (1 - (rows / high) ** 2 - (columns / wide) ** 2))
