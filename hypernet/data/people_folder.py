"""A folder of people: `root/<person>/<any photograph>`, nothing else needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from hypernet.data.base import PHOTOGRAPHS, digest_of, fold_of, stamp_of
from hypernet.data.table import Photo
from hypernet.images import read_photo


@dataclass(frozen=True, kw_only=True)
class PeopleFolder:
    """A folder with one sub-folder per person; other files in it are not read."""

    where: Path
    photos: Sequence[Photo]
    fingerprint: str

    def read(self, row: int) -> bytes:
        """The photograph's file."""
        return read_photo(self.where / self.photos[row].file)


def looks_like_people(path: Path) -> bool:
    """A folder with folders in it."""
    return path.is_dir() and bool(_people(path))


def open_people(path: Path, folds: int) -> PeopleFolder:
    """Opens a folder of people.

    Args:
        path: the root.
        folds: shares that the people are dealt into, by a hash of their names.

    Raises:
        HvError: no people, or people without a photograph; all of those are named.
    """
    people = _people(path)
    if not people:
        raise HvError(
            "the folder holds no people",
            where=str(path),
            hint="one sub-folder for each person, named after the person, with photographs in it",
        )
    files = {person: _photographs(person) for person in people}
    empty = [person.name for person, own in files.items() if not own]
    if empty:
        raise HvError(
            f"{len(empty)} people have no photograph: {', '.join(empty[:5])}"
            + (", ..." if len(empty) > 5 else ""),
            where=str(path),
            hint=f"add one or remove the folder; read are {', '.join(sorted(PHOTOGRAPHS))}",
        )
    photos = [
        Photo(
            file=f"{person.name}/{file.name}",
            person=person.name,
            fold=fold_of(person.name, folds),
        )
        for person, own in files.items()
        for file in own
    ]
    stamps = (f"{file.parent.name}/{stamp_of(file)}" for own in files.values() for file in own)
    return PeopleFolder(
        where=path, photos=photos, fingerprint=digest_of(("people folder", *stamps))
    )


def _people(path: Path) -> list[Path]:
    return sorted(
        entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def _photographs(person: Path) -> list[Path]:
    return sorted(
        entry
        for entry in person.iterdir()
        if entry.suffix.lower() in PHOTOGRAPHS
        and not entry.name.startswith(".")
        and entry.is_file()
    )
