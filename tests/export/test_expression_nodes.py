"""Expressions as ONNX nodes in ONNX Runtime against float64."""

from __future__ import annotations

import numpy as np
import pytest
from export_cases import check, run_model

from codegen.export.builder import Builder, TensorInfo
from codegen.export.expression_nodes import NODES, OTHERS, add_expression
from codegen.ops.expressions import FUNCTIONS, Expression, describe, on_numpy
from tests.ops.expression_cases import EXPRESSIONS, X

_POINTS = np.concatenate([np.linspace(-9, 9, 577), [0.5, 1.5, 2.5, -0.5]]).astype(np.float32)
_PAIRS: tuple[Expression, ...] = (("div", ("exp", X), ("add", ("exp", X), 1.0)),)


def test_every_function_has_nodes() -> None:
    assert sorted([*NODES, *OTHERS]) == sorted(FUNCTIONS)


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *_PAIRS], ids=describe)
def test_the_nodes_compute_the_function(expression: Expression) -> None:
    graph = Builder("image")
    add_expression(graph, expression, "layer", "image", "result")
    info = {"dtype": np.float32, "shape": _POINTS.shape}
    model = graph.model(
        "one",
        "",
        inputs=[TensorInfo(name="image", **info)],
        results=[TensorInfo(name="result", **info)],
        layers=[],
    )
    check(model)
    got = run_model(model, _POINTS[np.newaxis])["result"][0]
    expected = on_numpy(expression, _POINTS)
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)


def test_equal_parts_are_one_node() -> None:
    graph = Builder("image")
    add_expression(graph, _PAIRS[0], "layer", "image", "result")
    assert graph.has("layer/exp1")
    assert graph.has("layer/add3")  # 2 is the number
    assert not graph.has("layer/exp4")
