"""One step: an integer network as QuantizeLinear and DequantizeLinear, as other tools read it.

The network's own scales and zero points. What lies between two of these nodes is real arithmetic,
and runtimes fuse it as they like: results are near those of the firmware, not the same bits.

ONNX Runtime fuses it into products of uint8 and int8, which saturate in 16 bits on x86 without
VNNI; its session option session.x64quantprecision = 1 keeps them exact.
"""

from __future__ import annotations

import math

import numpy as np
import onnx

from codegen.arith import FRACTION_BITS
from codegen.errors import HvError
from codegen.export.builder import Builder, TensorInfo
from codegen.export.exporter import RealLayer
from codegen.export.ops import find_exporter
from codegen.export.real_parts import (
    CHANNELS_FIRST,
    OUTPUTS,
    SCORE,
    channels_first,
    float32,
    per_channel,
    real_info,
    real_inputs,
    tensor_name,
)
from codegen.nets import IMAGE, Architecture, Image, QuantNet
from codegen.ops.base import Quantity, QuantLayer
from codegen.ops.normalised_decision import NormalisedDecision

SUMMARY = (
    "The verifier with its own scales and zero points between QuantizeLinear and DequantizeLinear. "
    "score is a cosine, or w.h + b where the decision is plain; accepted is score >= threshold."
)
NETWORK_SUMMARY = (
    "The network with its own scales between QuantizeLinear and DequantizeLinear. "
    "Images are [N, C, H, W]."
)


def qdq_graph(net: QuantNet, *, every_layer: bool = False) -> onnx.ModelProto:
    """A verifier from image uint8 [N, H, W, C] to score float32 [N] and accepted bool [N].

    Any other network from its inputs to its outputs, float32, images [N, C, H, W].

    Args:
        net: the integer network; it passed codegen.gates.check_network.
        every_layer: makes every int8 tensor an output too, images [N, C, H, W].

    Raises:
        HvError: a bias does not fit int32 without the zero point that is folded into it.
    """
    graph = Builder(net.arch.inputs[0].name)
    layers = {layer.name: layer for layer in net.layers}
    tensors = _read_inputs(graph, net)
    infos = []
    for layer in net.layers:
        tensors[layer.name] = _add_layer(graph, net.arch, layer, layers, tensors)
        if layer.op.output_dtype == "int8":
            name, shape = int8_name(net.arch, layer.name), channels_first(layer.output_shape)
            infos.append(TensorInfo(name=name, dtype=np.int8, shape=shape))
    results = OUTPUTS if net.arch.is_verifier else _network_outputs(net, layers, tensors)
    return graph.model(
        net.arch.name,
        SUMMARY if net.arch.is_verifier else NETWORK_SUMMARY,
        inputs=real_inputs(net.arch),
        results=(*results, *infos) if every_layer else results,
        layers=infos,
    )


def _network_outputs(
    net: QuantNet, layers: dict[str, QuantLayer], tensors: dict[str, str]
) -> tuple[TensorInfo, ...]:
    """The real results of the outputs, behind the last DequantizeLinear."""
    return tuple(real_info(tensors[name], layers[name].output_shape) for name in net.arch.outputs)


def _read_inputs(graph: Builder, net: QuantNet) -> dict[str, str]:
    """Names of the real tensors of the inputs."""
    if net.arch.is_verifier:
        return {IMAGE: _read_image(graph, net.arch.image)}
    return {
        name: _quantised(graph, name, f"{name}/int8", quantity)
        for name, quantity in net.input_quantities.items()
    }


def _read_image(graph: Builder, image: Image) -> str:
    """Bytes -> int8, as all other activations are -> real, channels first."""
    scale = graph.constant(f"{IMAGE}/scale", float32(image.scale))
    middle = graph.constant(f"{IMAGE}/byte_zero_point", np.array(128, np.uint8))
    real = graph.node("DequantizeLinear", [IMAGE, scale, middle], f"{IMAGE}/bytes")
    turned = graph.node("Transpose", [real], f"{IMAGE}/channels_first", perm=CHANNELS_FIRST)
    return _quantised(graph, turned, f"{IMAGE}/int8", image.quantity)


def int8_name(arch: Architecture, layer: str) -> str:
    """The int8 tensor of a layer; a network's answer in real numbers has the layer's own name."""
    is_answer = not arch.is_verifier and layer in arch.outputs
    return f"{layer}/int8" if is_answer else tensor_name(arch, layer)


def _quantised(
    graph: Builder, real: str, output: str, quantity: Quantity, result: str | None = None
) -> str:
    """Real -> int8 `output` -> real again, called `result` if that is given; returns its name."""
    scale = graph.constant(f"{output}/output_scale", float32(quantity.scale))
    zero = graph.constant(f"{output}/output_zero_point", np.array(quantity.zero_point, np.int8))
    graph.node("QuantizeLinear", [real, scale, zero], output)
    return graph.node("DequantizeLinear", [output, scale, zero], result or f"{output}/real")


def _add_layer(
    graph: Builder,
    arch: Architecture,
    layer: QuantLayer,
    layers: dict[str, QuantLayer],
    tensors: dict[str, str],
) -> str:
    """Adds a layer; returns the name of its real result."""
    is_int8 = layer.op.output_dtype == "int8"
    own = int8_name(arch, layer.name) if is_int8 else tensor_name(arch, layer.name)
    output = SCORE if layer.op.is_decision else f"{layer.name}/exact" if is_int8 else own
    real = RealLayer(
        name=layer.name,
        op=layer.op,
        inputs=tuple(tensors[name] for name in layer.inputs),
        input_shapes=layer.input_shapes,
        output=output,
        parameters=_parameters(graph, layer),
        numbers=_decision_numbers(layer, layers) if layer.op.is_decision else {},
    )
    find_exporter(layer.op.kind).real(graph, real)
    if not is_int8:
        return output
    is_answer = not arch.is_verifier and layer.name in arch.outputs
    return _quantised(graph, output, own, layer.quantity, layer.name if is_answer else None)


def _parameters(graph: Builder, layer: QuantLayer) -> dict[str, str]:
    if "weight" in layer.tensors:
        return _weights(graph, layer)
    return {"values": _constant(graph, layer)} if "values" in layer.tensors else {}


def _constant(graph: Builder, layer: QuantLayer) -> str:
    """The numbers of a constant in the house's order -> the name of the real tensor."""
    name = f"{layer.name}.values"
    inputs = [
        graph.constant(name, layer.tensors["values"]),
        graph.constant(f"{name}/scale", float32(layer.quantity.scale)),
        graph.constant(f"{name}/zero_point", np.array(layer.quantity.zero_point, np.int8)),
    ]
    return graph.node("DequantizeLinear", inputs, f"{name}/real")


def _weights(graph: Builder, layer: QuantLayer) -> dict[str, str]:
    order = find_exporter(layer.op.kind).weight_order
    weight = np.asarray(order(layer.tensors["weight"]), order="C")
    scales = weight_scales(layer)
    bias_scales = layer.input_quantities[0].scale * scales
    parameters = {
        "weight": _per_channel_constant(graph, f"{layer.name}.weight", weight, scales),
        "bias": _per_channel_constant(
            graph, f"{layer.name}.bias", _unfolded_bias(layer, weight), bias_scales
        ),
    }
    if "negative_multiplier" in layer.tensors:
        slope = layer.tensors["negative_multiplier"] / layer.tensors["multiplier"]
        shaped = float32(per_channel(slope, layer.output_shape))
        parameters["slope"] = graph.constant(f"{layer.name}.slope", shaped)
    return parameters


def _per_channel_constant(graph: Builder, name: str, values: np.ndarray, scales: np.ndarray) -> str:
    """Integers, the output channel first, and their scales [C] -> the name of the real tensor."""
    inputs = [
        graph.constant(name, values),
        graph.constant(f"{name}/scale", float32(scales)),
        graph.constant(f"{name}/zero_point", np.zeros(len(scales), values.dtype)),
    ]
    return graph.node("DequantizeLinear", inputs, f"{name}/real", axis=0)


def weight_scales(layer: QuantLayer) -> np.ndarray:
    """What one unit of a weight stands for, float64 [C]: the multipliers say it."""
    source = layer.input_quantities[0].scale
    if layer.op.output_dtype == "int32":
        return np.full(layer.output_shape, layer.quantity.scale / source)
    shift = FRACTION_BITS - layer.constants["left_shift"]
    ratio = layer.tensors["multiplier"].astype(np.float64) / 2.0**shift
    return np.asarray(ratio * layer.quantity.scale / source)


def _unfolded_bias(layer: QuantLayer, weight: np.ndarray) -> np.ndarray:
    """int32 [C]: the bias without the input's zero point."""
    sums = weight.reshape(len(weight), -1).sum(axis=1, dtype=np.int64)
    bias = layer.tensors["bias"].astype(np.int64) + layer.input_quantities[0].zero_point * sums
    if np.abs(bias).max() >= 2**31:
        raise HvError(
            "a bias does not fit int32 when the zero point is taken out of it",
            where=f"layer {layer.name}",
            hint="export onnx-integer: it keeps the zero point in the bias",
        )
    return np.asarray(bias, np.int32)


def _decision_numbers(layer: QuantLayer, layers: dict[str, QuantLayer]) -> dict[str, float]:
    """The real threshold that the integer one stands for, and the length of the real weights."""
    head = layers[layer.inputs[0]]
    threshold = int(layer.tensors["threshold"][0])
    if not isinstance(layer.op, NormalisedDecision):
        return {"threshold": threshold * head.quantity.scale}
    squares = float((head.tensors["weight"].astype(np.float64) ** 2).sum())
    return {
        "threshold": math.sqrt(threshold / (squares * 2 ** layer.constants["shift"])),
        "weight_norm": math.sqrt(squares) * float(weight_scales(head)[0]),
    }
