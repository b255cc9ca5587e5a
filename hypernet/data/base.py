"""What every collection of photographs offers, and what they share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codegen.errors import HvError
from hypernet.backbone import Image
from hypernet.data.table import Photo
from hypernet.images import decode_image

DEFAULT_FOLDS = 9
"""Shares that people are dealt into where a collection names none: plans learn from 1 to 8."""

PHOTOGRAPHS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".pgm", ".ppm"})
"""Suffixes, in lower case, of what is taken for a photograph."""


class Source(Protocol):
    """A collection of labelled photographs. Cheap to hold: nothing is decoded before it is asked.

    A source can be sent to another process.
    """

    @property
    def where(self) -> Path:
        """The file or folder, for messages."""
        ...

    @property
    def photos(self) -> Sequence[Photo]:
        """All photographs, in the collection's order."""
        ...

    @property
    def fingerprint(self) -> str:
        """Names the collection's content, not its place: a key of the cache."""
        ...

    def read(self, row: int) -> bytes:
        """The encoded photograph (JPEG, PNG, ...) of row `row`.

        Raises:
            HvError: it cannot be read.
        """
        ...


def image_of(source: Source, row: int) -> Image:
    """Decodes one photograph: uint8 [H, W, 3] RGB.

    Raises:
        HvError: it cannot be read or decoded; names the collection and the photograph.
    """
    return decode_image(source.read(row), where=f"{source.where}: {source.photos[row].file}")


def each(source: Source) -> Iterator[tuple[str, str, Image]]:
    """Every photograph as (name, person, uint8 [H, W, 3] RGB), decoded one at a time."""
    for row, photo in enumerate(source.photos):
        yield photo.file, photo.person, image_of(source, row)


def fold_of(person: str, folds: int) -> int:
    """The fold, 1 to `folds`, of a person: by a hash of the name, so it never changes."""
    digest = hashlib.blake2b(person.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % folds


def digest_of(parts: Iterable[object]) -> str:
    """A short name for what the parts say: 16 hexadecimal digits."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


def stamp_of(path: Path) -> str:
    """Tells one state of a file from another without reading it."""
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some photographs of a source, made by `part_of`."""

    whole: Source
    rows: Sequence[int]
    photos: Sequence[Photo]
    fingerprint: str

    @property
    def where(self) -> Path:
        """Where the whole lies."""
        return self.whole.where

    def read(self, row: int) -> bytes:
        """The encoded photograph of this part's row `row`."""
        return self.whole.read(self.rows[row])


def part_of(source: Source, rows: Sequence[int]) -> Part:
    """The chosen rows of a source as a source.

    Raises:
        HvError: no row.
    """
    photos = [source.photos[row] for row in rows]
    if not photos:
        raise HvError("none of the wanted photographs is there", where=str(source.where))
    fingerprint = digest_of((source.fingerprint, *(photo.file for photo in photos)))
    return Part(whole=source, rows=rows, photos=photos, fingerprint=fingerprint)
