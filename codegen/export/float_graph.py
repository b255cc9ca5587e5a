"""One step: a real-valued network as it was trained, in float32."""

from __future__ import annotations

import numpy as np
import onnx

from codegen.export.builder import Builder, element_type
from codegen.export.exporter import RealLayer
from codegen.export.ops import find_exporter
from codegen.export.real_parts import (
    CHANNELS_FIRST,
    OUTPUTS,
    float32,
    per_channel,
    real_info,
    real_inputs,
    result_name,
)
from codegen.nets import IMAGE, FloatNet, Image, Layer
from codegen.ops.normalised_decision import NormalisedDecision

SUMMARY = (
    "The verifier in real numbers. score is a cosine, or w.h + b where the decision is plain; "
    "accepted is score >= threshold."
)
NETWORK_SUMMARY = "The network in real numbers. Images are [N, C, H, W]."


def float_graph(net: FloatNet) -> onnx.ModelProto:
    """A verifier from image uint8 [N, H, W, C] to score float32 [N] and accepted bool [N].

    Any other network from its inputs to its outputs, float32, images [N, C, H, W].
    """
    graph = Builder(net.arch.inputs[0].name)
    arch = net.arch
    shapes = arch.shapes()
    tensors = {name: name for name in arch.input_names}
    if arch.is_verifier:
        tensors[IMAGE] = _read_image(graph, arch.image)
    for layer in arch.layers:
        tensors[layer.name] = result_name(arch, layer)
        find_exporter(layer.op.kind).real(graph, _real_layer(graph, net, layer, tensors))
    infos = {
        layer.name: real_info(tensors[layer.name], shapes[layer.name])
        for layer in arch.layers
        if not layer.op.is_decision
    }
    return graph.model(
        arch.name,
        SUMMARY if arch.is_verifier else NETWORK_SUMMARY,
        inputs=real_inputs(arch),
        results=OUTPUTS if arch.is_verifier else [infos[name] for name in arch.outputs],
        layers=list(infos.values()),
    )


def _read_image(graph: Builder, image: Image) -> str:
    """(u - 128) * scale, channels first."""
    wide = graph.node("Cast", [IMAGE], f"{IMAGE}/float", to=element_type(np.float32))
    middle = graph.constant(f"{IMAGE}.zero_point", float32(128))
    centred = graph.node("Sub", [wide, middle], f"{IMAGE}/centred")
    scale = graph.constant(f"{IMAGE}.scale", float32(image.scale))
    real = graph.node("Mul", [centred, scale], f"{IMAGE}/real")
    return graph.node("Transpose", [real], f"{IMAGE}/channels_first", perm=CHANNELS_FIRST)


def _real_layer(graph: Builder, net: FloatNet, layer: Layer, tensors: dict[str, str]) -> RealLayer:
    shapes = net.arch.input_shapes(layer)
    return RealLayer(
        name=layer.name,
        op=layer.op,
        inputs=tuple(tensors[name] for name in layer.inputs),
        input_shapes=shapes,
        output=tensors[layer.name],
        parameters={
            name: graph.constant(f"{layer.name}.{name}", _as_onnx(net, layer, name))
            for name in layer.op.float_tensors(shapes)
        },
        numbers=_decision_numbers(net, layer) if layer.op.is_decision else {},
    )


def _as_onnx(net: FloatNet, layer: Layer, name: str) -> np.ndarray:
    values = net.tensors[f"{layer.name}.{name}"]
    if name == "weight":
        return float32(find_exporter(layer.op.kind).weight_order(values))
    if name == "slope":
        return float32(per_channel(values, net.arch.shapes()[layer.name]))
    return float32(values)


def _decision_numbers(net: FloatNet, layer: Layer) -> dict[str, float]:
    if not isinstance(layer.op, NormalisedDecision):
        return {"threshold": net.threshold}
    weight = net.tensors[f"{layer.inputs[0]}.weight"].astype(np.float64)
    return {"threshold": net.threshold, "weight_norm": float(np.sqrt((weight**2).sum()))}
