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
    for layer in net.layers:
        values[layer.name] = run_layer(layer, values)
    return {layer.name: values[layer.name] for layer in net.layers}


def _centred(images: Array) -> Array:
    """A camera byte u is the integer u - 128."""
    xp = array_namespace(images)
    return xp.astype(xp.astype(images, xp.int16) - 128, xp.int8)


def run_layer(layer: QuantLayer, values: Mapping[str, Array]) -> Array:
    """One layer's output, batched, from the values of what it reads, by name.

    `values` holds at least the network's inputs: a layer that reads nothing is repeated as often.
    """
    given = next(iter(values.values()))
    inputs = tuple(values[name] for name in layer.inputs)
    stored = _to_torch(layer) if is_torch_array(given) else layer
    result = layer.op.reference(stored, inputs)
    return result if inputs else for_every_sample(result, given.shape[0])


def _to_torch(layer: QuantLayer) -> QuantLayer:
    import dataclasses

    import torch

    tensors = {name: torch.from_numpy(values) for name, values in layer.tensors.items()}
    return dataclasses.replace(layer, tensors=tensors)  # type: ignore[arg-type]
