"""normalised_decision: a cosine in real numbers; two 64-bit products compared in integers."""

from __future__ import annotations

import numpy as np

from codegen.export import integer_parts, real_parts
from codegen.export.builder import Builder, element_type
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import int32, int64
from codegen.export.real_parts import float32
from codegen.ops.base import QuantLayer

_LEAST_NORM = 1e-12  # as in NormalisedDecision.float_forward: an image without features scores 0


def _real(graph: Builder, layer: RealLayer) -> None:
    column, features = layer.inputs
    name = layer.name
    length = graph.node("ReduceL2", [features], f"{name}/feature_norm", axes=[1], keepdims=1)
    least = graph.constant(f"{name}/least_norm", float32(_LEAST_NORM))
    bounded = graph.node("Max", [length, least], f"{name}/bounded_norm")
    weight_norm = graph.constant(f"{name}.weight_norm", float32(layer.numbers["weight_norm"]))
    lengths = graph.node("Mul", [bounded, weight_norm], f"{name}/norms")
    cosine = graph.node("Div", [column, lengths], f"{name}/cosine")
    real_parts.decide(graph, layer, cosine)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    score, features = layer.inputs
    norm_squared = _norm_squared(graph, layer, features)
    zero = graph.constant("ACCUMULATOR/zero", int32(0))
    positive = graph.node("Greater", [score, zero], f"{layer.name}/positive")
    large = _large_enough(graph, layer, score, norm_squared)
    accepted = graph.node("And", [positive, large], f"{layer.name}/accepted")
    integer_parts.decide(graph, layer, norm_squared=norm_squared, accepted=accepted, score=score)


def _norm_squared(graph: Builder, layer: QuantLayer, features: str) -> str:
    """int32 [N, 1]: the sum of (h - zero_point)**2."""
    name = layer.name
    wide = graph.node("Cast", [features], f"{name}/features", to=element_type(np.int32))
    offset = int32(layer.constants["feature_zero_point"])
    zero_point = graph.constant(f"{name}.feature_zero_point", offset)
    centred = graph.node("Sub", [wide, zero_point], f"{name}/centred")
    squares = graph.node("Mul", [centred, centred], f"{name}/squares")
    axis = graph.constant("AXIS/one", int64([1]))
    return graph.node("ReduceSum", [squares, axis], f"{name}/norm_squared", keepdims=1)


def _large_enough(graph: Builder, layer: QuantLayer, score: str, norm_squared: str) -> str:
    """score**2 * 2**shift >= threshold * norm_squared, in int64."""
    name, wide = layer.name, element_type(np.int64)
    score = graph.node("Cast", [score], f"{name}/wide_score", to=wide)
    square = graph.node("Mul", [score, score], f"{name}/score_squared")
    power = graph.constant(f"{name}.two_to_shift", int64(2 ** layer.constants["shift"]))
    left = graph.node("Mul", [square, power], f"{name}/left_side")
    norm_squared = graph.node("Cast", [norm_squared], f"{name}/wide_norm", to=wide)
    threshold = graph.constant(f"{name}.threshold", int64(layer.tensors["threshold"]))
    right = graph.node("Mul", [norm_squared, threshold], f"{name}/right_side")
    return graph.node("GreaterOrEqual", [left, right], f"{name}/large_enough")


EXPORTER = Exporter(kind="normalised_decision", real=_real, integer=_integer)
