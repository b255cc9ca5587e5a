"""Faces drawn by arithmetic: people who differ in twelve traits, photographed differently.

An encoder's embeddings are made from the same traits, so a network can learn to see them, and what
it learnt holds for people it has never seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hypernet.data import FaceTable, Pairs

TRAITS = 12
SIDE = 128
Floats = NDArray[np.float64]


def drawn_table(people: int, photographs: int, dimensions: int, seed: int) -> FaceTable:
    """A table of drawn faces; every fifth person is in fold 9, the others in fold 1."""
    rng = np.random.default_rng(seed)
    traits = rng.uniform(-1, 1, (people, TRAITS))
    person = np.repeat(np.arange(people), photographs)
    chips = np.stack([_face(traits[own], rng) for own in person])
    mixing = rng.normal(0, 1, (TRAITS, dimensions))
    embeddings = traits[person] @ mixing + rng.normal(0, 0.3, (len(person), dimensions))
    return FaceTable(
        files=np.array([f"{row}.jpg" for row in range(len(person))]),
        people=np.array([f"p{own:03d}" for own in person]),
        folds=np.where(person % 5 == 4, 9, 1).astype(np.int32),
        chips=chips,
        embeddings=embeddings.astype(np.float32),
        found=np.ones(len(person), np.int8),
    )


def drawn_pairs(table: FaceTable, seed: int) -> Pairs:
    """As many pairs of one person as of two, within each fold."""
    rng = np.random.default_rng(seed)
    number = table.person_numbers()
    first, second = np.triu_indices(len(number), 1)
    within = table.folds[first] == table.folds[second]
    same = number[first] == number[second]
    positive = np.flatnonzero(within & same)
    negative = np.flatnonzero(within & ~same)
    chosen = np.concatenate([positive, rng.choice(negative, len(positive), replace=False)])
    return Pairs(
        first=first[chosen],
        second=second[chosen],
        same=same[chosen],
        folds=table.folds[first[chosen]],
    )


def _face(traits: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One photograph: the traits, moved and lit at random."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE / 2) - 1
    x, y = x - rng.uniform(-0.04, 0.04), y - rng.uniform(-0.04, 0.04)
    image = np.full((SIDE, SIDE, 3), rng.uniform(40, 200))

    def ellipse(cx: float, cy: float, width: float, height: float, colour: list[float]) -> None:
        inside = ((x - cx) / width) ** 2 + ((y - cy) / height) ** 2 < 1
        image[inside] = colour

    red, green, hair, eyes, apart, brow, mouth, lips, nose, long, round_, beard = traits
    ellipse(0, -0.2, 0.8 + 0.1 * round_, 0.85, [90 + 70 * hair, 70 + 50 * hair, 60.0])
    skin = [180 + 40 * red, 150 + 40 * green, 130 - 30 * red]
    ellipse(0, 0.05, 0.6 + 0.12 * round_, 0.75 + 0.12 * long, skin)
    for side in (-1, 1):
        middle = side * (0.27 + 0.08 * apart)
        ellipse(middle, -0.1, 0.11, 0.07, [240.0, 240.0, 240.0])
        ellipse(middle, -0.1, 0.06, 0.06, [60 + 50 * eyes, 70.0, 90 - 60 * eyes])
        ellipse(side * 0.27, -0.27 - 0.06 * brow, 0.16, 0.03 + 0.015 * brow, [60.0, 50.0, 40.0])
    ellipse(0, 0.14, 0.06 + 0.03 * nose, 0.14, [part * 0.85 for part in skin])
    if beard > 0:
        ellipse(0, 0.62, 0.4, 0.2, [80.0, 60.0, 50.0])
    ellipse(0, 0.42, 0.24 + 0.1 * mouth, 0.05 + 0.03 * lips, [180 + 40 * lips, 70.0, 80.0])
    light = rng.uniform(0.8, 1.2) * (1 + rng.uniform(-0.2, 0.2) * x[..., None])
    noise = rng.normal(0, 4, image.shape)
    return (image * light + noise).clip(0, 255).astype(np.uint8)
