"""One step: an integer network as standard integer operators, the same bits as codegen.reference.

No node touches a floating-point number, so there is nothing to round differently: every runtime
that follows the ONNX standard gives every tensor bit by bit.
"""

from __future__ import annotations

import numpy as np
import onnx

from codegen.export.builder import Builder, TensorInfo
from codegen.export.ops import find_exporter
from codegen.nets import IMAGE, QuantNet

SUMMARY = (
    "The integer contract of hvcodegen: the same bits as the firmware. Every layer's tensor has "
    "the layer's name, channels last; the decision is score, |features|^2, accepted."
)
NETWORK_SUMMARY = (
    "The integer contract of hvcodegen: the same bits as the C. Every layer's tensor has the "
    "layer's name, images channels last."
)


def integer_graph(net: QuantNet, *, every_layer: bool = False) -> onnx.ModelProto:
    """The network as a graph of integers.

    Args:
        net: the integer network; it passed codegen.gates.check_network.
        every_layer: makes every layer's tensor an output, not the decision alone.

    Returns:
        A model from image uint8 [N, H, W, C] to the decision int32 [N, 3] = score, norm_squared,
        accepted, or from int8 inputs to the network's outputs; the layers' tensors are int8 or
        int32 as in codegen.reference.
    """
    graph = Builder(net.arch.inputs[0].name)
    for layer in net.layers:
        find_exporter(layer.op.kind).integer(graph, layer)
    infos = {
        layer.name: TensorInfo(
            name=layer.name,
            dtype=np.int8 if layer.op.output_dtype == "int8" else np.int32,
            shape=layer.output_shape,
        )
        for layer in net.layers
    }
    results = list(infos) if every_layer else net.arch.outputs
    return graph.model(
        net.arch.name,
        SUMMARY if net.arch.is_verifier else NETWORK_SUMMARY,
        inputs=[
            TensorInfo(
                name=given.name,
                dtype=np.uint8 if given.name == IMAGE else np.int8,
                shape=given.shape,
            )
            for given in net.arch.inputs
        ],
        results=[infos[name] for name in results],
        layers=list(infos.values()),
    )
