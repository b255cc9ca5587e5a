"""Faces of nobody: two people's chips put together, and what the face encoder says of them.

Distillation asks the encoder, not a label, so every face that the encoder can describe teaches
something, also one that does not exist. A composite keeps the light and the pose of a photograph
and shows a person of whom there is no other: more people is what a small collection lacks most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from codegen.errors import HvError
from hypernet.backbone import CHIP_PX, FaceEncoder, Image
from hypernet.data.base import digest_of
from hypernet.data.cache import read_cache
from hypernet.data.faces import FaceRow
from hypernet.data.filling import Progress, fill_table
from hypernet.data.table import FOUND, FaceTable, Photo, cache_folder

_SKIN = slice(CHIP_PX * 3 // 16, CHIP_PX * 13 // 16)
"""Rows and columns of a chip in which the face lies, whose colours are matched."""

_CONTRAST_RATIO = (0.6, 1.6)
"""How far the second face's contrast may be changed to match the first's."""


def compose_faces(
    table: FaceTable,
    count: int,
    *,
    seed: int,
    encoder: Callable[[], FaceEncoder],
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> FaceTable:
    """Makes composites of the photographs of a table, or reads the cached ones.

    Args:
        table: photographs with a face.
        count: composites to make.
        seed: of the choice of people and of how they are joined.
        encoder: makes the face encoder, once in every process.
        cache: where they are kept, without suffix; by default in the user's cache folder.
        workers: processes.
        progress: told after every composite.

    Returns:
        Composites, each a person of its own, of fold 0.

    Raises:
        HvError: the photographs show fewer than two people.
    """
    photos = [
        Photo(file=f"composite-{row:07}", person=f"composite {row:07}", fold=0)
        for row in range(count)
    ]
    path = cache or cache_folder() / f"composites-{_fingerprint(table, count, seed)}"
    known = read_cache(path, photos)
    if known is not None:
        return known
    people = table.person_numbers()
    if not people.any():  # 0 is the first person's number
        raise HvError(
            "composites need photographs of two people",
            where=f"{len(people)} photographs of {len(np.unique(people))}",
            hint="more training folds, or composites = 0",
        )
    composer = Composer(chips=table.chips, people=people, seed=seed)
    return fill_table(
        path, photos, composer, encoder, where="composites", workers=workers, progress=progress
    )


def _fingerprint(table: FaceTable, count: int, seed: int) -> str:
    """Names the photographs by what the encoder says of them."""
    return digest_of((count, seed, *table.files, table.embeddings.tobytes().hex()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Composer:
    """Makes composite number so-and-so; the same on every machine.

    Attributes:
        chips: uint8 [N, 128, 128, 3].
        people: int [N], who is on them.
        seed: of all choices.
    """

    chips: NDArray[np.uint8]
    people: NDArray[np.intp]
    seed: int

    def __call__(self, encoder: FaceEncoder, row: int) -> FaceRow:
        """One row of the table."""
        chip = self.compose(row)
        return FaceRow(chip=chip, embedding=encoder.describe_chip(chip), found=FOUND)

    def compose(self, row: int) -> Image:
        """The chip: uint8 [128, 128, 3]."""
        rng = np.random.default_rng([self.seed, row])
        one, other = self._two_people(rng)
        face, second = self.chips[one].astype(np.float64), self.chips[other].astype(np.float64)
        if rng.random() < 0.5:
            second = second[:, ::-1]
        share = _share(rng)[..., None]
        joined = face * (1 - share) + _coloured_like(face, second) * share
        return np.asarray(joined.round().clip(0, 255), np.uint8)

    def _two_people(self, rng: np.random.Generator) -> tuple[int, int]:
        one = int(rng.integers(len(self.people)))
        others = np.flatnonzero(self.people != self.people[one])
        return one, int(rng.choice(others))


def _coloured_like(face: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """The second face with the mean and, within limits, the contrast of the first."""
    skin, other = face[_SKIN, _SKIN], second[_SKIN, _SKIN]
    ratio = skin.std(axis=(0, 1)) / np.maximum(other.std(axis=(0, 1)), 1.0)
    moved = (second - other.mean(axis=(0, 1))) * ratio.clip(*_CONTRAST_RATIO)
    return np.asarray(moved + skin.mean(axis=(0, 1)))


def _share(rng: np.random.Generator) -> NDArray[np.float64]:
    """How much of every pixel is the second face's: [128, 128], of one of three kinds."""
    kind = rng.integers(4)
    if kind == 0:  # forehead and eyes of one, mouth and chin of the other
        place, softness = rng.uniform(0.3, 0.7), rng.uniform(0.02, 0.08)
        rows = _sigmoid((np.arange(CHIP_PX) / (CHIP_PX - 1) - place) / softness)
        share = np.repeat(rows[:, None], CHIP_PX, axis=1)
    elif kind == 1:  # one through the other
        share = np.full((CHIP_PX, CHIP_PX), rng.uniform(0.35, 0.65))
    else:  # patches, mostly the same left and right
        coarse = rng.normal(0, 1, (int(rng.integers(2, 6)),) * 2).astype(np.float32)
        resized = PillowImage.fromarray(coarse).resize(
            (CHIP_PX, CHIP_PX), PillowImage.Resampling.BICUBIC
        )
        fine = np.asarray(resized, np.float64)
        share = _sigmoid(4 * (fine - np.median(fine)))
        if rng.random() < 0.7:
            share = (share + share[:, ::-1]) / 2
    return share if rng.random() < 0.5 else 1 - share


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))
