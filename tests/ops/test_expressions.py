"""Expressions: numpy against torch, text, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from codegen.errors import HvError
from codegen.ops.expressions import (
    DEEPEST,
    FUNCTIONS,
    LARGEST,
    Expression,
    checked,
    describe,
    on_numpy,
    on_torch,
)
from tests.ops.expression_cases import EXPRESSIONS, X

_POINTS = np.concatenate([np.linspace(-9, 9, 721), [0.0, 0.5, 1.5, 2.5, -0.5, 1e3, -1e3]])


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=describe)
def test_numpy_and_torch_agree(expression: Expression) -> None:
    ours = on_numpy(expression, _POINTS)
    theirs = on_torch(expression, torch.from_numpy(_POINTS)).numpy()
    assert ours.shape == _POINTS.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


# fmt: off
_TORCH: dict[str, Any] = {
    "celu": lambda x: functional.celu(x, 0.75),
    "gelu": lambda x: x * 0.5 * torch.erfc(-x / 2**0.5),
    "hard_swish": lambda x: x * functional.relu6(x + 3) / 6,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.125),
    "mish": lambda x: x * torch.tanh(functional.softplus(x, threshold=50)),
    "selu": functional.selu,
    "softplus": lambda x: functional.softplus(x, threshold=50),
    "softsign": functional.softsign,
    "thresholded_relu": lambda x: functional.threshold(x, 0.75, 0.0),
}
# fmt: on


@pytest.mark.parametrize("name", _TORCH)
def test_named_functions_are_those_of_torch(name: str) -> None:
    (expression,) = [e for e in EXPRESSIONS if isinstance(e, tuple) and e[0] == name]
    expected = _TORCH[name](torch.from_numpy(_POINTS)).numpy()
    np.testing.assert_allclose(on_numpy(expression, _POINTS), expected, rtol=1e-6, atol=1e-7)


def test_half_goes_to_even() -> None:
    assert on_numpy(("round", X), np.array([0.5, 1.5, 2.5, -0.5])).tolist() == [0, 2, 2, 0]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=describe)
def test_training_can_go_through_it(expression: Expression) -> None:
    x = torch.tensor([0.3, 1.1], requires_grad=True)
    on_torch(expression, x).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (("add", ("mul", X, 2.0), 1.0), "x * 2 + 1"),
        (("mul", X, ("sigmoid", X)), "SiLU, x * sigmoid(x)"),
        (("mul", ("add", X, 1.0), -2.0), "(x + 1) * (-2)"),
        (("sub", X, ("sub", X, 1.0)), "x - (x - 1)"),
        (("div", 1.0, ("mul", X, X)), "1 / (x * x)"),
        (("neg", ("add", X, 1.0)), "-(x + 1)"),
        (("square", ("neg", X)), "(-x)^2"),
        (("pow", ("pow", X, 2.0), 3.0), "(x^2)^3"),
        (("clip", X, 0.0, 6.0), "ReLU6, clip(x, 0, 6)"),
        (X, "x"),
    ],
)
def test_text_for_people(expression: Expression, text: str) -> None:
    assert describe(checked(expression)) == text


def test_a_long_text_is_cut() -> None:
    deep: Expression = X
    for _ in range(30):
        deep = ("tanh", deep)
    assert len(describe(deep)) < 130


def test_no_text_ends_a_comment() -> None:
    for outer in FUNCTIONS:
        for inner in EXPRESSIONS:
            text = describe(("div", (outer, inner, inner, inner)[: FUNCTIONS[outer].arity + 1], X))
            assert "*/" not in text
            assert "/*" not in text


def test_lists_and_whole_numbers_become_the_one_form() -> None:
    assert checked(["add", ["x"], 1]) == ("add", X, 1.0)
    (_, _, number) = checked(["add", ["x"], 1])  # type: ignore[misc]
    assert isinstance(number, float)


def _deep(levels: int) -> Expression:
    expression: Expression = X
    for _ in range(levels):
        expression = ("neg", expression)
    return expression


def _wide(levels: int) -> Expression:
    expression: Expression = X
    for _ in range(levels):
        expression = ("add", expression, expression)
    return expression


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["relu6", ["x"]], "unknown function"),
        (["clip", ["x"], 0.0], "takes 3 arguments, not 2"),
        (["x", 1.0], "unknown function"),
        (["clip", ["x"], ["x"], 1.0], "numbers after its first"),
        (["add", 1.0, 2.0], "1 \\+ 2 is a constant"),
        (["mul", ["x"], float("nan")], "no number"),
        (["mul", ["x"], True], "no expression"),
        ([], "no expression"),
        (None, "no expression"),
        (_deep(DEEPEST + 1), "deeper than"),
        (_wide(9), "more than 256"),
    ],
)
def test_what_is_no_expression_is_refused(value: object, message: str) -> None:
    with pytest.raises(HvError, match=message):
        checked(value)


def test_the_bounds_themselves_are_allowed() -> None:
    checked(_deep(DEEPEST))
    checked(_wide(7))
    assert LARGEST == 256
