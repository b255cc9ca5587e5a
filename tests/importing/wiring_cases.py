"""Layouts, joins, several inputs and outputs, names."""

from __future__ import annotations

import numpy as np
import onnx

from tests.importing.handler_cases import BN, Made, batch_norm, case, chain, numbers
from tests.importing.onnx_models import model, node, real


@case
def channels_last_as_keras_writes_it() -> Made:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w b", "c", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Relu", "c", "r"),
        node("Transpose", "r", "u", perm=[0, 2, 3, 1]),
        node("Transpose", "u", "v_", perm=[0, 3, 1, 2]),
        node("MaxPool", "v_", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", "p", "y", perm=[0, 2, 3, 1]),
    ]
    return (
        chain((1, 7, 9, 3), nodes, {"w": numbers(4, 3, 3, 3), "b": numbers(4)}),
        "conv2d max_pool",
    )


@case
def channels_last_classifier() -> Made:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w", "c"),
        node("Transpose", "c", "u", perm=[0, 2, 3, 1]),
        node("Reshape", "u s", "f"),
        node("MatMul", "f k", "d"),
        node("Softmax", "d", "y"),
    ]
    weights = {"w": numbers(3, 2, 2, 2), "k": numbers(36, 4)}
    return (
        chain((1, 4, 5, 2), nodes, weights | {"s": [-1, 36]}),
        "conv2d dense softmax",
    )


@case
def concat_on_channels_of_different_layouts() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
        node("MatMul", "t k", "d"),
        node("Transpose", "d", "e", perm=[0, 3, 1, 2]),
        node("Concat", "c e k2", "y", axis=1),
    ]
    weights = {"w": numbers(4, 3, 1, 1), "k": numbers(3, 5), "k2": numbers(1, 2, 4, 6)}
    return chain((1, 3, 4, 6), nodes, weights), "pointwise pointwise constant concat"


@case
def concat_of_an_image_and_its_transpose() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Transpose", "c", "t", perm=[0, 1, 3, 2]),
        node("Concat", "c t", "y", axis=1),
    ]
    return chain((1, 3, 4, 4), nodes, {"w": numbers(4, 3, 1, 1)}), "pointwise transpose concat"


@case
def u_net() -> Made:
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p v_", "d", pads=[1, 1, 1, 1]),
        node("Resize", "d - s", "u", mode="nearest", coordinate_transformation_mode="asymmetric"),
        node("Concat", "u r", "j", axis=1),
        node("Conv", "j z", "y"),
    ]
    weights = {"w": numbers(4, 3, 3, 3), "v_": numbers(5, 4, 3, 3), "z": numbers(2, 9, 1, 1)}
    scales = {"s": np.array([1, 1, 2, 2], np.float32)}
    return (
        chain((1, 3, 6, 8), nodes, weights | scales),
        "conv2d max_pool conv2d resize concat pointwise",
    )


@case
def split_slice_and_pad() -> Made:
    nodes = [
        node("Split", "x sizes", "a b", axis=1),
        node("Slice", "b starts ends axes steps", "s"),
        node("Pad", "s pads", "p", mode="constant"),
        node("Concat", "a p", "y", axis=1),
    ]
    constants = {
        "sizes": [1, 3],
        "starts": [-1, 1],
        "ends": [-100, 4],
        "axes": [-1, 2],
        "steps": [-1, 1],
        "pads": [0, 0, 1, 0, 0, 0, 0, 0],
    }
    return chain((1, 4, 4, 5), nodes, constants), "slice slice slice pad concat"


@case
def an_input_that_is_also_an_output() -> Made:
    proto = model(
        [node("Relu", "x", "y")],
        {"x": real(1, 3, 4)},
        {"x": real(1, 3, 4), "y": real(1, 3, 4)},
    )
    return proto, "transpose lookup"


@case
def an_output_used_twice_and_read() -> Made:
    nodes = [node("Tanh", "x", "a"), node("Identity", "a", "b"), node("Neg", "a", "y")]
    return chain((1, 5), nodes, out=("a", "b", "y")), "lookup transpose lookup"


@case
def two_inputs_and_two_outputs() -> Made:
    proto = model(
        [
            node("Conv", "image w", "c"),
            node("Flatten", "c", "f"),
            node("Concat", "f motion", "j", axis=1),
            node("Gemm", "j u", "score", transB=1),
            node("Softmax", "score", "share"),
            node("ArgMax", "score", "class", axis=1, keepdims=0),
        ],
        {"image": real(1, 3, 3, 4), "motion": real(1, 5)},
        {"share": real(1, 4), "class": (onnx.TensorProto.INT64, [1])},
        {"w": numbers(2, 3, 1, 1), "u": numbers(4, 29)},
    )
    return proto, "pointwise transpose concat dense softmax argmax"


@case
def names_that_clash_or_are_keywords_in_c() -> Made:
    proto = model(
        [
            node("Relu", "int", "/Layer.1/Out", name="for"),
            node("Sigmoid", "int", "_layer_1_out", name="while"),
            node("Add", "/Layer.1/Out _layer_1_out", "run", name="/A/b"),
            node("Tanh", "run", "image", name="a_b"),
        ],
        {"int": real(1, 6)},
        {"image": real(1, 6)},
    )
    return proto, "lookup"


@case
def without_a_batch() -> Made:
    nodes = [node("MatMul", "x w", "m_"), node("Tanh", "m_", "t"), node("ReduceMax", "t", "y")]
    return chain((7, 5), nodes, {"w": numbers(5, 4)}, out=("t", "y")), "pointwise lookup max_pool"


@case
def batch_of_images() -> Made:
    nodes = [
        node("BatchNormalization", f"x {BN}", "n"),
        node("Relu", "n", "r"),
        node("ReduceMean", "r", "y", axes=[2, 3], keepdims=0),
    ]
    return chain((2, 3, 4, 5), nodes, batch_norm(3)), "transpose depthwise transpose global_pool"


@case
def transposes_in_a_chain() -> Made:
    nodes = [
        node("Transpose", "x", "a", perm=[2, 0, 1]),
        node("Relu", "a", "b"),
        node("Transpose", "b", "c", perm=[1, 2, 0]),
        node("Add", "c x", "y"),
    ]
    return chain((3, 4, 5), nodes), "lookup"


@case
def channel_shuffle() -> Made:
    nodes = [
        node("Conv", "x w", "c", group=2),
        node("Reshape", "c s1", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "b s2", "d"),
        node("Conv", "d w", "y", group=2),
    ]
    constants = {"w": numbers(4, 2, 1, 1), "s1": [1, 2, 2, 3, 5], "s2": [1, 4, 3, 5]}
    return chain((1, 4, 3, 5), nodes, constants), "grouped_conv transpose grouped_conv"


@case
def gather_of_any_places() -> Made:
    nodes = [node("Conv", "x w", "c"), node("Gather", "c i", "g", axis=1), node("Relu", "g", "y")]
    constants = {"w": numbers(6, 3, 1, 1), "i": np.array([[5, 0, 1], [-3, 3, 1]])}
    return (
        chain((1, 3, 4, 5), nodes, constants),
        "pointwise slice slice slice concat lookup",
    )


@case
def gather_along_the_batch() -> Made:
    nodes = [node("Gather", "x i", "y", axis=0)]
    return chain((1, 3, 2), nodes, {"i": np.array([0, 0, 0])}), "concat"
