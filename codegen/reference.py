"""The integer reference: the network run operator by operator, on numpy or on PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace, is_torch_array

from codegen.arith import Array
from codegen.nets import IMAGE, QuantNet
from codegen.ops.base import QuantLayer, for_every_sample


def run(net: QuantNet, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
    """Every layer's output for a batch of samples.

    Args:
        net: the integer network.
        inputs: of a verifier the camera's images, uint8 [N, H, W, C]; of any other network
            int8 [N, *shape] by name. Numpy arrays or torch tensors.

    Returns:
        By layer name: int8 [N, ...], or int32 for indices, the last accumulator and the decision
        [N, 3] = score, norm_squared, accepted. The same kind of array as `inputs`.
    """
    values = dict(inputs) if isinstance(inputs, Mapping) else {IMAGE: _centred(inputs)}
    first = values[net.arch.inputs[0].name]
    count, is_torch = first.shape[0], is_torch_array(first)
    as_array = _to_torch if is_torch else _unchanged
    for layer in net.layers:
        sources = tuple(values[name] for name in layer.inputs)
        result = layer.op.reference(as_array(layer), sources)
        values[layer.name] = result if sources else for_every_sample(result, count)
    return {layer.name: values[layer.name] for layer in net.layers}


def _centred(images: Array) -> Array:
    """A camera byte u is the integer u - 128."""
    xp = array_namespace(images)
    return xp.astype(xp.astype(images, xp.int16) - 128, xp.int8)


def _unchanged(layer: QuantLayer) -> QuantLayer:
    return layer


def _to_torch(layer: QuantLayer) -> QuantLayer:
    import dataclasses

    import torch

    tensors = {name: torch.from_numpy(values) for name, values in layer.tensors.items()}
    return dataclasses.replace(layer, tensors=tensors)  # type: ignore[arg-type]
