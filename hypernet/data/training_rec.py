"""InsightFace's training sets: a folder with `train.rec`, `train.idx` and perhaps `property`.

Record 0 is a header with two labels (a, b): the photographs are records 1 to a - 1, and records a
to b - 1 describe one person each: two labels, the first of the person's photographs and the one
after the last. A set without header has photographs only. The first label of a photograph is the
person. `property` holds `people,height,width`. Source: https://github.com/deepinsight/insightface,
recognition/arcface_mxnet/image_iter.py.

Labels are 32-bit floats, whole numbers exact up to 16,777,216; that the header's range is right is
seen by comparison with the index.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from hypernet.data.base import digest_of, fold_of, stamp_of
from hypernet.data.record_io import read_index_file, read_record
from hypernet.data.table import Photo


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A folder with records; a photograph is named by its record, a person by the label.

    Attributes:
        where: the `.rec` file.
        photos: in the order of their numbers.
        fingerprint: of the index and the records' file.
        offsets: for every photograph its record's number and place in the file, in bytes.
    """

    where: Path
    photos: Sequence[Photo]
    fingerprint: str
    offsets: Sequence[tuple[int, int]]

    def read(self, row: int) -> bytes:
        """One photograph, out of the mapped file."""
        number, offset = self.offsets[row]
        return read_record(self.where, offset, number).content


def looks_like_records(path: Path) -> bool:
    """`train.rec`, or a folder with it, or with its index."""
    return path.suffix == ".rec" or any(
        (path / name).is_file() for name in ("train.rec", "train.idx")
    )


def open_records(path: Path, folds: int) -> TrainingSet:
    """Opens `train.rec` and `train.idx`; reads every record's header once.

    Args:
        path: the folder, or the `.rec` file.
        folds: shares that the people are dealt into, by a hash of their labels.

    Raises:
        HvError: a file is missing or damaged, index and records disagree, or a label is not
            a person that the set has.
    """
    records = path if path.suffix == ".rec" else path / "train.rec"
    index = records.with_suffix(".idx")
    for file in (records, index):
        if not file.is_file():
            raise HvError(
                f"there is no {file.name}",
                where=str(file.parent),
                hint="a training set is two files, train.rec and train.idx",
            )
    offsets = dict(sorted(read_index_file(index).items()))
    stated = _people_in_property(records.parent / "property")
    numbers, people = _contents(records, offsets)
    photos = [
        _photo(records, number, offsets[number], stated or people, folds) for number in numbers
    ]
    return TrainingSet(
        where=records,
        photos=photos,
        fingerprint=digest_of(("training set", stamp_of(records), stamp_of(index))),
        offsets=[(number, offsets[number]) for number in numbers],
    )


def _contents(records: Path, offsets: dict[int, int]) -> tuple[Sequence[int], int | None]:
    """Numbers of the records that hold photographs, and how many people the header counts."""
    first = min(offsets)
    header = read_record(records, offsets[first], first)
    if first != 0 or header.content.strip(b"\0") or len(header.labels) != 2:
        return list(offsets), None
    end, last = (_whole(label, f"{records}: the header, record 0") for label in header.labels)
    missing = sum(number not in offsets for number in range(1, end))
    if missing or max(offsets) >= max(last, end):
        raise HvError(
            f"index and records disagree: by the header photographs are 1 to {end - 1}, of which "
            f"the index lacks {missing}, and the last record is {last - 1}; the index ends with "
            f"{max(offsets)}",
            where=str(records),
            hint="train.idx and train.rec are of different sets, or one is cut short",
        )
    if end <= 1:
        raise HvError("the training set holds no photograph", where=str(records))
    return range(1, end), last - end


def _photo(records: Path, number: int, offset: int, people: int | None, folds: int) -> Photo:
    record = read_record(records, offset, number)
    if record.number not in (0, number):  # 0: some writers leave it out
        raise HvError(
            f"index and records disagree: the index says {number}, the record {record.number}",
            where=f"{records}: byte {offset}",
            hint="train.idx and train.rec are of different sets",
        )
    where = f"{records}: record {number}"
    label = _whole(record.labels[0], where)
    if people is not None and label >= people:
        raise HvError(f"the label {label} is none of the set's {people} people", where=where)
    return Photo(file=f"{number:08d}", person=f"{label:07d}", fold=fold_of(f"{label:07d}", folds))


def _whole(label: float, where: str) -> int:
    if not (math.isfinite(label) and label >= 0 and label == int(label)):
        raise HvError(
            f"the label {label:g} is no whole number",
            where=where,
            hint="the record is damaged, or of a set with another meaning of labels",
        )
    return int(label)


def _people_in_property(path: Path) -> int | None:
    """How many people the set says it has; None where it does not say."""
    if not path.is_file():
        return None
    try:
        people, _, _ = (int(word) for word in path.read_text("ascii").split(","))
    except ValueError as error:
        raise HvError(
            "the property file cannot be read",
            where=str(path),
            hint="it holds people,height,width",
        ) from error
    return people
