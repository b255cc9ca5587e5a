"""The integer reference: the network run operator by operator, on numpy or on PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace, is_torch_array

from codegen.arith import Array
from codegen.nets import IMAGE, QuantNet
from codegen.ops.base import QuantLayer


def run(net: QuantNet, images: Array) -> dict[str, Array]:
    """Every layer's output for a batch of camera images.

    Args:
        net: the integer network.
        images: uint8 [N, H, W, C], a numpy array or a torch tensor.

    Returns:
        By layer name: int8 [N, ...], or int32 for the last accumulator and the decision
        [N, 3] = score, norm_squared, accepted. The same kind of array as `images`.
    """
    xp = array_namespace(images)
    values = {IMAGE: xp.astype(xp.astype(images, xp.int16) - 128, xp.int8)}
    for layer in net.layers:
        values[layer.name] = run_layer(layer, values)
    del values[IMAGE]
    return values


def run_layer(layer: QuantLayer, values: Mapping[str, Array]) -> Array:
    """One layer's output, batched, from the values of what it reads, by name."""
    inputs = tuple(values[name] for name in layer.inputs)
    stored = _to_torch(layer) if is_torch_array(inputs[0]) else layer
    return layer.op.reference(stored, inputs)


def _to_torch(layer: QuantLayer) -> QuantLayer:
    import dataclasses

    import torch

    tensors = {name: torch.from_numpy(values) for name, values in layer.tensors.items()}
    return dataclasses.replace(layer, tensors=tensors)  # type: ignore[arg-type]
