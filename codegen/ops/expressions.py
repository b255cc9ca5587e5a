"""Functions of one real variable as data: nested tuples in prefix form.

("mul", ("x",), ("sigmoid", ("x",))) is SiLU, ("add", ("mul", ("x",), 2.0), 1.0) is affine. A leaf
is ("x",) or a number; FUNCTIONS says what else there is. In JSON the tuples are lists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from codegen.errors import HvError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
Expression: TypeAlias = "float | tuple[str | Expression, ...]"

X: Expression = ("x",)
DEEPEST = 32  # a function of functions of functions: what people write has about five
LARGEST = 256  # names and numbers in one expression
_TEXT_LIMIT = 120  # of what describe() gives

_SQRT_HALF = math.sqrt(0.5)
_GELU_TANH = math.sqrt(2.0 / math.pi)


@dataclass(frozen=True, kw_only=True)
class Function:
    """One name that expressions may use.

    Attributes:
        variables: how many arguments are expressions; they come first.
        numbers: how many are plain numbers; they come last.
        on_numpy: float64 arrays and numbers -> float64 array.
        on_torch: the module torch, tensors and numbers -> tensor, differentiable.
        text: how it reads, with a hole for each argument; "" reads name(argument, ...).
        rank: how strongly the text binds: sums 1, products 2, signs 3, powers 4, the rest 5.
    """

    variables: int
    numbers: int
    on_numpy: Callable[..., np.ndarray]
    on_torch: Callable[..., torch.Tensor]
    text: str = ""
    rank: int = 5

    @property
    def arity(self) -> int:
        """How many arguments it takes."""
        return self.variables + self.numbers


def _function(
    on_numpy: Callable[..., np.ndarray],
    on_torch: Callable[..., torch.Tensor],
    *,
    variables: int = 1,
    numbers: int = 0,
) -> Function:
    return Function(variables=variables, numbers=numbers, on_numpy=on_numpy, on_torch=on_torch)


def _both(function: Callable[..., Any], text: str, rank: int, *, variables: int = 2) -> Function:
    """Written with Python's own operators, which both libraries have."""
    return Function(
        variables=variables,
        numbers=0,
        on_numpy=function,
        on_torch=lambda t, *arguments: function(*arguments),
        text=text,
        rank=rank,
    )


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.logaddexp(0.0, x))


def _exponential_unit(x: np.ndarray, alpha: float) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(x))


def _gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * x * (1.0 + _erf(x * _SQRT_HALF)))


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * x * (1.0 + np.tanh(_GELU_TANH * (x + 0.044715 * x**3))))


def _celu(x: np.ndarray, alpha: float) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(x / alpha))


FUNCTIONS: dict[str, Function] = {
    "abs": _function(np.abs, lambda t, x: t.abs(x)),
    "add": _both(lambda a, b: a + b, "{} + {}", 1),
    "atan": _function(np.arctan, lambda t, x: t.atan(x)),
    "ceil": _function(np.ceil, lambda t, x: t.ceil(x)),
    "celu": _function(
        _celu, lambda t, x, alpha: t.where(x > 0, x, alpha * t.expm1(x / alpha)), numbers=1
    ),
    "clip": _function(np.clip, lambda t, x, lo, hi: t.clamp(x, lo, hi), numbers=2),
    "cos": _function(np.cos, lambda t, x: t.cos(x)),
    "div": _both(lambda a, b: a / b, "{} / {}", 2),
    "elu": _function(
        _exponential_unit,
        lambda t, x, alpha: t.nn.functional.elu(x, alpha),
        numbers=1,
    ),
    "erf": _function(_erf, lambda t, x: t.erf(x)),
    "exp": _function(np.exp, lambda t, x: t.exp(x)),
    "floor": _function(np.floor, lambda t, x: t.floor(x)),
    "gelu": _function(_gelu, lambda t, x: t.nn.functional.gelu(x)),
    "gelu_tanh": _function(_gelu_tanh, lambda t, x: t.nn.functional.gelu(x, approximate="tanh")),
    "hard_sigmoid": _function(
        lambda x, alpha, beta: np.clip(alpha * x + beta, 0.0, 1.0),
        lambda t, x, alpha, beta: t.clamp(alpha * x + beta, 0.0, 1.0),
        numbers=2,
    ),
    "hard_swish": _function(
        lambda x: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0), lambda t, x: t.nn.functional.hardswish(x)
    ),
    "leaky_relu": _function(
        lambda x, slope: np.where(x < 0, slope * x, x),
        lambda t, x, slope: t.where(x < 0, slope * x, x),
        numbers=1,
    ),
    "log": _function(np.log, lambda t, x: t.log(x)),
    "max": _function(np.maximum, lambda t, a, b: t.maximum(a, b), variables=2),
    "min": _function(np.minimum, lambda t, a, b: t.minimum(a, b), variables=2),
    "mish": _function(lambda x: x * np.tanh(_softplus(x)), lambda t, x: t.nn.functional.mish(x)),
    "mul": _both(lambda a, b: a * b, "{} * {}", 2),
    "neg": _both(lambda a: -a, "-{}", 3, variables=1),
    "pow": _both(lambda a, b: a**b, "{}^{}", 4),
    "reciprocal": _function(lambda x: 1.0 / x, lambda t, x: t.reciprocal(x)),
    "relu": _function(lambda x: np.maximum(x, 0.0), lambda t, x: t.relu(x)),
    "round": _function(np.rint, lambda t, x: t.round(x)),  # half to even
    "selu": _function(
        lambda x, alpha, gamma: gamma * _exponential_unit(x, alpha),
        lambda t, x, alpha, gamma: gamma * t.nn.functional.elu(x, alpha),
        numbers=2,
    ),
    "sigmoid": _function(lambda x: 1.0 / (1.0 + np.exp(-x)), lambda t, x: t.sigmoid(x)),
    "sign": _function(np.sign, lambda t, x: t.sign(x)),
    "sin": _function(np.sin, lambda t, x: t.sin(x)),
    "softplus": _function(_softplus, lambda t, x: t.logaddexp(x, t.zeros_like(x))),
    "softsign": _function(lambda x: x / (1.0 + np.abs(x)), lambda t, x: x / (1.0 + t.abs(x))),
    "sqrt": _function(np.sqrt, lambda t, x: t.sqrt(x)),
    "square": _both(lambda x: x * x, "{}^2", 4, variables=1),
    "sub": _both(lambda a, b: a - b, "{} - {}", 1),
    "tanh": _function(np.tanh, lambda t, x: t.tanh(x)),
    "thresholded_relu": _function(
        lambda x, alpha: np.where(x > alpha, x, 0.0),
        lambda t, x, alpha: t.where(x > alpha, x, t.zeros_like(x)),
        numbers=1,
    ),
}

_WELL_KNOWN: dict[Expression, str] = {
    ("mul", X, ("sigmoid", X)): "SiLU",
    ("mul", ("sigmoid", X), X): "SiLU",
    ("mul", X, ("tanh", ("softplus", X))): "Mish",
    ("mul", ("tanh", ("softplus", X)), X): "Mish",
    ("div", X, ("add", ("abs", X), 1.0)): "softsign",
    ("div", X, ("add", 1.0, ("abs", X))): "softsign",
    ("hard_sigmoid", X, 0.2, 0.5): "hard sigmoid",
    ("clip", X, 0.0, 6.0): "ReLU6",
}


def checked(value: object) -> Expression:
    """The expression in its one form: tuples, names and floats.

    Raises:
        HvError: an unknown function, a wrong number of arguments, no x, or too deep or large.
    """
    expression = _checked(value, DEEPEST)
    if _count(expression, X) == 0:
        raise HvError(f"{describe(expression)} is a constant", hint="a function of x has an x")
    if _size(expression) > LARGEST:
        raise HvError(f"an expression of more than {LARGEST} names and numbers")
    return expression


def on_numpy(expression: Expression, x: np.ndarray) -> np.ndarray:
    """f(x) in float64, the shape of `x`; NaN and infinities where f has them."""
    with np.errstate(all="ignore"):
        real = x.astype(np.float64)
        found = _evaluated(
            expression,
            real,
            constant=lambda number: np.full_like(real, number),
            call=lambda function, arguments: function.on_numpy(*arguments),
        )
        return np.asarray(found, np.float64)


def on_torch(expression: Expression, x: torch.Tensor) -> torch.Tensor:
    """f(x), differentiable, the shape and dtype of `x`."""
    import torch

    return _evaluated(
        expression,
        x,
        constant=lambda number: torch.full_like(x, number),
        call=lambda function, arguments: function.on_torch(torch, *arguments),
    )


def describe(expression: Expression) -> str:
    """For comments and reports: "x * sigmoid(x)"; what has a name of its own begins with it."""
    text = _text(expression)[0]
    if len(text) > _TEXT_LIMIT:
        text = f"{text[:_TEXT_LIMIT]} ..."
    name = _WELL_KNOWN.get(expression)
    return text if name is None else f"{name}, {text}"


def substituted(expression: Expression, inner: Expression) -> Expression:
    """`expression` with `inner` in the place of x."""
    if expression == X:
        return inner
    if isinstance(expression, float):
        return expression
    name, arguments = parts(expression)
    return (name, *(substituted(argument, inner) for argument in arguments))


def parts(expression: Expression) -> tuple[str, tuple[Expression, ...]]:
    """The function's name and its arguments, of an expression that is no number."""
    if not isinstance(expression, tuple) or not isinstance(expression[0], str):
        raise TypeError(f"{expression!r} has no name")
    name, arguments = expression[0], expression[1:]
    return name, tuple(argument for argument in arguments if not isinstance(argument, str))


def _checked(value: object, depth: int) -> Expression:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise HvError(f"{value} is no number that a function can have")
        return float(value)
    if not isinstance(value, tuple | list) or not value or not isinstance(value[0], str):
        raise HvError(
            f"{value!r} is no expression", hint='a number, ["x"], or [function, argument, ...]'
        )
    name, *arguments = value
    if name == "x" and not arguments:
        return X
    if depth == 0:
        raise HvError(f"an expression deeper than {DEEPEST} functions")
    function = FUNCTIONS.get(name)
    if function is None:
        raise HvError(f"unknown function {name!r}", hint=f"one of: {', '.join(FUNCTIONS)}")
    if len(arguments) != function.arity:
        raise HvError(f"{name} takes {function.arity} arguments, not {len(arguments)}")
    checked_arguments = tuple(_checked(argument, depth - 1) for argument in arguments)
    if not all(isinstance(a, float) for a in checked_arguments[function.variables :]):
        raise HvError(f"{name} takes numbers after its first argument")
    return (name, *checked_arguments)


def _evaluated(
    expression: Expression,
    x: T,
    *,
    constant: Callable[[float], T],
    call: Callable[[Function, Sequence[Any]], T],
) -> T:
    """f(x) in any library: how it fills an array, and which form of a function it calls."""
    if isinstance(expression, float):
        return constant(expression)
    if expression == X:
        return x
    name, arguments = parts(expression)
    function = FUNCTIONS[name]
    variables = [
        _evaluated(argument, x, constant=constant, call=call)
        for argument in arguments[: function.variables]
    ]
    return call(function, [*variables, *arguments[function.variables :]])


def _text(expression: Expression) -> tuple[str, int]:
    """The text and how strongly it binds."""
    if isinstance(expression, float):
        return f"{expression:g}", 5 if expression >= 0 else 1
    if expression == X:
        return "x", 5
    name, arguments = parts(expression)
    function = FUNCTIONS[name]
    texts = [_text(argument) for argument in arguments]
    if not function.text:
        return f"{name}({', '.join(text for text, _ in texts)})", function.rank
    # the second argument binds more strongly: a - (b - c); a power's first does, too
    least = [function.rank + int(index > 0 or function.rank > 2) for index in range(len(texts))]
    held = [
        text if rank >= low else f"({text})" for (text, rank), low in zip(texts, least, strict=True)
    ]
    return function.text.format(*held), function.rank


def _count(expression: Expression, what: Expression) -> int:
    if expression == what or isinstance(expression, float):
        return int(expression == what)
    return sum(_count(argument, what) for argument in parts(expression)[1])


def _size(expression: Expression) -> int:
    if expression == X or isinstance(expression, float):
        return 1
    return 1 + sum(_size(argument) for argument in parts(expression)[1])
