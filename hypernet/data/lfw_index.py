"""LFW's layout with an index: a folder of photographs and `index.csv`.

`index.csv` has the columns file, identity, view2_fold (and others, which are not read).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from hypernet.data.table import Photo
from hypernet.images import read_photo

_INDEX = "index.csv"


@dataclass(frozen=True, kw_only=True)
class LfwIndex:
    """A folder with `index.csv`; folds are those of the index."""

    where: Path
    photos: Sequence[Photo]
    fingerprint: str

    def read(self, row: int) -> bytes:
        """The photograph's file."""
        return read_photo(self.where / self.photos[row].file)


def looks_like_index(path: Path) -> bool:
    """There is an `index.csv`."""
    return (path / _INDEX).is_file()


def open_index(path: Path, folds: int) -> LfwIndex:
    """Opens a folder with `index.csv`; `folds` is not used, because the index names them."""
    del folds
    photos = read_index(path)
    if not photos:
        raise HvError("index.csv names no photograph", where=str(path / _INDEX))
    fingerprint = hashlib.sha256((path / _INDEX).read_bytes()).hexdigest()[:16]
    return LfwIndex(where=path, photos=photos, fingerprint=fingerprint)


def read_index(folder: Path) -> list[Photo]:
    """Reads `index.csv`.

    Raises:
        HvError: it is missing, or lacks a column, or a fold is not a number, or a file is named
            twice.
    """
    path = folder / _INDEX
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            photos = [
                Photo(file=row["file"], person=row["identity"], fold=int(row["view2_fold"]))
                for row in csv.DictReader(lines)
            ]
    except FileNotFoundError as error:
        raise HvError(
            "the data folder has no index.csv",
            where=str(folder),
            hint="unpack the photographs there first: a folder with index.csv and the files in it",
        ) from error
    except (KeyError, ValueError, TypeError) as error:
        raise HvError(
            f"index.csv cannot be read: {error}",
            where=str(path),
            hint="columns needed: file, identity, view2_fold (a whole number)",
        ) from error
    seen: set[str] = set()
    for photo in photos:
        if photo.file in seen:
            raise HvError(f"index.csv names a photograph twice: {photo.file}", where=str(path))
        seen.add(photo.file)
    return photos
