"""Small models of what exporters write and node tests do not cover, by name.

Each is given with the layers that it must become: what is fused or folded leaves no layer behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from tests.importing.onnx_models import model, node, real

# the model, and the kinds of its layers in order; not reshape: no code runs for it
Made = tuple[onnx.ModelProto, str]
CASES: dict[str, Callable[[], Made]] = {}


def case(function: Callable[[], Made]) -> Callable[[], Made]:
    CASES[function.__name__] = function
    return function


def numbers(*shape: int, seed: int = 1) -> np.ndarray:
    """Between -1 and 1, float32."""
    generator = np.random.default_rng([seed, *shape])
    return generator.uniform(-1, 1, shape).astype(np.float32)


def positive(*shape: int) -> np.ndarray:
    return np.abs(numbers(*shape)) + np.float32(0.5)


def batch_norm(channels: int) -> dict[str, np.ndarray]:
    """scale, offset, mean and variance."""
    return {
        "g": numbers(channels, seed=2),
        "o": numbers(channels, seed=3),
        "m": numbers(channels, seed=4),
        "v": positive(channels),
    }


BN = "g o m v"


def chain(
    shape: tuple[int, ...],
    nodes: list[onnx.NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    opset: int = 17,
    out: tuple[str, ...] = ("y",),
) -> onnx.ModelProto:
    """From x of a shape to y."""
    unknown = dict.fromkeys(out, (onnx.TensorProto.FLOAT, None))
    return model(nodes, {"x": real(*shape)}, unknown, constants or {}, opset=opset)


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
def scalars() -> Made:
    proto = model(
        [node("Add", "x a", "s"), node("Mul", "s a", "y")],
        {"x": real(), "a": real()},
        {"y": real()},
    )
    return proto, "add mul"


@case
def without_a_batch() -> Made:
    nodes = [node("MatMul", "x w", "m_"), node("Tanh", "m_", "t"), node("ReduceMax", "t", "y")]
    return chain((7, 5), nodes, {"w": numbers(5, 4)}, out=("t", "y")), "pointwise lookup max_pool"


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
