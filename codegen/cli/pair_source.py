"""Where `evaluate` gets its photographs and pairs from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.cli.common import photo_progress, talk
from codegen.errors import HvError
from hypernet.data import (
    FaceTable,
    Pairs,
    load_faces,
    load_pairs,
    open_pairs,
    pair_files,
    read_index,
    read_pairs,
)

INDEX_FOLD, INDEX_TUNE_FOLD = 9, 8
"""LFW's fold that no training sees, and one whose people the thresholds may be chosen on."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the command line asks for.

    Attributes:
        images: folder of photographs; None with `bin`.
        pairs: a file of pairs; None: the folder's own pairs.txt.
        bin: a verification set with its own photographs.
        fold: the only fold to test on; None: the protocol's default.
        tune_folds: where the accuracy's threshold is from; empty: the protocol's default.
    """

    images: Path | None
    pairs: Path | None
    bin: Path | None
    fold: int | None
    tune_folds: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Pairs with their photographs.

    Attributes:
        name: for people.
        table: the photographs, faces found.
        pairs: as rows of the table, of all folds that are needed.
        test_folds: where everything is measured.
        tuning_folds: where the accuracy's threshold is chosen; None: on the other test folds.
        labelled: the table names people, so that everybody can be paired with everybody.
    """

    name: str
    table: FaceTable
    pairs: Pairs
    test_folds: tuple[int, ...]
    tuning_folds: tuple[int, ...] | None
    labelled: bool


def open_protocol(order: Order) -> Protocol:
    """Reads the photographs that are asked for; progress on stderr.

    Raises:
        HvError: something is missing, damaged or contradicts itself.
    """
    talk("reading photographs (found, aligned and described once, then kept in the cache) ...")
    if order.pairs is None and order.images is not None:
        return _index(order, order.images)
    return _pairs_file(order)


def _index(order: Order, folder: Path) -> Protocol:
    """LFW's layout: the fold's pairs, and everybody else of the fold."""
    fold = INDEX_FOLD if order.fold is None else order.fold
    tuning = order.tune_folds or (INDEX_TUNE_FOLD,)
    folds = (fold, *tuning)
    everybody = {photo.file for photo in read_index(folder) if photo.fold == fold}
    needed = pair_files(folder, folds) | everybody
    table = load_faces(folder, only=needed, workers=2, progress=photo_progress)
    return Protocol(
        name=folder.name,
        table=table,
        pairs=read_pairs(folder, table, folds=folds),
        test_folds=(fold,),
        tuning_folds=tuning,
        labelled=True,
    )


def _pairs_file(order: Order) -> Protocol:
    table, pairs = _read_pairs_file(order)
    present = tuple(np.unique(pairs.folds).tolist())
    test = present if order.fold is None else (order.fold,)
    if order.fold is not None and order.fold not in present:
        raise HvError(f"there is no fold {order.fold}", hint=f"the pairs have {present}")
    tuning = order.tune_folds or tuple(fold for fold in present if fold not in test)
    return Protocol(
        name=(order.bin or order.pairs or Path()).name,
        table=table,
        pairs=pairs,
        test_folds=test,
        tuning_folds=tuning or None,
        labelled=order.bin is None,
    )


def _read_pairs_file(order: Order) -> tuple[FaceTable, Pairs]:
    """The photographs of a pairs file or a verification set, and its pairs."""
    asked = order.bin or order.pairs
    assert asked is not None  # one of them is given
    return load_pairs(open_pairs(asked, order.images), workers=2, progress=photo_progress)
