"""The cached table: a folder that is filled row by row and can be taken up again.

    faces-KEY/           whole
    faces-KEY.partial/   being filled: `done` rows of it are good
        table.json       format, encoder, count, done, digest of the photographs' names
        chips.npy  embeddings.npy  found.npy

Names, people and folds are the collection's own and are not kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from codegen.errors import HvError
from hypernet.backbone import CHIP_PX
from hypernet.data.base import digest_of
from hypernet.data.faces import FaceRow
from hypernet.data.table import FaceTable, Photo

_FORMAT = 2
_LOCK = "lock"
_DATA = TypeVar("_DATA", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class _Label:
    format: int
    encoder: str
    count: int
    done: int
    names: str


def read_cache(path: Path, photos: Sequence[Photo]) -> FaceTable | None:
    """Reads a cached table.

    Args:
        path: the cache, without suffix.
        photos: what it must hold, in this order.

    Returns:
        The table, or None where there is none. Its chips are mapped from disk; what is written to
        them is not kept.

    Raises:
        HvError: it is damaged, of another format, or of other photographs.
    """
    return _read_whole(path, photos) if path.is_dir() else None


def _read_whole(path: Path, photos: Sequence[Photo]) -> FaceTable:
    try:
        label = _read_label(path)
        chips = np.load(path / "chips.npy", mmap_mode="c", allow_pickle=False)
        embeddings = np.load(path / "embeddings.npy", allow_pickle=False)
        found = np.load(path / "found.npy", allow_pickle=False)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise _damaged(path, error) from error
    if label != replace(_label(photos, label.encoder), done=len(photos)):
        raise _of_others(path)
    if not len(chips) == len(embeddings) == len(found) == len(photos):
        raise _damaged(path, "a column is too short")
    return _table(photos, chips, embeddings, found)


def _table(
    photos: Sequence[Photo],
    chips: NDArray[np.uint8],
    embeddings: NDArray[np.float32],
    found: NDArray[np.int8],
) -> FaceTable:
    return FaceTable(
        files=np.array([photo.file for photo in photos]),
        people=np.array([photo.person for photo in photos]),
        folds=np.array([photo.fold for photo in photos], np.int32),
        chips=chips,
        embeddings=embeddings,
        found=found,
    )


class Draft:
    """A table that is being filled, in order, on disk.

    Attributes:
        done: rows that are filled.
    """

    def __init__(self, folder: Path, label: _Label, dimensions: int) -> None:
        """Takes up the draft in the folder, or begins one."""
        self._folder = folder
        mode = "r+" if label.done else "w+"
        count = label.count
        self._chips = self._column("chips", mode, np.dtype(np.uint8), (count, CHIP_PX, CHIP_PX, 3))
        self._embeddings = self._column(
            "embeddings", mode, np.dtype(np.float32), (count, dimensions)
        )
        self._found = self._column("found", mode, np.dtype(np.int8), (count,))
        self._label = label
        self.done = label.done

    def add(self, row: FaceRow) -> None:
        """Fills the next row."""
        self._chips[self.done] = row.chip
        self._embeddings[self.done] = row.embedding
        self._found[self.done] = row.found
        self.done += 1

    def save(self) -> None:
        """Makes the rows so far outlive this process, and the machine's next stop."""
        for column in (self._chips, self._embeddings, self._found):
            column.flush()
        self._label = replace(self._label, done=self.done)
        _write_label(self._folder, self._label)

    def finish(self, path: Path) -> None:
        """Saves and gives the folder its final name."""
        self.save()
        (self._folder / _LOCK).unlink()
        self._folder.replace(path)

    def _column(
        self, name: str, mode: str, dtype: np.dtype[_DATA], shape: tuple[int, ...]
    ) -> np.memmap[Any, np.dtype[_DATA]]:
        path = self._folder / f"{name}.npy"
        if mode == "r+":
            column: np.memmap[Any, np.dtype[_DATA]] = open_memmap(path, mode="r+")
            if column.shape != shape or column.dtype != dtype:
                raise ValueError(f"{name}.npy has another shape")
            return column
        return open_memmap(path, mode="w+", dtype=dtype, shape=shape)


@contextmanager
def draft(path: Path, photos: Sequence[Photo], *, encoder: str, dimensions: int) -> Iterator[Draft]:
    """Opens the draft of a table: an interrupted one, else a new one. Saves it on every way out.

    Args:
        path: the cache, without suffix.
        photos: rows to be filled.
        encoder: name of the face encoder; rows of another one are thrown away.
        dimensions: length of its embeddings.

    Raises:
        HvError: another process is filling it.
    """
    folder = path.with_name(f"{path.name}.partial")
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if path.is_dir():
            raise HvError("another process has just found these faces", hint="run again")
        made = _take_up(folder, _label(photos, encoder), dimensions)
        try:
            yield made
        finally:
            if folder.is_dir():  # it is not once the table is whole
                made.save()


def _take_up(folder: Path, fresh: _Label, dimensions: int) -> Draft:
    with suppress(OSError, ValueError, TypeError):
        label = _read_label(folder)
        if replace(label, done=0) == fresh and label.done <= label.count:
            return Draft(folder, label, dimensions)
    for old in folder.glob("*.*"):
        old.unlink()
    return Draft(folder, fresh, dimensions)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; the system frees it however this process ends."""
    import fcntl

    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HvError(
                "another process is finding these faces",
                where=str(folder),
                hint="wait for it; its result will be used",
            ) from error
        yield


def _label(photos: Sequence[Photo], encoder: str) -> _Label:
    return _Label(
        format=_FORMAT,
        encoder=encoder,
        count=len(photos),
        done=0,
        names=digest_of(photo.file for photo in photos),
    )


def _read_label(folder: Path) -> _Label:
    return _Label(**json.loads((folder / "table.json").read_text("utf-8")))


def _write_label(folder: Path, label: _Label) -> None:
    partial = folder / "table.json.partial"
    with partial.open("w", encoding="utf-8") as stream:
        json.dump(asdict(label), stream)
        stream.flush()
        os.fsync(stream.fileno())  # else a power cut may leave the new name on an empty file
    partial.replace(folder / "table.json")


def _damaged(path: Path, why: object) -> HvError:
    return HvError(
        "the cached faces cannot be read",
        where=f"{path}: {why}",
        hint=f"delete {path} and run again",
    )


def _of_others(path: Path) -> HvError:
    return HvError(
        "the cached faces are of other photographs",
        where=str(path),
        hint=f"delete {path} and run again",
    )
