"""Which collection of photographs lies at a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from hypernet.data.base import DEFAULT_FOLDS, Source
from hypernet.data.lfw_index import looks_like_index, open_index
from hypernet.data.people_folder import looks_like_people, open_people
from hypernet.data.shards import looks_like_shards, open_shards
from hypernet.data.training_rec import looks_like_records, open_records
from hypernet.data.verification_bin import looks_like_bin, open_bin


@dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of collection.

    Attributes:
        name: what people call it.
        fits: whether a path looks like it; looks at names only.
        open: opens it, given the path and the number of folds.
    """

    name: str
    fits: Callable[[Path], bool]
    open: Callable[[Path, int], Source]


FORMATS: tuple[Format, ...] = (
    Format(name="a folder with index.csv", fits=looks_like_index, open=open_index),
    Format(name="a folder with train.rec", fits=looks_like_records, open=open_records),
    Format(name="shards (*.tar)", fits=looks_like_shards, open=open_shards),
    Format(name="a verification set (*.bin)", fits=looks_like_bin, open=open_bin),
    Format(name="a folder of people", fits=looks_like_people, open=open_people),
)
"""All kinds, the first that fits is taken: the most particular ones come first."""


def open_source(spec: str | Path, *, folds: int = DEFAULT_FOLDS) -> Source:
    """Opens whatever collection of labelled photographs lies at a path.

    Args:
        spec: a file, a folder, or a pattern of shards such as `faces-{000..012}.tar`.
        folds: shares that the people are dealt into, where the collection itself names none.

    Raises:
        HvError: nothing is there, nothing that is known, or something damaged or mislabelled.
    """
    path = Path(spec)
    if folds < 1:
        raise HvError(f"people cannot be dealt into {folds} folds")
    for kind in FORMATS:
        if kind.fits(path):
            return kind.open(path, folds)
    known = ", ".join(kind.name for kind in FORMATS)
    if not path.exists():
        raise HvError("no such photographs", where=str(path), hint=f"give {known}")
    raise HvError("no photographs of a known kind", where=str(path), hint=f"known are {known}")
