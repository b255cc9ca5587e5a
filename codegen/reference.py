"""The integer reference: the network run operator by operator, on numpy or on PyTorch."""

from __future__ import annotations

from array_api_compat import array_namespace, is_torch_array

from codegen.arith import Array
from codegen.nets import IMAGE, QuantNet
from codegen.ops.base import QuantLayer, for_every_image


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
    as_array = _to_torch if is_torch_array(images) else _unchanged
    values = {IMAGE: xp.astype(xp.astype(images, xp.int16) - 128, xp.int8)}
    for layer in net.layers:
        inputs = tuple(values[name] for name in layer.inputs)
        result = layer.op.reference(as_array(layer), inputs)
        values[layer.name] = result if inputs else for_every_image(result, images.shape[0])
    del values[IMAGE]
    return values


def _unchanged(layer: QuantLayer) -> QuantLayer:
    return layer


def _to_torch(layer: QuantLayer) -> QuantLayer:
    import dataclasses

    import torch

    tensors = {name: torch.from_numpy(values) for name, values in layer.tensors.items()}
    return dataclasses.replace(layer, tensors=tensors)  # type: ignore[arg-type]
