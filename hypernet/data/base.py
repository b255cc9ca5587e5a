"""What every collection of photographs offers, and what they share."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
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


def refuse_mislabelled(source: Source) -> None:
    """Reads every photograph once and refuses a collection that shows one under two people.

    Raises:
        HvError: the same bytes belong to different people; names the first such photograph.
    """
    by_content = sorted(
        (hashlib.blake2b(source.read(row), digest_size=16).digest(), photo.person, photo.file)
        for row, photo in enumerate(source.photos)
    )
    clashes = [
        (first, second)
        for first, second in pairwise(by_content)
        if first[0] == second[0] and first[1] != second[1]
    ]
    if clashes:
        (_, person, file), (_, other, copy) = min(clashes, key=operator.itemgetter(0))
        raise HvError(
            f"{len(clashes)} photographs are filed under two people: {file} of {person} is, byte "
            f"for byte, {copy} of {other}",
            where=str(source.where),
            hint="at least one of the two names is wrong: remove the wrong copy, or both",
        )
