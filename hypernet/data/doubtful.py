"""Photographs that cannot be right: filed under two people, or no photographs at all.

Collections from the web have some. Small ones are refused until somebody has looked; of a million
photographs `leave_out_doubtful` takes the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter

from codegen.errors import HvError
from hypernet.data.base import Part, Source, image_of, part_of


def refuse_mislabelled(source: Source) -> None:
    """Reads every photograph once and refuses a collection that shows one under two people.

    Raises:
        HvError: the same bytes belong to different people; names the first such photograph.
    """
    groups = _filed_twice(source)
    if groups:
        photo = source.photos[groups[0][0]]
        copy = next(
            source.photos[row] for row in groups[0] if source.photos[row].person != photo.person
        )
        raise HvError(
            f"{len(groups)} photographs are filed under two people: {photo.file} of "
            f"{photo.person} is, byte for byte, {copy.file} of {copy.person}",
            where=str(source.where),
            hint="a name is wrong: remove the wrong copy, or both",
        )


def leave_out_doubtful(
    source: Source, *, progress: Callable[[int, int], None] | None = None
) -> tuple[Part, list[str]]:
    """Leaves out what `load_faces` would refuse: a millisecond a photograph.

    Args:
        source: the collection.
        progress: told after every photograph.

    Returns:
        The others, and the names of those left out: every copy of a photograph that is filed under
        two people, because nobody knows which name is right, and what cannot be decoded.

    Raises:
        HvError: nothing is left.
    """
    doubtful = {row for group in _filed_twice(source) for row in group}
    for row in range(len(source.photos)):
        try:
            image_of(source, row)
        except HvError:
            doubtful.add(row)
        if progress is not None:
            progress(row + 1, len(source.photos))
    kept = [row for row in range(len(source.photos)) if row not in doubtful]
    return part_of(source, kept), [source.photos[row].file for row in sorted(doubtful)]


def _filed_twice(source: Source) -> list[list[int]]:
    """Rows of photographs that are the same bytes under different people, copies together."""
    by_content = sorted(
        (hashlib.blake2b(source.read(row), digest_size=16).digest(), row)
        for row in range(len(source.photos))
    )
    groups = ([row for _, row in group] for _, group in groupby(by_content, key=itemgetter(0)))
    return sorted(
        group for group in groups if len({source.photos[row].person for row in group}) > 1
    )
