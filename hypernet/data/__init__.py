"""Photographs with names, from wherever they come, as one table of aligned faces.

    open_source   what lies at a path: a folder of people, LFW with index, train.rec, shards, .bin
    load_faces    finds, aligns and describes every face; cached, and resumed where it was stopped
    open_pairs    a protocol of pairs with its photographs; load_pairs makes its table and rows
    sample_pairs  pairs drawn from labels, for collections that come without
    leave_out_doubtful  what remains of a large collection without its mislabelled and damaged part

Another kind of collection is a new file and one line in `sources.FORMATS`.
"""

from hypernet.data.base import DEFAULT_FOLDS, Source, each, fold_of, image_of
from hypernet.data.doubtful import leave_out_doubtful
from hypernet.data.faces import describe_photo
from hypernet.data.filling import Progress
from hypernet.data.lfw_index import read_index
from hypernet.data.load import default_cache, load_faces
from hypernet.data.pair_sets import PairSet, load_pairs, open_pairs
from hypernet.data.pairs import (
    NamedPair,
    Pairs,
    pair_files,
    read_pairs,
    read_pairs_file,
    rows_of,
    sample_pairs,
)
from hypernet.data.sources import FORMATS, Format, open_source
from hypernet.data.table import (
    FOUND,
    FOUND_BY_TEMPLATE,
    FOUND_WEAKLY,
    NOT_FOUND,
    FaceTable,
    Photo,
    found_summary,
)

__all__ = [
    "DEFAULT_FOLDS",
    "FORMATS",
    "FOUND",
    "FOUND_BY_TEMPLATE",
    "FOUND_WEAKLY",
    "NOT_FOUND",
    "FaceTable",
    "Format",
    "NamedPair",
    "PairSet",
    "Pairs",
    "Photo",
    "Progress",
    "Source",
    "default_cache",
    "describe_photo",
    "each",
    "fold_of",
    "found_summary",
    "image_of",
    "leave_out_doubtful",
    "load_faces",
    "load_pairs",
    "open_pairs",
    "open_source",
    "pair_files",
    "read_index",
    "read_pairs",
    "read_pairs_file",
    "rows_of",
    "sample_pairs",
]
