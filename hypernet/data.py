"""Photographs with names and folds (LFW's layout) turned into one table of aligned faces.

A data folder holds `index.csv` (columns file, identity, view2_fold) and the files it names, and
may hold `pairs.txt`, the official View 2 pairs. Finding, aligning and describing 11,450 faces
takes about 25 minutes on two cores, so the table is cached, one file per data folder.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import platformdirs
from numpy.typing import NDArray

from codegen.errors import HvError
from hypernet.backbone import CROP_PX, Embedding, Face, FaceEncoder, Image, shrink_chips
from hypernet.dlib_encoder import DlibEncoder
from hypernet.images import load_image

NOT_FOUND, FOUND, FOUND_WEAKLY = 0, 1, 2
"""How a photograph's face was found; weakly: only with the detector's limit lowered."""

_FORMAT = 1

Progress = Callable[[int, int], None]
"""Called with (photographs done, photographs in all)."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """One line of `index.csv`."""

    file: str
    person: str
    fold: int


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceTable:
    """N photographs, one face each, in the order of `index.csv`.

    Attributes:
        files: str [N], as in `index.csv`.
        people: str [N], the identities.
        folds: int32 [N].
        chips: uint8 [N, 128, 128, 3] RGB; zero where no face was found.
        embeddings: float32 [N, D]; zero where no face was found.
        found: int8 [N], one of NOT_FOUND, FOUND, FOUND_WEAKLY.
    """

    files: NDArray[np.str_]
    people: NDArray[np.str_]
    folds: NDArray[np.int32]
    chips: NDArray[np.uint8]
    embeddings: NDArray[np.float32]
    found: NDArray[np.int8]

    @cached_property
    def crops(self) -> NDArray[np.uint8]:
        """What f sees: uint8 [N, 64, 64, 3], made from the chips on first use."""
        return shrink_chips(self.chips)

    def select(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> FaceTable:
        """Returns the chosen rows as a table of their own."""
        return FaceTable(
            files=self.files[rows],
            people=self.people[rows],
            folds=self.folds[rows],
            chips=self.chips[rows],
            embeddings=self.embeddings[rows],
            found=self.found[rows],
        )

    def person_numbers(self) -> NDArray[np.intp]:
        """Numbers the people 0, 1, ... in alphabetical order: int [N]."""
        return np.unique(self.people, return_inverse=True)[1].astype(np.intp)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """M pairs of photographs as rows of a FaceTable.

    Attributes:
        first: int [M], the row that enrols.
        second: int [M], the row that is streamed.
        same: bool [M], both show one person.
        folds: int32 [M].
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    same: NDArray[np.bool_]
    folds: NDArray[np.int32]

    def select(self, rows: NDArray[np.bool_]) -> Pairs:
        """Returns the chosen pairs."""
        return Pairs(
            first=self.first[rows],
            second=self.second[rows],
            same=self.same[rows],
            folds=self.folds[rows],
        )


def read_index(folder: Path) -> list[Photo]:
    """Reads `index.csv`.

    Raises:
        HvError: it is missing, or lacks a column, or a fold is not a number.
    """
    path = folder / "index.csv"
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return [
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


def read_pairs(folder: Path, table: FaceTable, *, folds: Collection[int] | None = None) -> Pairs:
    """Reads `pairs.txt` (View 2's format: a header `folds per_class`, then blocks of lines).

    Args:
        folder: the data folder.
        table: its photographs.
        folds: only these; None takes all.

    Raises:
        HvError: the file is missing, or names a photograph that the table does not hold.
    """
    rows = {file: row for row, file in enumerate(table.files.tolist())}
    lines = _pair_lines(folder, folds)
    try:
        first = np.array([rows[line.first] for line in lines])
        second = np.array([rows[line.second] for line in lines])
    except KeyError as error:
        raise HvError(f"no such photograph: {error.args[0]}", where=str(folder)) from error
    return Pairs(
        first=first,
        second=second,
        same=np.array([line.same for line in lines], np.bool_),
        folds=np.array([line.fold for line in lines], np.int32),
    )


def pair_files(folder: Path, folds: Collection[int]) -> set[str]:
    """The photographs that the pairs of some folds name."""
    lines = _pair_lines(folder, folds)
    return {line.first for line in lines} | {line.second for line in lines}


@dataclass(frozen=True, kw_only=True)
class _PairLine:
    first: str
    second: str
    same: bool
    fold: int


def _pair_lines(folder: Path, folds: Collection[int] | None) -> list[_PairLine]:
    path = folder / "pairs.txt"
    if not path.is_file():
        raise HvError("the data folder has no pairs.txt", where=str(folder))
    header, *lines = [line.split() for line in path.read_text("utf-8").splitlines() if line]
    try:
        block = 2 * int(header[1])
        parsed = [_parse_pair(words, 1 + row // block, path) for row, words in enumerate(lines)]
    except (IndexError, ValueError) as error:
        raise HvError(f"pairs.txt cannot be read: {error}", where=str(path)) from error
    kept = [line for line in parsed if folds is None or line.fold in folds]
    if not kept:
        raise HvError(f"no pair belongs to fold {folds}", where=str(path))
    return kept


def _parse_pair(words: Sequence[str], fold: int, path: Path) -> _PairLine:
    if len(words) not in (3, 4):
        raise HvError(f"not a pair: {' '.join(words)}", where=str(path))
    same = len(words) == 3
    other = words[0] if same else words[2]
    return _PairLine(
        first=_file(words[0], words[1]), second=_file(other, words[-1]), same=same, fold=fold
    )


def _file(person: str, number: str) -> str:
    return f"{person}/{person}_{int(number):04d}.jpg"


def load_faces(
    folder: Path,
    *,
    only: Collection[str] | None = None,
    encoder: Callable[[], FaceEncoder] = DlibEncoder,
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> FaceTable:
    """Finds, aligns and describes the face of every photograph, or reads the cached table.

    Args:
        folder: data folder with `index.csv`.
        only: files to take; None takes all.
        encoder: makes the face encoder, once in every process.
        cache: the table's file; by default one per `index.csv` in the user's cache folder.
        workers: processes; one keeps everything in this process.
        progress: told after every photograph.

    Returns:
        The table, in the order of `index.csv`; the same for any number of workers.

    Raises:
        HvError: the folder or a photograph cannot be read.
    """
    photos = read_index(folder)
    path = cache or default_cache(folder)
    if path.is_file():
        table = read_table(path, files=[photo.file for photo in photos])
        return table if only is None else table.select(np.isin(table.files, sorted(only)))
    if only is not None:
        photos = [photo for photo in photos if photo.file in only]
        path = _partial_cache(path, photos)
        if path.is_file():
            return read_table(path, files=[photo.file for photo in photos])
    table = _extract(folder, photos, encoder, workers=workers, progress=progress)
    write_table(table, path)
    return table


def default_cache(folder: Path) -> Path:
    """Where the table of a data folder is kept: named by what `index.csv` says."""
    digest = hashlib.sha256((folder / "index.csv").read_bytes()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("hvcodegen")) / f"faces-{digest}.npz"


def _partial_cache(path: Path, photos: Sequence[Photo]) -> Path:
    digest = hashlib.sha256("\n".join(photo.file for photo in photos).encode()).hexdigest()[:16]
    return path.with_name(f"{path.stem}-{digest}.npz")


def write_table(table: FaceTable, path: Path) -> None:
    """Writes a table whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as stream:
            np.savez(
                stream,
                format=np.int32(_FORMAT),
                files=table.files,
                people=table.people,
                folds=table.folds,
                chips=table.chips,
                embeddings=table.embeddings,
                found=table.found,
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_table(path: Path, *, files: Sequence[str]) -> FaceTable:
    """Reads a cached table.

    Args:
        path: what `write_table` wrote.
        files: the photographs it must hold, in this order.

    Raises:
        HvError: damaged, of another format, or of other photographs.
    """
    hint = f"delete {path} and run again"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in arrays.files}
        table = FaceTable(**{key: columns[key] for key in FaceTable.__dataclass_fields__})
        known = int(columns["format"]) == _FORMAT
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise HvError(
            "the cached faces cannot be read", where=f"{path}: {error}", hint=hint
        ) from error
    if not known or table.files.tolist() != list(files):
        raise HvError("the cached faces are of other photographs", where=str(path), hint=hint)
    return table


@dataclass(frozen=True, kw_only=True, eq=False)
class _Row:
    chip: Image
    embedding: Embedding
    found: int


def _extract(
    folder: Path,
    photos: Sequence[Photo],
    encoder: Callable[[], FaceEncoder],
    *,
    workers: int,
    progress: Progress | None,
) -> FaceTable:
    rows = []
    for row in _rows([folder / photo.file for photo in photos], encoder, workers=workers):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(photos))
    return FaceTable(
        files=np.array([photo.file for photo in photos]),
        people=np.array([photo.person for photo in photos]),
        folds=np.array([photo.fold for photo in photos], np.int32),
        chips=np.stack([row.chip for row in rows]),
        embeddings=np.stack([row.embedding for row in rows]),
        found=np.array([row.found for row in rows], np.int8),
    )


def _rows(
    paths: Sequence[Path], encoder: Callable[[], FaceEncoder], *, workers: int
) -> Iterator[_Row]:
    if workers == 1:
        here = encoder()
        for path in paths:
            yield describe_photo(here, load_image(path))
        return
    with ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(encoder,)) as pool:
        yield from pool.map(_work, paths, chunksize=16)


_worker_encoder: list[FaceEncoder] = []
"""The encoder of this worker process: loaded once, because it cannot be pickled."""


def _start_worker(encoder: Callable[[], FaceEncoder]) -> None:
    _worker_encoder.append(encoder())


def _work(path: Path) -> _Row:
    return describe_photo(_worker_encoder[0], load_image(path))


def describe_photo(encoder: FaceEncoder, image: Image) -> _Row:
    """Takes the most central face: LFW centres the person a photograph is named after."""
    height, width = image.shape[:2]

    def distance(face: Face) -> float:
        column, row = face.box.centre
        return float(abs(column - width / 2) + abs(row - height / 2))

    for weak, kind in ((False, FOUND), (True, FOUND_WEAKLY)):
        faces = encoder.faces(image, weak=weak)
        if faces:
            face = min(faces, key=distance)
            return _Row(chip=face.chip, embedding=encoder.embed(face), found=kind)
    nothing = np.zeros((2 * CROP_PX, 2 * CROP_PX, 3), np.uint8)
    return _Row(chip=nothing, embedding=np.zeros(encoder.dimensions, np.float32), found=NOT_FOUND)
