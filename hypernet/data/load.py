"""Finds, aligns and describes the faces of a collection, or reads what was found before.

It takes about 0.1 s a photograph: 25 minutes for LFW, days for a million. So the rows are kept as
they come, and an interrupted search goes on where it stopped.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data.base import DEFAULT_FOLDS, Source, digest_of, image_of, part_of
from hypernet.data.cache import Draft, draft, read_cache
from hypernet.data.doubtful import refuse_mislabelled
from hypernet.data.faces import FaceRow, describe_photo
from hypernet.data.sources import open_source
from hypernet.data.table import FaceTable, cache_folder
from hypernet.dlib_encoder import DlibEncoder

Progress = Callable[[int, int], None]
"""Called with (photographs done, photographs in all)."""

_SAVE_EVERY = 256
"""Rows between two saves, so at most what is lost when the machine stops."""


def load_faces(
    collection: str | Path | Source,
    *,
    only: Collection[str] | None = None,
    encoder: Callable[[], FaceEncoder] = DlibEncoder,
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    folds: int = DEFAULT_FOLDS,
) -> FaceTable:
    """Finds, aligns and describes the face of every photograph, or reads the cached table.

    Args:
        collection: a source, or what `open_source` takes.
        only: files to take; None takes all.
        encoder: makes the face encoder, once in every process.
        cache: where the table is kept, without suffix; by default in the user's cache folder.
        workers: processes; one keeps everything in this process.
        progress: told after every photograph.
        folds: shares of the people, where the collection names none.

    Returns:
        The table, in the collection's order; the same for any number of workers and interruptions.

    Raises:
        HvError: the collection or a photograph cannot be read, or one is filed under two people.
            What was found until then is kept.
    """
    source: Source = (
        open_source(collection, folds=folds) if isinstance(collection, str | Path) else collection
    )
    path = (cache or default_cache(source)).with_suffix("")
    table = read_cache(path, source.photos)
    if table is not None and only is not None:
        return table.select(_rows_named(source, only))
    if table is None and only is not None:
        source = part_of(source, _rows_named(source, only).tolist())
        path = path.with_name(f"{path.name}-{digest_of(photo.file for photo in source.photos)}")
        table = read_cache(path, source.photos)
    if table is not None:
        return table
    return _find(source, path, encoder, workers=workers, progress=progress)


def default_cache(source: Source) -> Path:
    """Where the table of a collection is kept, without suffix: named by the content."""
    return cache_folder() / f"faces-{source.fingerprint}"


def _rows_named(source: Source, only: Collection[str]) -> NDArray[np.intp]:
    wanted = frozenset(only)
    return np.array([i for i, photo in enumerate(source.photos) if photo.file in wanted], np.intp)


def _find(
    source: Source,
    path: Path,
    make_encoder: Callable[[], FaceEncoder],
    *,
    workers: int,
    progress: Progress | None,
) -> FaceTable:
    refuse_mislabelled(source)
    encoder = make_encoder()
    total = len(source.photos)
    opened = draft(path, source.photos, encoder=encoder.name, dimensions=encoder.dimensions)
    with opened as made:
        if workers == 1:
            rows = _rows_here(source, encoder, made.done)
        else:
            rows = _rows_there(source, make_encoder, made.done, workers)
        with closing(rows):
            _fill(made, rows, total, progress)
        made.finish(path)
    table = read_cache(path, source.photos)
    assert table is not None, "it has just been written"
    return table


def _fill(made: Draft, rows: Iterable[FaceRow], total: int, progress: Progress | None) -> None:
    for row in rows:
        made.add(row)
        if made.done % _SAVE_EVERY == 0:
            made.save()
        if progress is not None:
            progress(made.done, total)


def _rows_here(source: Source, encoder: FaceEncoder, start: int) -> Generator[FaceRow, None, None]:
    for row in range(start, len(source.photos)):
        yield describe_photo(encoder, image_of(source, row))


def _rows_there(
    source: Source, encoder: Callable[[], FaceEncoder], start: int, workers: int
) -> Generator[FaceRow, None, None]:
    """The same rows in the same order, made by other processes; closing it stops them."""
    with ProcessPoolExecutor(
        workers, initializer=_start_worker, initargs=(source, encoder)
    ) as pool:
        try:
            yield from pool.map(_work, range(start, len(source.photos)), chunksize=16)
        except BrokenProcessPool as error:
            raise HvError(
                "a process that looks for faces has died",
                where=str(source.where),
                hint="run again, it goes on where it stopped; with less memory: one worker",
            ) from error


_worker: list[tuple[Source, FaceEncoder]] = []
"""What this worker process works with: made once, because an encoder cannot be pickled."""


def _start_worker(source: Source, encoder: Callable[[], FaceEncoder]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everybody; the parent decides
    _worker.append((source, encoder()))


def _work(row: int) -> FaceRow:
    source, encoder = _worker[0]
    return describe_photo(encoder, image_of(source, row))
