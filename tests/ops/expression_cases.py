"""Every function of codegen.ops.expressions at least once."""

from __future__ import annotations

from typing import Any

from codegen.ops.expressions import FUNCTIONS, Expression

X: Expression = ("x",)
_NUMBERS: dict[str, tuple[float, ...]] = {
    "celu": (0.75,),
    "clip": (-0.5, 1.25),
    "elu": (1.5,),
    "hard_sigmoid": (0.2, 0.5),
    "leaky_relu": (0.125,),
    "selu": (1.6732632, 1.0507010),
    "thresholded_relu": (0.75,),
}
_SECOND: dict[str, Expression] = {
    "add": 1.5,
    "div": ("add", ("square", X), 1.0),
    "max": ("neg", X),
    "min": 0.25,
    "mul": ("sigmoid", X),
    "pow": 3.0,
    "sub": ("floor", X),
}


def _example(name: str) -> Expression:
    numbers: tuple[Any, ...] = _NUMBERS.get(name, ())
    return (name, X, _SECOND[name]) if name in _SECOND else (name, X, *numbers)


EXPRESSIONS: tuple[Expression, ...] = (X, *(_example(name) for name in FUNCTIONS))
