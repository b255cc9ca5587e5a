"""Finds, aligns and describes the faces of a collection, or reads what was found before.

It takes about 0.1 s a photograph: 25 minutes for LFW, days for a million. So the rows are kept as
they come, and an interrupted search goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypernet.backbone import FaceEncoder
from hypernet.data.base import DEFAULT_FOLDS, Source, digest_of, image_of, part_of
from hypernet.data.cache import read_cache
from hypernet.data.doubtful import refuse_mislabelled
from hypernet.data.faces import FaceRow, describe_photo
from hypernet.data.filling import Progress, fill_table
from hypernet.data.sources import open_source
from hypernet.data.table import FaceTable, cache_folder
from hypernet.dlib_encoder import DlibEncoder


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
    refuse_mislabelled(source)
    describe = partial(_described, source)
    return fill_table(
        path,
        source.photos,
        describe,
        encoder,
        where=str(source.where),
        workers=workers,
        progress=progress,
    )


def default_cache(source: Source) -> Path:
    """Where the table of a collection is kept, without suffix: named by the content."""
    return cache_folder() / f"faces-{source.fingerprint}"


def _rows_named(source: Source, only: Collection[str]) -> NDArray[np.intp]:
    wanted = frozenset(only)
    return np.array([i for i, photo in enumerate(source.photos) if photo.file in wanted], np.intp)


def _described(source: Source, encoder: FaceEncoder, row: int) -> FaceRow:
    return describe_photo(encoder, image_of(source, row))
