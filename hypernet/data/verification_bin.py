"""InsightFace's verification sets: lfw.bin, cfp_fp.bin, agedb_30.bin, ...

A `.bin` file is a pickle of (photographs, same): a list of 2M encoded images of 112 x 112 pixels
and a list of M truth values; photographs 2i and 2i + 1 are pair i. It names nobody. Source:
https://github.com/deepinsight/insightface, recognition/arcface_torch/eval/verification.py.

A photograph that occurs in several pairs is kept once. Two photographs are given one person where
the pairs say so, directly or through others; what they do not say stays unknown, so different names
need not be different people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from codegen.errors import HvError
from hypernet.data.base import digest_of, stamp_of
from hypernet.data.pairs import NamedPair
from hypernet.data.plain_pickle import PickleFault, load_plain
from hypernet.data.table import Photo

_FOLDS = 10
"""The sets are evaluated in ten parts of equal length, in the file's order."""

NO_FOLD = 0
"""These photographs belong to no share of a training."""


@dataclass(frozen=True, kw_only=True)
class VerificationSet:
    """A `.bin` file.

    Attributes:
        where: the file.
        photos: the different photographs, in the order in which they occur first.
        fingerprint: of the photographs.
        pairs: all pairs, in the file's order, in ten folds.
        places: for every photograph its first place in the file's list.
    """

    where: Path
    photos: Sequence[Photo]
    fingerprint: str
    pairs: Sequence[NamedPair]
    places: Sequence[int]

    def read(self, row: int) -> bytes:
        """One photograph; the file is read whole, once in every process."""
        return _content(self.where)[0][self.places[row]]


def looks_like_bin(path: Path) -> bool:
    """A file called `*.bin`."""
    return path.is_file() and path.suffix.lower() == ".bin"


def open_bin(path: Path, folds: int) -> VerificationSet:
    """Reads a `.bin` file; `folds` is not used: nobody trains on it.

    Nothing that the file says is executed.

    Raises:
        HvError: not such a file, a hostile or damaged one, an empty one, numbers of photographs
            and of truth values that do not fit, or two pairs that contradict one another.
    """
    del folds
    images, same = _content(path)
    digests = [hashlib.blake2b(image, digest_size=16).digest() for image in images]
    places: dict[bytes, int] = {}
    for place, digest in enumerate(digests):
        places.setdefault(digest, place)
    rows = {digest: row for row, digest in enumerate(places)}
    ends = [
        (rows[digests[2 * pair]], rows[digests[2 * pair + 1]], is_same)
        for pair, is_same in enumerate(same)
    ]
    _refuse_contradictions(ends, path)
    people = _people(ends, len(rows))
    files = [f"{path.stem}/{place:06d}" for place in places.values()]
    fold = np.repeat(range(1, _FOLDS + 1), [len(part) for part in np.array_split(same, _FOLDS)])
    return VerificationSet(
        where=path,
        photos=[
            Photo(file=file, person=f"{path.stem}/{person:06d}", fold=NO_FOLD)
            for file, person in zip(files, people, strict=True)
        ],
        fingerprint=digest_of(("verification set", path.stem, *(key.hex() for key in places))),
        pairs=[
            NamedPair(first=files[first], second=files[second], same=is_same, fold=int(number))
            for (first, second, is_same), number in zip(ends, fold, strict=True)
        ],
        places=list(places.values()),
    )


def _content(path: Path) -> tuple[list[bytes], list[bool]]:
    try:
        return _read(path, stamp_of(path))
    except OSError as error:
        raise HvError("the verification set cannot be read", where=f"{path}: {error}") from error


@lru_cache(maxsize=2)
def _read(path: Path, _: str) -> tuple[list[bytes], list[bool]]:
    """Reads one state of a file; another state is another entry of the cache."""
    try:
        content = load_plain(path.read_bytes())
    except PickleFault as error:
        raise HvError(
            f"not a verification set, or a damaged one: {error}",
            where=str(path),
            hint="InsightFace's .bin files hold encoded photographs and truth values, nothing else",
        ) from error
    if not isinstance(content, tuple | list) or len(content) != 2:
        raise _unlike(path, "it does not hold two lists")
    images, same = [], _items(content[1])
    for place, item in enumerate(_items(content[0])):
        image = _encoded(item)
        if image is None:
            raise _unlike(path, f"photograph {place} is no encoded photograph but {type(item)}")
        images.append(image)
    if not all(_is_truth(value) for value in same):
        raise _unlike(path, "the second list holds something else than truth values")
    if len(images) != 2 * len(same):
        raise _unlike(path, f"{len(images)} photographs do not make {len(same)} pairs")
    if not same:
        raise _unlike(path, "it holds no pair")
    return images, [bool(value) for value in same]


def _items(part: object) -> list[Any]:
    """A list, which may have been written as a tuple or an array; else something that is none."""
    if isinstance(part, np.ndarray) and part.ndim:
        return list(part)
    return list(part) if isinstance(part, tuple | list) else [None]


def _encoded(image: object) -> bytes | None:
    """The bytes of one photograph; they may have been written as an array."""
    if isinstance(image, np.ndarray) and image.ndim == 1 and image.dtype == np.uint8:
        return image.tobytes()
    return bytes(image) if isinstance(image, bytes | bytearray) else None


def _is_truth(value: object) -> bool:
    return isinstance(value, bool | int | np.bool_ | np.uint8) and value in (0, 1)


def _unlike(path: Path, why: str) -> HvError:
    return HvError(
        f"not a verification set: {why}",
        where=str(path),
        hint="2 M photographs and M truth values are needed",
    )


def _refuse_contradictions(ends: Sequence[tuple[int, int, bool]], path: Path) -> None:
    said: dict[tuple[int, int], tuple[int, bool]] = {}
    for pair, (first, second, same) in enumerate(ends):
        if first == second and not same:
            raise HvError(
                f"pair {pair} shows one photograph twice and calls it two people",
                where=str(path),
            )
        key = (min(first, second), max(first, second))
        earlier, was_same = said.setdefault(key, (pair, same))
        if was_same is not same:
            raise HvError(
                f"pairs {earlier} and {pair} show the same two photographs and contradict one "
                "another",
                where=str(path),
            )


def _people(ends: Sequence[tuple[int, int, bool]], count: int) -> list[int]:
    """Numbers for the photographs that pairs of one person hold together (union and find)."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for first, second, same in ends:
        if same:
            one, other = sorted((root(first), root(second)))
            parent[other] = one
    return [root(row) for row in range(count)]
