"""One table of aligned faces, whatever the photographs came from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from hypernet.crops import Shape, crop_chips

NOT_FOUND, FOUND, FOUND_WEAKLY, FOUND_BY_TEMPLATE = 0, 1, 2, 3
"""How a photograph's face was found. Weakly: only with the detector's limit lowered. By template:
the detector saw nothing in a crop that others had aligned, so their alignment was taken."""

IN_MEMORY_BYTES = 2 << 30
"""Larger arrays of pixels are kept in an unnamed file instead: 40,000 chips."""

_CHUNK = 1024
"""Chips copied or shrunk at a time: 50 MB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """One photograph of a collection.

    Attributes:
        file: its name within the collection; unique.
        person: whom it shows.
        fold: the share of the people that this person belongs to, from 1 on; 0 is no share.
    """

    file: str
    person: str
    fold: int


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceTable:
    """N photographs, one face each, in the order of their collection.

    Attributes:
        files: str [N], names within the collection.
        people: str [N], the identities.
        folds: int32 [N].
        chips: uint8 [N, 128, 128, 3] RGB; zero where no face was found. May be mapped from disk.
        embeddings: float32 [N, D]; zero where no face was found.
        found: int8 [N], one of NOT_FOUND, FOUND, FOUND_WEAKLY, FOUND_BY_TEMPLATE.
    """

    files: NDArray[np.str_]
    people: NDArray[np.str_]
    folds: NDArray[np.int32]
    chips: NDArray[np.uint8]
    embeddings: NDArray[np.float32]
    found: NDArray[np.int8]

    _crops: dict[Shape, NDArray[np.uint8]] = field(default_factory=dict, init=False, repr=False)

    def crops(self, shape: Shape) -> NDArray[np.uint8]:
        """What an architecture whose image is (H, W, C) sees: uint8 [N, H, W, C].

        Made from the chips when it is first asked for.
        """
        if shape not in self._crops:
            room = room_for((len(self.chips), *shape))
            self._crops[shape] = crop_chips(self.chips, shape, room)
        return self._crops[shape]

    def select(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> FaceTable:
        """Returns the chosen rows as a table of their own; their chips are copied."""
        numbers = np.arange(len(self.files))[rows]
        chips = room_for((len(numbers), *self.chips.shape[1:]))
        for part in _chunks(len(numbers)):
            chips[part] = self.chips[numbers[part]]
        return FaceTable(
            files=self.files[rows],
            people=self.people[rows],
            folds=self.folds[rows],
            chips=chips,
            embeddings=self.embeddings[rows],
            found=self.found[rows],
        )

    def joined(self, other: FaceTable) -> FaceTable:
        """These rows and then another table's; the chips of both are copied."""
        chips = room_for((len(self.files) + len(other.files), *self.chips.shape[1:]))
        for start, part in ((0, self), (len(self.files), other)):
            room = chips[start : start + len(part.files)]
            for rows in _chunks(len(part.files)):
                room[rows] = part.chips[rows]
        return FaceTable(
            files=np.concatenate([self.files, other.files]),
            people=np.concatenate([self.people, other.people]),
            folds=np.concatenate([self.folds, other.folds]),
            chips=chips,
            embeddings=np.concatenate([self.embeddings, other.embeddings]),
            found=np.concatenate([self.found, other.found]),
        )

    def person_numbers(self) -> NDArray[np.intp]:
        """Numbers the people 0, 1, ... in alphabetical order: int [N]."""
        return np.unique(self.people, return_inverse=True)[1].astype(np.intp)


def found_summary(table: FaceTable) -> str:
    """One line for people: how the faces of a table were found."""
    words = {
        FOUND: "found",
        FOUND_WEAKLY: "found weakly",
        FOUND_BY_TEMPLATE: "placed by the crop's own alignment",
        NOT_FOUND: "not found",
    }
    counts = {kind: int(np.count_nonzero(table.found == kind)) for kind in words}
    told = [f"{count:,} {words[kind]}" for kind, count in counts.items() if count]
    return f"{len(table.found):,} faces: {', '.join(told)}"


def room_for(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An array of bytes to be filled; above `IN_MEMORY_BYTES` it lies in an unnamed file.

    The file is in the user's cache folder, because /tmp is often memory too, and it vanishes with
    the array.
    """
    if int(np.prod(shape, dtype=np.int64)) <= IN_MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as stream:
        mapped: np.memmap[Any, np.dtype[np.uint8]] = np.memmap(stream, np.uint8, "w+", shape=shape)
    return mapped


def cache_folder() -> Path:
    """Where tables are kept for this user."""
    return Path(platformdirs.user_cache_dir("hvcodegen"))


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, count, _CHUNK))
