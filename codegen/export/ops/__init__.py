"""One exporter per operator. Adding an operator: its file here, and its line in EXPORTERS."""

from __future__ import annotations

from codegen.export.exporter import Exporter
from codegen.export.ops import (
    add,
    average_pool,
    concat,
    conv2d,
    dense,
    depthwise,
    flatten,
    global_pool,
    max_pool,
    normalised_decision,
    pad,
    plain_decision,
    pointwise,
    reshape,
    resize,
    slice,
    transpose,
)

EXPORTERS: tuple[Exporter, ...] = (
    add.EXPORTER,
    average_pool.EXPORTER,
    concat.EXPORTER,
    conv2d.EXPORTER,
    dense.EXPORTER,
    depthwise.EXPORTER,
    flatten.EXPORTER,
    global_pool.EXPORTER,
    max_pool.EXPORTER,
    normalised_decision.EXPORTER,
    pad.EXPORTER,
    plain_decision.EXPORTER,
    pointwise.EXPORTER,
    reshape.EXPORTER,
    resize.EXPORTER,
    slice.EXPORTER,
    transpose.EXPORTER,
)


def find_exporter(kind: str) -> Exporter:
    """The exporter of an operator of codegen.ops.OPS; every one has its own."""
    return next(exporter for exporter in EXPORTERS if exporter.kind == kind)
