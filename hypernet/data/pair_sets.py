"""A protocol of pairs together with the photographs it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from hypernet.backbone import FaceEncoder
from hypernet.data.base import Source
from hypernet.data.filling import Progress
from hypernet.data.load import load_faces
from hypernet.data.pairs import NamedPair, Pairs, match_files, read_pairs_file, rows_of
from hypernet.data.sources import open_source
from hypernet.data.table import FaceTable
from hypernet.data.verification_bin import VerificationSet
from hypernet.dlib_encoder import DlibEncoder


@dataclass(frozen=True, kw_only=True)
class PairSet:
    """Pairs by name, and the collection that has their photographs.

    Attributes:
        source: the collection; it has all of them.
        pairs: the pairs, in the protocol's order.
    """

    source: Source
    pairs: Sequence[NamedPair]

    def files(self) -> set[str]:
        """The photographs that the pairs name, as the collection calls them."""
        files = [photo.file for photo in self.source.photos]
        rows = match_files(self.pairs, files, where=str(self.source.where))
        return {files[row] for row in rows.values()}

    def rows(self, table: FaceTable) -> Pairs:
        """The pairs as rows of a table that holds their photographs."""
        return rows_of(self.pairs, table, where=str(self.source.where))


def open_pairs(
    where: Path, images: Path | None = None, *, folds: Collection[int] | None = None
) -> PairSet:
    """Opens a protocol of pairs.

    Args:
        where: a `.bin` verification set; or a folder with `pairs.txt`; or, with `images`, a file
            in the format of LFW's `pairs.txt`.
        images: the collection that the file's pairs name, as LFW does: `Name/Name_0001.jpg`. It
            needs no index.
        folds: only the pairs of these folds; None takes all.

    Raises:
        HvError: something is missing, damaged or mislabelled; a pair names a photograph that is
            not there; no pair is left.
    """
    if where.is_dir():
        made = PairSet(
            source=open_source(images or where),
            pairs=read_pairs_file(where / "pairs.txt", folds=folds),
        )
    elif images is not None:
        made = PairSet(source=open_source(images), pairs=read_pairs_file(where, folds=folds))
    else:
        made = _with_own_photographs(where, folds)
    made.files()  # every photograph is there: known before hours are spent on the first
    return made


def load_pairs(
    pairs: PairSet,
    *,
    encoder: Callable[[], FaceEncoder] = DlibEncoder,
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[FaceTable, Pairs]:
    """Finds the faces that pairs name, and no others; arguments as of `load_faces`."""
    files = pairs.files()
    whole = len(files) == len(pairs.source.photos)
    table = load_faces(
        pairs.source,
        only=None if whole else files,
        encoder=encoder,
        cache=cache,
        workers=workers,
        progress=progress,
    )
    return table, pairs.rows(table)


def _with_own_photographs(where: Path, folds: Collection[int] | None) -> PairSet:
    source = open_source(where) if where.suffix.lower() == ".bin" else None
    if not isinstance(source, VerificationSet):
        raise HvError(
            "no pairs there",
            where=str(where),
            hint="give a .bin verification set, a folder with pairs.txt, or a pairs file together "
            "with a folder of photographs",
        )
    kept = [pair for pair in source.pairs if folds is None or pair.fold in folds]
    if not kept:
        raise HvError(f"no pair belongs to fold {sorted(folds or ())}", where=str(where))
    return PairSet(source=source, pairs=kept)
