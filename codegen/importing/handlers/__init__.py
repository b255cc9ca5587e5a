"""ONNX operators by name. Adding a family: its file here, and its line in FAMILIES."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from codegen.importing.context import Context
from codegen.importing.graph import Node
from codegen.importing.handlers import (
    activations,
    choosing,
    conv,
    dense,
    elementwise,
    extremes,
    joining,
    pooling,
    resize,
    shapes,
)

Handler = Callable[[Context, Node], None]

FAMILIES: tuple[Mapping[str, Handler], ...] = (
    activations.HANDLERS,
    choosing.HANDLERS,
    conv.HANDLERS,
    dense.HANDLERS,
    elementwise.HANDLERS,
    extremes.HANDLERS,
    joining.HANDLERS,
    pooling.HANDLERS,
    resize.HANDLERS,
    shapes.HANDLERS,
)

HANDLERS: dict[str, Handler] = {
    op_type: handler for family in FAMILIES for op_type, handler in family.items()
}
