"""Functions of one tensor, element by element: each becomes, or joins, a table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from codegen.importing.context import Context
from codegen.importing.folding import along_axis, clip_bounds
from codegen.importing.graph import Node
from codegen.importing.handlers.elementwise import per_channel_slope, per_element_slope
from codegen.ops.expressions import Expression, X

Handler = Callable[[Context, Node], None]


def _function(name: str, **attributes: float) -> Handler:
    """A handler; `attributes` are the operator's, with their defaults, in the function's order."""

    def handle(context: Context, node: Node) -> None:
        numbers = (float(node.attribute(key, default)) for key, default in attributes.items())
        context.apply(node, (name, X, *numbers))

    return handle


def clip(context: Context, node: Node) -> None:
    """Either end may be open."""
    lo, hi = clip_bounds(context, node)
    bounded: Expression = X
    if lo is not None:
        bounded = ("max", bounded, lo)
    if hi is not None:
        bounded = ("min", bounded, hi)
    context.apply(node, bounded)


def gelu(context: Context, node: Node) -> None:
    """Exact, or by tanh."""
    approximate = node.attribute("approximate", "none") == "tanh"
    context.apply(node, ("gelu_tanh" if approximate else "gelu", X))


def prelu(context: Context, node: Node) -> None:
    """One that could not be fused: with one slope a table, else per channel or per element."""
    slope = context.required_constant(node, 1, "slope").astype(np.float64)
    if slope.size == 1:
        context.apply(node, ("leaky_relu", X, float(slope.reshape(-1)[0])))
        return
    shape = context.shape(node.inputs[0])
    for axis in range(len(shape)):
        slopes = along_axis(slope, shape, axis)
        if slopes is not None:
            per_channel_slope(context, node, axis, slopes)
            return
    per_element_slope(context, node, np.broadcast_to(slope, shape))


HANDLERS: dict[str, Handler] = {
    "Abs": _function("abs"),
    "Atan": _function("atan"),
    "Ceil": _function("ceil"),
    "Celu": _function("celu", alpha=1.0),
    "Clip": clip,
    "Cos": _function("cos"),
    "Elu": _function("elu", alpha=1.0),
    "Erf": _function("erf"),
    "Exp": _function("exp"),
    "Floor": _function("floor"),
    "Gelu": gelu,
    "HardSigmoid": _function("hard_sigmoid", alpha=0.2, beta=0.5),
    "HardSwish": _function("hard_swish"),
    "LeakyRelu": _function("leaky_relu", alpha=0.01),
    "Log": _function("log"),
    "Mish": _function("mish"),
    "Neg": _function("neg"),
    "PRelu": prelu,
    "Reciprocal": _function("reciprocal"),
    "Relu": _function("relu"),
    "Round": _function("round"),
    "Selu": _function("selu", alpha=1.67326319217681884765625, gamma=1.05070102214813232421875),
    "Sigmoid": _function("sigmoid"),
    "Sign": _function("sign"),
    "Sin": _function("sin"),
    "Softplus": _function("softplus"),
    "Softsign": _function("softsign"),
    "Sqrt": _function("sqrt"),
    "Tanh": _function("tanh"),
    "ThresholdedRelu": _function("thresholded_relu", alpha=1.0),
}
