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


def integer_graph(net: QuantNet, *, every_layer: bool = False) -> onnx.ModelProto:
    """The network as a graph of integers.

    Args:
        net: the integer network; it passed codegen.gates.check_network.
        every_layer: makes every layer's tensor an output, not the decision alone.

    Returns:
        A model from image uint8 [N, H, W, C] to the decision int32 [N, 3] = score, norm_squared,
        accepted; the layers' tensors are int8 or int32 as in codegen.reference.
    """
    graph = Builder()
    for layer in net.layers:
        find_exporter(layer.op.kind).integer(graph, layer)
    infos = [
        TensorInfo(
            name=layer.name,
            dtype=np.int8 if layer.op.output_dtype == "int8" else np.int32,
            shape=layer.output_shape,
        )
        for layer in net.layers
    ]
    return graph.model(
        net.arch.name,
        SUMMARY,
        image=TensorInfo(name=IMAGE, dtype=np.uint8, shape=net.arch.image.shape),
        results=infos if every_layer else infos[-1:],
        layers=infos,
    )
