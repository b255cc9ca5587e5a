"""Pairs of photographs: who enrols, who is streamed, and whether they are one person.

`pairs.txt` is LFW's format, http://vis-www.cs.umass.edu/lfw/: a header `folds per_class` (View 2)
or `per_class` (pairsDevTrain.txt, pairsDevTest.txt: one block), then for every fold per_class lines
`name number number` of one person and per_class lines `name number name number` of two.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from hypernet.data.table import FaceTable, Photo

_T = TypeVar("_T")


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


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedPair:
    """One pair by the names of its photographs."""

    first: str
    second: str
    same: bool
    fold: int


def read_pairs_file(path: Path, *, folds: Collection[int] | None = None) -> list[NamedPair]:
    """Reads a file in the format of LFW's `pairs.txt`.

    Args:
        path: the file.
        folds: only these, counted from 1; None takes all.

    Returns:
        The pairs, with names as LFW files them: `Name/Name_0001.jpg`.

    Raises:
        HvError: no such file; a line that is no pair; a pair of one photograph with itself; two
            "different" people of one name; more or fewer lines than the header says; none left.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise HvError("there is no pairs file", where=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise HvError("the pairs file cannot be read", where=f"{path}: {error}") from error
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not numbered:
        raise HvError("the pairs file is empty", where=str(path))
    blocks, per_class = _header(numbered[0][1], path)
    pairs = [
        _pair(line, 1 + row // (2 * per_class), f"{path}: line {number}")
        for row, (number, line) in enumerate(numbered[1:])
    ]
    expected = blocks * 2 * per_class
    if len(pairs) != expected:
        raise HvError(
            f"the header promises {blocks} x 2 x {per_class} = {expected} pairs, but there are "
            f"{len(pairs)}",
            where=str(path),
            hint="the file is cut short, or it is not in the format of LFW's pairs.txt",
        )
    kept = [pair for pair in pairs if folds is None or pair.fold in folds]
    if not kept:
        raise HvError(f"no pair belongs to fold {sorted(folds or ())}", where=str(path))
    return kept


def _header(line: str, path: Path) -> tuple[int, int]:
    words = line.split()
    if len(words) not in (1, 2) or not all(word.isdecimal() and int(word) for word in words):
        raise HvError(
            f"the pairs file begins with {line.strip()!r}",
            where=str(path),
            hint="its first line is `folds pairs`, or `pairs` where there is one block only",
        )
    return (1, int(words[0])) if len(words) == 1 else (int(words[0]), int(words[1]))


def _pair(line: str, fold: int, where: str) -> NamedPair:
    words = line.strip().split("\t") if "\t" in line else line.split()
    people, numbers = words[::2] if len(words) == 4 else words[:1] * 2, (words[1:2] + words[-1:])
    if len(words) not in (3, 4) or not all(number.strip().isdecimal() for number in numbers):
        raise HvError(f"not a pair: {line.strip()}", where=where)
    same = len(words) == 3
    if same is (people[0] != people[1]) or (same and int(numbers[0]) == int(numbers[1])):
        raise HvError(
            f"not a pair of {'two photographs' if same else 'two people'}: {line.strip()}",
            where=where,
        )
    first, second = (
        f"{person}/{person}_{int(number):04d}.jpg"
        for person, number in zip(people, numbers, strict=True)
    )
    return NamedPair(first=first, second=second, same=same, fold=fold)


def match_files(pairs: Sequence[NamedPair], files: Sequence[str], *, where: str) -> dict[str, int]:
    """Finds the photographs that pairs name.

    A name that no file has may differ in its suffix: LFW's pairs say .jpg, a copy may be PNG.

    Args:
        pairs: what names them.
        files: a collection's photographs.
        where: the collection, for errors.

    Returns:
        For every name its place in `files`.

    Raises:
        HvError: photographs are missing; the first few are named.
    """
    exact = {file: row for row, file in enumerate(files)}
    bare = {_bare(file): row for row, file in enumerate(files)}
    rows, missing = {}, []
    for name in sorted({name for pair in pairs for name in (pair.first, pair.second)}):
        row = exact.get(name, bare.get(_bare(name)))
        if row is None:
            missing.append(name)
        else:
            rows[name] = row
    if missing:
        raise HvError(
            f"no such photograph: {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more" if len(missing) > 5 else ""),
            where=where,
            hint="the pairs are of another collection, or the collection is not complete",
        )
    return rows


def rows_of(pairs: Sequence[NamedPair], table: FaceTable, *, where: str) -> Pairs:
    """Turns named pairs into rows of a table.

    Raises:
        HvError: the table lacks a photograph.
    """
    rows = match_files(pairs, table.files.tolist(), where=where)
    return Pairs(
        first=np.array([rows[pair.first] for pair in pairs], np.intp),
        second=np.array([rows[pair.second] for pair in pairs], np.intp),
        same=np.array([pair.same for pair in pairs], np.bool_),
        folds=np.array([pair.fold for pair in pairs], np.int32),
    )


def read_pairs(folder: Path, table: FaceTable, *, folds: Collection[int] | None = None) -> Pairs:
    """Reads the `pairs.txt` of a data folder.

    Args:
        folder: the data folder.
        table: its photographs.
        folds: only these; None takes all.

    Raises:
        HvError: the file is missing, or names a photograph that the table does not hold.
    """
    return rows_of(read_pairs_file(folder / "pairs.txt", folds=folds), table, where=str(folder))


def pair_files(folder: Path, folds: Collection[int]) -> set[str]:
    """The photographs that the pairs of some folds name."""
    pairs = read_pairs_file(folder / "pairs.txt", folds=folds)
    return {name for pair in pairs for name in (pair.first, pair.second)}


def sample_pairs(
    photos: Sequence[Photo], *, folds: Collection[int], per_class: int = 300, seed: int = 0
) -> list[NamedPair]:
    """Draws pairs from labelled photographs, for collections that come without any.

    As in LFW's protocol every fold gets `per_class` pairs of one person and as many of two, no pair
    twice. Everybody with two photographs gives a pair of one person before anybody gives another.
    Where a fold holds fewer such pairs it gets all of them, and as many of two people.

    Raises:
        HvError: a fold in which no person has two photographs, or with one person only.
    """
    drawn: list[NamedPair] = []
    for fold in sorted(folds):
        people: dict[str, list[str]] = {}
        for photo in photos:
            if photo.fold == fold:
                people.setdefault(photo.person, []).append(photo.file)
        drawn += _sample_fold(people, fold, per_class, np.random.default_rng((seed, fold)))
    return drawn


def _sample_fold(
    people: dict[str, list[str]], fold: int, per_class: int, random: np.random.Generator
) -> list[NamedPair]:
    several = [files for files in people.values() if len(files) > 1]
    if not several or len(people) < 2:
        raise HvError(
            f"no pairs can be drawn in fold {fold}: {len(people)} people, {len(several)} of them "
            "with two photographs or more",
            hint="name other folds, deal the people into fewer folds, or add photographs",
        )
    same = _in_turn([_shuffled(list(combinations(files, 2)), random) for files in several])
    genuine = list(islice(same, per_class))
    impostor = _of_two(list(people.values()), len(genuine), random)
    return [
        NamedPair(first=first, second=second, same=is_same, fold=fold)
        for is_same, chosen in ((True, genuine), (False, impostor))
        for first, second in chosen
    ]


def _of_two(
    people: Sequence[Sequence[str]], count: int, random: np.random.Generator
) -> list[tuple[str, str]]:
    """Up to `count` different pairs of two people; any two people are as likely as any other."""
    total = sum(map(len, people))
    possible = (total**2 - sum(len(files) ** 2 for files in people)) // 2
    drawn: dict[tuple[str, str], None] = {}  # a dict keeps the order, a set does not
    while len(drawn) < min(count, possible):
        one, two = sorted(random.choice(len(people), 2, replace=False).tolist())
        pair = [person[int(random.integers(len(person)))] for person in (people[one], people[two])]
        drawn[pair[0], pair[1]] = None
    return list(drawn)


def _shuffled(items: list[_T], random: np.random.Generator) -> list[_T]:
    return [items[place] for place in random.permutation(len(items))]


def _in_turn(lists: Sequence[Sequence[_T]]) -> Iterator[_T]:
    """One of each list, then another of each, until all are used up."""
    for place in range(max(map(len, lists))):
        yield from (items[place] for items in lists if place < len(items))


def _bare(file: str) -> str:
    """The name without its suffix."""
    return re.sub(r"\.[^./]*$", "", file)
