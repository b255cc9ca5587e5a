"""Convolutions and products, and what is folded into them."""

from __future__ import annotations

import numpy as np

from tests.importing.handler_cases import BN, Made, batch_norm, case, chain, numbers
from tests.importing.onnx_models import node


@case
def conv_batch_norm_relu() -> Made:
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", f"c {BN}", "n"),
        node("Relu", "n", "y"),
    ]
    weights = {"w": numbers(5, 3, 3, 3), "b": numbers(5)}
    return chain((1, 3, 6, 5), nodes, weights | batch_norm(5)), "conv2d"


@case
def conv_mul_add_clip() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Mul", "c s", "m_"),
        node("Add", "t m_", "a"),
        node("Clip", "a lo hi", "y"),
    ]
    weights = {"w": numbers(4, 3, 1, 1), "s": numbers(4, 1, 1), "t": numbers(1, 4, 1, 1)}
    bounds = {"lo": np.float32(0), "hi": np.float32(6)}
    return chain((1, 3, 4, 4), nodes, weights | bounds), "pointwise"


@case
def conv_prelu() -> Made:
    nodes = [node("Conv", "x w", "c", group=3), node("PRelu", "c s", "y")]
    return (
        chain((1, 3, 6, 5), nodes, {"w": numbers(3, 1, 3, 3), "s": numbers(3, 1, 1)}),
        "depthwise",
    )


@case
def conv_prelu_of_one_slope() -> Made:
    nodes = [node("Conv", "x w", "c"), node("PRelu", "c s", "y")]
    return chain((1, 3, 6, 5), nodes, {"w": numbers(4, 3, 2, 3), "s": numbers(1)}), "conv2d"


@case
def conv_leaky_relu() -> Made:
    nodes = [node("Conv", "x w", "c"), node("LeakyRelu", "c", "y", alpha=0.2)]
    return chain((1, 3, 6, 5), nodes, {"w": numbers(4, 3, 2, 3)}), "conv2d"


@case
def conv_read_twice_is_not_folded() -> Made:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Add", "r c", "y")]
    return chain((1, 3, 4, 4), nodes, {"w": numbers(4, 3, 1, 1)}), "pointwise lookup"


@case
def grouped_dilated_conv_with_uneven_padding() -> Made:
    nodes = [node("Conv", "x w", "y", group=2, dilations=[2, 1], pads=[2, 0, 1, 1], strides=[1, 2])]
    return chain((1, 4, 7, 6), nodes, {"w": numbers(6, 2, 3, 2)}), "grouped_conv"


@case
def padding_wider_than_the_kernel() -> Made:
    nodes = [node("Conv", "x w", "y", pads=[2, 2, 2, 2])]
    return chain((1, 3, 4, 4), nodes, {"w": numbers(4, 3, 1, 1)}), "pad pointwise"


@case
def signal_net() -> Made:
    nodes = [
        node("Conv", "x w", "c", pads=[2, 2], strides=[2]),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2], strides=[2]),
        node("Conv", "p v", "d", dilations=[2]),
        node("GlobalAveragePool", "d", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f u q", "y", transB=1),
    ]
    weights = {"w": numbers(4, 3, 5), "v": numbers(6, 4, 2), "u": numbers(3, 6), "q": numbers(3)}
    kinds = "conv2d max_pool grouped_conv global_pool dense"
    return chain((1, 3, 24), nodes, weights), kinds


@case
def transposed_convolution() -> Made:
    nodes = [
        node("ConvTranspose", "x w b", "c", strides=[2, 2], output_padding=[1, 0], group=2),
        node("BatchNormalization", f"c {BN}", "n"),
        node("PRelu", "n s", "y"),
    ]
    weights = {"w": numbers(4, 3, 3, 2), "b": numbers(6), "s": numbers(6, 1, 1)}
    return chain((1, 4, 3, 4), nodes, weights | batch_norm(6)), "conv_transpose"


@case
def transposed_convolution_of_a_signal() -> Made:
    nodes = [node("ConvTranspose", "x w", "y", strides=[3], pads=[1, 0])]
    return chain((1, 4, 5), nodes, {"w": numbers(4, 3, 4)}), "conv_transpose"


@case
def gemm_after_flatten_of_an_image() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Flatten", "c", "f"),
        node("Gemm", "f u", "g", transB=1),
        node("Relu", "g", "y"),
    ]
    return (
        chain((1, 2, 4, 5), nodes, {"w": numbers(3, 2, 2, 2), "u": numbers(4, 36)}),
        "conv2d dense",
    )


@case
def matmul_and_add_after_reshape_of_an_image() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Reshape", "c s", "f"),
        node("MatMul", "f u", "g"),
        node("Add", "g b", "y"),
    ]
    weights = {"w": numbers(3, 2, 2, 2), "u": numbers(36, 4), "b": numbers(4)}
    return chain((1, 2, 4, 5), nodes, weights | {"s": [1, -1]}), "conv2d dense"


@case
def flatten_read_by_others_too() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Flatten", "c", "f"),
        node("Gemm", "f u", "g", transB=1),
    ]
    weights = {"w": numbers(3, 2, 2, 2), "u": numbers(4, 36)}
    return chain((1, 2, 4, 5), nodes, weights, out=("g", "f")), "conv2d transpose dense"


@case
def batch_of_vectors() -> Made:
    nodes = [
        node("Gemm", "x w b", "p"),
        node("BatchNormalization", f"p {BN}", "n"),
        node("Relu", "n", "r"),
        node("Concat", "r x", "j", axis=-1),
        node("Softmax", "j", "y", axis=0),
    ]
    weights = {"w": numbers(5, 4), "b": numbers(4)}
    return chain((3, 5), nodes, weights | batch_norm(4)), "pointwise concat softmax"


@case
def mobile_face_net_end() -> Made:
    nodes = [
        node("Conv", "x w", "c", group=4),
        node("BatchNormalization", f"c {BN}", "n"),
        node("Conv", "n k", "d"),
        node("Flatten", "d", "y"),
    ]
    weights = {"w": numbers(4, 1, 3, 4), "k": numbers(6, 4, 1, 1)}
    return chain((1, 4, 3, 4), nodes, weights | batch_norm(4)), "depthwise pointwise"


@case
def gemm_of_a_transposed_matrix() -> Made:
    nodes = [node("Gemm", "x w b", "g", transA=1), node("Relu", "g", "y")]
    return chain((4, 3), nodes, {"w": numbers(4, 5), "b": numbers(5)}), "transpose pointwise"


@case
def matmul_by_a_stack_after_flatten() -> Made:
    nodes = [
        node("Conv", "x w", "c"),
        node("Flatten", "c", "f"),
        node("MatMul", "f u", "y"),
    ]
    weights = {"w": numbers(3, 2, 1, 1), "u": numbers(1, 36, 4)}
    return chain((1, 2, 3, 4), nodes, weights), "pointwise transpose dense"
