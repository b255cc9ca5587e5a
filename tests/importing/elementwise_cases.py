"""Functions and arithmetic: what becomes one table, what is folded, what is a layer."""

from __future__ import annotations

import numpy as np

from tests.importing.handler_cases import BN, Made, batch_norm, case, chain, numbers, positive
from tests.importing.onnx_models import model, node, real


@case
def hard_swish_in_parts() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Add", "c three", "a"),
        node("Clip", "a zero six", "k"),
        node("Mul", "c k", "m_"),
        node("Div", "m_ six", "y"),
    ]
    constants = {"three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)}
    return chain((1, 3, 4, 4), nodes, {"w": numbers(4, 3, 1, 1)} | constants), "pointwise lookup"


@case
def hard_sigmoid_times_x() -> Made:
    nodes = [node("HardSigmoid", "x", "h", alpha=1 / 6, beta=0.5), node("Mul", "h x", "y")]
    return chain((1, 3, 4, 4), nodes), "lookup"


@case
def silu_in_parts() -> Made:
    nodes = [node("Sigmoid", "x", "s"), node("Mul", "x s", "y")]
    return chain((1, 3, 4, 4), nodes), "lookup"


@case
def gelu_in_parts() -> Made:
    nodes = [
        node("Div", "x root", "d"),
        node("Erf", "d", "e"),
        node("Add", "e one", "a"),
        node("Mul", "x a", "m_"),
        node("Mul", "m_ half", "y"),
    ]
    constants = {"root": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)}
    return chain((1, 3, 8), nodes, constants), "lookup"


@case
def squeeze_and_excite() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("GlobalAveragePool", "c", "g"),
        node("Conv", "g k", "k2"),
        node("Sigmoid", "k2", "s"),
        node("Mul", "s c", "y"),
    ]
    weights = {"w": numbers(4, 3, 1, 1), "k": numbers(4, 4, 1, 1)}
    return chain((1, 3, 4, 4), nodes, weights), "pointwise global_pool pointwise lookup mul"


@case
def constants_per_channel() -> Made:
    nodes = [node("Mul", "x s", "m_"), node("Sub", "m_ t", "y")]
    return (
        chain((1, 3, 4, 5), nodes, {"s": numbers(3, 1, 1), "t": numbers(1, 3, 1, 1)}),
        "depthwise",
    )


@case
def constants_along_other_axes() -> Made:
    nodes = [node("Mul", "x s", "m_"), node("Div", "m_ t", "y")]
    return chain(
        (1, 3, 4, 5), nodes, {"s": numbers(4, 1), "t": positive(5)}
    ), "transpose depthwise transpose depthwise"


@case
def constant_minus_image() -> Made:
    nodes = [node("Sub", "c x", "y")]
    return chain((1, 3, 4, 5), nodes, {"c": numbers(1, 3, 4, 5)}), "constant sub"


@case
def constant_that_broadcasts_the_tensor() -> Made:
    nodes = [node("Add", "x c", "y")]
    return chain((1, 3, 1, 5), nodes, {"c": numbers(1, 1, 4, 1)}), "constant add"


@case
def scalar_arithmetic_before_and_after_batch_norm() -> Made:
    nodes = [
        node("Sub", "x mean", "a"),
        node("Mul", "a two", "b"),
        node("BatchNormalization", f"b {BN}", "n"),
        node("Relu", "n", "y"),
    ]
    constants = {"mean": np.float32(0.5), "two": np.array([2], np.float32)}
    return chain((1, 3, 4, 5), nodes, constants | batch_norm(3)), "lookup depthwise"


@case
def residual_with_relu() -> Made:
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("Add", "c x", "a"),
        node("Relu", "a", "y"),
    ]
    return chain((1, 3, 4, 5), nodes, {"w": numbers(3, 3, 3, 3)}), "conv2d add"


@case
def scalars() -> Made:
    proto = model(
        [node("Add", "x a", "s"), node("Mul", "s a", "y")],
        {"x": real(), "a": real()},
        {"y": real()},
    )
    return proto, "add mul"


@case
def max_of_two_layouts_and_a_number() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Transpose", "x", "t", perm=[0, 1, 3, 2]),
        node("Tanh", "t", "h"),
        node("Max", "c h zero", "y"),
    ]
    constants = {"w": numbers(3, 3, 1, 1), "zero": np.float32(-0.25)}
    return (
        chain((1, 3, 4, 4), nodes, constants),
        "pointwise lookup transpose concat max_pool lookup",
    )


@case
def min_with_a_constant_tensor() -> Made:
    nodes = [node("Min", "x k", "m_"), node("Exp", "m_", "y")]
    constants = {"k": numbers(1, 2, 5)}
    return chain((1, 2, 5), nodes, constants), "lookup constant concat max_pool lookup"


@case
def unit_length() -> Made:
    nodes = [
        node("Gemm", "x w", "e"),
        node("Mul", "e e", "q"),
        node("ReduceSum", "q axes", "s", keepdims=1),
        node("Sqrt", "s", "n"),
        node("Div", "e n", "y"),
    ]
    kinds = "dense lookup global_pool lookup mul"
    return chain((1, 8), nodes, {"w": numbers(8, 6), "axes": [1]}), kinds


@case
def a_slope_for_each_element() -> Made:
    nodes = [node("Conv", "x w", "c"), node("PRelu", "c s", "y")]
    return (
        chain((1, 3, 4, 5), nodes, {"w": numbers(4, 3, 1, 1), "s": numbers(4, 4, 5)}),
        "pointwise transpose depthwise",
    )
