"""What random models found (test_random_models), each as small as it gets."""

from __future__ import annotations

import numpy as np
import onnx

from tests.importing.handler_cases import BN, Made, batch_norm, case, chain, numbers
from tests.importing.onnx_models import model, node, real

UNKNOWN = (onnx.TensorProto.FLOAT, None)


@case
def batch_norm_along_another_axis_than_the_weights() -> Made:
    nodes = [node("MatMul", "x w", "m_"), node("BatchNormalization", f"m_ {BN}", "y")]
    constants = {"w": numbers(3, 4), **batch_norm(4)}
    return chain((1, 4, 3), nodes, constants), "pointwise transpose depthwise"


@case
def gather_from_an_input_that_is_read_flat() -> Made:
    nodes = [node("Reshape", "x s", "f"), node("Gather", "x i", "y", axis=0)]
    constants = {"s": [2, 6], "i": np.array([0, 1, 1])}
    return chain((2, 3, 2), nodes, constants, out=("f", "y")), "slice concat transpose"


@case
def an_input_read_in_two_shapes_by_one_node() -> Made:
    nodes = [
        node("Reshape", "x s1", "a"),
        node("Reshape", "x s2", "b"),
        node("Add", "a b", "y"),
    ]
    return chain((1, 4), nodes, {"s1": [1, 2, 2, 1], "s2": [4]}), "transpose transpose add"


@case
def an_input_that_nobody_reads() -> Made:
    ends = {"x": real(1, 4), "unread": real(1, 3)}
    return model([node("Relu", "x", "y")], ends, {"y": real(1, 4)}), "lookup"


@case
def padding_beyond_the_range() -> Made:
    nodes = [node("Pad", "x p v", "y")]
    constants = {"p": [0, 0, 1, 0, 0, 0, 0, 2], "v": np.float32(4.5)}
    return chain((1, 2, 3, 3), nodes, constants), "lookup pad lookup"


@case
def padding_without_an_end_for_a_pool() -> Made:
    nodes = [node("Pad", "x p v", "a"), node("MaxPool", "a", "y", kernel_shape=[2, 2])]
    constants = {"p": [0, 0, 1, 0, 0, 0, 0, 1], "v": np.float32(-np.inf)}
    return chain((1, 2, 3, 3), nodes, constants), "pad max_pool"


def _rounded_up(op: str, **attributes: object) -> onnx.ModelProto:
    """The last column's window would begin in the padding; the last row's does not."""
    window = {"kernel_shape": [3, 2], "strides": [2, 3], "ceil_mode": 1, **attributes}
    nodes = [node(op, "x", "a", **window), node("Flatten", "a", "y")]
    return chain((1, 2, 6, 3), nodes)


@case
def largest_of_windows_that_begin_in_the_image() -> Made:
    return _rounded_up("MaxPool"), "max_pool transpose"


@case
def mean_of_windows_that_begin_in_the_image() -> Made:
    proto = _rounded_up("AveragePool", count_include_pad=1, pads=[0, 0, 0, 1])
    return proto, "inner_average_pool transpose"


@case
def transposed_windows_narrower_than_their_strides() -> Made:
    attributes = {"auto_pad": "SAME_UPPER", "strides": [3, 2], "kernel_shape": [2, 3]}
    nodes = [node("ConvTranspose", "x w", "y", **attributes)]
    return chain((1, 2, 3, 4), nodes, {"w": numbers(2, 3, 2, 3)}), "conv_transpose"


@case
def softmax_before_weights() -> Made:
    nodes = [node("Softmax", "x", "s", axis=1), node("Conv", "s w", "y")]
    return chain((1, 3, 2, 4), nodes, {"w": numbers(2, 3, 1, 1)}), "softmax pointwise"


def _resized(size: int, wanted: int, coordinate: str, rounding: str) -> onnx.ModelProto:
    modes = {"coordinate_transformation_mode": coordinate, "nearest_mode": rounding}
    return chain(
        (1, 1, 1, size), [node("Resize", "x - - z", "y", **modes)], {"z": [1, 1, 1, wanted]}
    )


@case
def pixels_that_float32_puts_before_a_whole_number() -> Made:
    return _resized(35, 5, "half_pixel", "floor"), "resize"


@case
def pixels_that_float32_puts_before_the_middle() -> Made:
    return _resized(7, 8, "asymmetric", "round_prefer_ceil"), "resize"
