"""Fills a cached table row by row, in this process or in several; an interrupted one goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data.cache import Draft, draft, read_cache
from hypernet.data.faces import FaceRow
from hypernet.data.table import FaceTable, Photo

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all)."""

Describe = Callable[[FaceEncoder, int], FaceRow]
"""Makes one row, by its number."""

_SAVE_EVERY = 256
"""Rows between two saves, so at most what is lost when the machine stops."""


def fill_table(
    path: Path,
    photos: Sequence[Photo],
    describe: Describe,
    make_encoder: Callable[[], FaceEncoder],
    *,
    where: str,
    workers: int,
    progress: Progress | None,
) -> FaceTable:
    """Makes every row that the draft at `path` lacks, and reads the whole table.

    Args:
        path: the cache, without suffix.
        photos: what the rows are called.
        describe: makes a row.
        make_encoder: makes the face encoder, once in every process.
        where: what the rows are made of, for messages.
        workers: processes; one keeps everything in this process.
        progress: told after every row.

    Raises:
        HvError: a row cannot be made; what was made until then is kept.
    """
    encoder = make_encoder()
    opened = draft(path, photos, encoder=encoder.name, dimensions=encoder.dimensions)
    with opened as made:
        todo = range(made.done, len(photos))
        if workers == 1:
            rows = _rows_here(describe, encoder, todo)
        else:
            rows = _rows_there(describe, make_encoder, todo, workers, where)
        with closing(rows):
            _fill(made, rows, len(photos), progress)
        made.finish(path)
    table = read_cache(path, photos)
    assert table is not None, "it has just been written"
    return table


def _fill(made: Draft, rows: Iterable[FaceRow], total: int, progress: Progress | None) -> None:
    for row in rows:
        made.add(row)
        if made.done % _SAVE_EVERY == 0:
            made.save()
        if progress is not None:
            progress(made.done, total)


def _rows_here(
    describe: Describe, encoder: FaceEncoder, todo: range
) -> Generator[FaceRow, None, None]:
    for row in todo:
        yield describe(encoder, row)


def _rows_there(
    describe: Describe,
    encoder: Callable[[], FaceEncoder],
    todo: range,
    workers: int,
    where: str,
) -> Generator[FaceRow, None, None]:
    """The same rows in the same order, made by other processes; closing it stops them."""
    with ProcessPoolExecutor(
        workers, initializer=_start_worker, initargs=(describe, encoder)
    ) as pool:
        try:
            yield from pool.map(_work, todo, chunksize=16)
        except BrokenProcessPool as error:
            raise HvError(
                "a process that looks for faces has died",
                where=where,
                hint="run again, it goes on where it stopped; with less memory: one worker",
            ) from error


_worker: list[tuple[Describe, FaceEncoder]] = []
"""What this worker process works with: made once, because an encoder cannot be pickled."""


def _start_worker(describe: Describe, encoder: Callable[[], FaceEncoder]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everybody; the parent decides
    _worker.append((describe, encoder()))


def _work(row: int) -> FaceRow:
    describe, encoder = _worker[0]
    return describe(encoder, row)
