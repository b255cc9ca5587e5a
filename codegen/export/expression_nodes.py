"""Expressions of codegen.ops.expressions as nodes; what opset 17 lacks is written with others."""

from __future__ import annotations

import math
from collections.abc import Callable

from codegen.export.builder import Builder
from codegen.export.real_parts import float32
from codegen.ops.expressions import FUNCTIONS, Expression, X, parts

_SQRT_HALF = math.sqrt(0.5)
_GELU_TANH = math.sqrt(2.0 / math.pi)

# name -> ONNX operator and the attributes that hold its numbers; without any they are inputs
NODES: dict[str, tuple[str, tuple[str, ...]]] = {
    "abs": ("Abs", ()),
    "add": ("Add", ()),
    "atan": ("Atan", ()),
    "ceil": ("Ceil", ()),
    "celu": ("Celu", ("alpha",)),
    "clip": ("Clip", ()),
    "cos": ("Cos", ()),
    "div": ("Div", ()),
    "elu": ("Elu", ("alpha",)),
    "erf": ("Erf", ()),
    "exp": ("Exp", ()),
    "floor": ("Floor", ()),
    "hard_sigmoid": ("HardSigmoid", ("alpha", "beta")),
    "hard_swish": ("HardSwish", ()),
    "leaky_relu": ("LeakyRelu", ("alpha",)),
    "log": ("Log", ()),
    "max": ("Max", ()),
    "min": ("Min", ()),
    "mul": ("Mul", ()),
    "neg": ("Neg", ()),
    "pow": ("Pow", ()),
    "reciprocal": ("Reciprocal", ()),
    "relu": ("Relu", ()),
    "round": ("Round", ()),
    "selu": ("Selu", ("alpha", "gamma")),
    "sigmoid": ("Sigmoid", ()),
    "sign": ("Sign", ()),
    "sin": ("Sin", ()),
    "softplus": ("Softplus", ()),
    "softsign": ("Softsign", ()),
    "sqrt": ("Sqrt", ()),
    "sub": ("Sub", ()),
    "tanh": ("Tanh", ()),
    "thresholded_relu": ("ThresholdedRelu", ("alpha",)),
}


def _gelu(x: Expression) -> Expression:
    return ("mul", ("mul", x, 0.5), ("add", ("erf", ("mul", x, _SQRT_HALF)), 1.0))


def _gelu_tanh(x: Expression) -> Expression:
    cubic = ("add", x, ("mul", ("mul", x, ("mul", x, x)), 0.044715))
    return ("mul", ("mul", x, 0.5), ("add", ("tanh", ("mul", cubic, _GELU_TANH)), 1.0))


OTHERS: dict[str, Callable[[Expression], Expression]] = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "mish": lambda x: ("mul", x, ("tanh", ("softplus", x))),
    "square": lambda x: ("mul", x, x),
}


def add_expression(graph: Builder, expression: Expression, name: str, x: str, output: str) -> None:
    """Adds the nodes of f(x).

    Args:
        graph: the graph.
        expression: f; equal parts of it become one node.
        name: the layer's; what lies between gets names below it.
        x: name of the float tensor that is read.
        output: the name that the result gets.
    """
    written = _in_nodes(expression)
    if written == X:
        graph.node("Identity", [x], output)
        return
    made: dict[Expression, str] = {X: x}

    def tensor(part: Expression) -> str:
        if part not in made:
            made[part] = node(part)
        return made[part]

    def node(part: Expression) -> str:
        if isinstance(part, float):
            return graph.constant(f"{name}/number{len(made)}", float32(part))
        function, arguments = parts(part)
        kind, attributes = NODES[function]
        first = FUNCTIONS[function].variables if attributes else len(arguments)
        inputs = [tensor(argument) for argument in arguments[:first]]
        values = dict(zip(attributes, arguments[first:], strict=True))
        result = output if part == written else f"{name}/{function}{len(made)}"
        return graph.node(kind, inputs, result, **values)

    tensor(written)


def _in_nodes(expression: Expression) -> Expression:
    """The same function with names of NODES alone."""
    if isinstance(expression, float) or expression == X:
        return expression
    name, arguments = parts(expression)
    inner = tuple(_in_nodes(argument) for argument in arguments)
    return OTHERS[name](*inner) if name in OTHERS else (name, *inner)
