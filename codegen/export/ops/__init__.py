"""One exporter per operator. Adding an operator: its file here, and its line in EXPORTERS."""

from __future__ import annotations

from codegen.export.exporter import Exporter
from codegen.export.ops import (
    add,
    argmax,
    average_pool,
    concat,
    constant,
    conv2d,
    conv_transpose,
    dense,
    depthwise,
    dilated_max_pool,
    flatten,
    global_pool,
    grouped_conv,
    inner_average_pool,
    lookup,
    max_pool,
    mul,
    normalised_decision,
    pad,
    plain_decision,
    pointwise,
    reshape,
    resize,
    slice,
    softmax,
    sub,
    transpose,
)

EXPORTERS: tuple[Exporter, ...] = (
    add.EXPORTER,
    argmax.EXPORTER,
    average_pool.EXPORTER,
    concat.EXPORTER,
    constant.EXPORTER,
    conv2d.EXPORTER,
    conv_transpose.EXPORTER,
    dense.EXPORTER,
    depthwise.EXPORTER,
    dilated_max_pool.EXPORTER,
    flatten.EXPORTER,
    global_pool.EXPORTER,
    grouped_conv.EXPORTER,
    inner_average_pool.EXPORTER,
    lookup.EXPORTER,
    max_pool.EXPORTER,
    mul.EXPORTER,
    normalised_decision.EXPORTER,
    pad.EXPORTER,
    plain_decision.EXPORTER,
    pointwise.EXPORTER,
    reshape.EXPORTER,
    resize.EXPORTER,
    slice.EXPORTER,
    softmax.EXPORTER,
    sub.EXPORTER,
    transpose.EXPORTER,
)


def find_exporter(kind: str) -> Exporter:
    """The exporter of an operator of codegen.ops.OPS; every one has its own."""
    return next(exporter for exporter in EXPORTERS if exporter.kind == kind)
