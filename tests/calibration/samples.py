"""Small networks and samples for the calibration's tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from codegen.calibration.choose import Samples
from codegen.nets import IMAGE, Architecture, FloatNet, float_forward
from codegen.ops.mac import MacOp
from tests.architectures import IMAGE_SCALE
from tests.networks import float_net, images

Json = dict[str, Any]
WINDOW = {"kernel": [3, 3], "padding": [1, 1, 1, 1]}
RELU = {"kind": "relu"}
PRELU = {"kind": "prelu"}

CHAIN: tuple[Json, ...] = (
    {"name": "stem", "op": "conv2d", "inputs": ["image"], "channels": 12, "activation": RELU}
    | WINDOW,
    {"name": "dw", "op": "depthwise", "inputs": ["stem"], "activation": PRELU} | WINDOW,
    {"name": "mixed", "op": "pointwise", "inputs": ["dw"], "channels": 16, "activation": RELU},
    {"name": "less", "op": "max_pool", "inputs": ["mixed"], "kernel": [2, 2], "stride": [2, 2]},
    {"name": "vector", "op": "flatten", "inputs": ["less"]},
    {"name": "hidden", "op": "dense", "inputs": ["vector"], "channels": 10, "activation": RELU},
    {"name": "head", "op": "dense", "inputs": ["hidden"], "channels": 1, "output": "int32"},
)


def architecture(layers: tuple[Json, ...], *, size: int = 6, channels: int = 3) -> Architecture:
    """The layers, the last called head, with a plain decision after them."""
    decision = {"name": "decision", "op": "plain_decision", "inputs": ["head"]}
    return Architecture.from_json(
        {
            "name": "small",
            "image": {"height": size, "width": size, "channels": channels, "scale": IMAGE_SCALE},
            "layers": [*layers, decision],
            "personal": [],
        }
    )


def chain(seed: int = 1) -> FloatNet:
    """CHAIN with weights from a seed and no ranges."""
    made = float_net(architecture(CHAIN), shared_seed=seed, person_seed=seed)
    return dataclasses.replace(made, ranges={})


def samples(net: FloatNet, *, count: int = 24, seed: int = 5) -> Samples:
    """Images for the network, as both kinds of network read them."""
    batch = images(net.arch, count, seed)
    integers = (batch.astype(np.int16) - 128).astype(np.int8)
    return Samples(
        run_real=lambda any_net: activations(any_net, integers), inputs=lambda _: {IMAGE: integers}
    )


def activations(net: FloatNet, integers: np.ndarray) -> Mapping[str, np.ndarray]:
    """Every layer's real output [N, ...] for int8 images."""
    tensors = {name: torch.from_numpy(values) for name, values in net.tensors.items()}
    real = torch.from_numpy(integers).float() * net.arch.image.scale
    with torch.no_grad():
        return {k: v.numpy() for k, v in float_forward(net.arch, tensors, real).items()}


def unbalanced(net: FloatNet, pairs: Mapping[str, str], seed: int = 3) -> FloatNet:
    """The same function, the first layer's channels scaled by 2^-6 to 1 and the second's back.

    Powers of two: the float outputs are the same bits.
    """
    generator = np.random.default_rng(seed)
    tensors = dict(net.tensors)
    ops = {layer.name: layer.op for layer in net.arch.layers}
    for first, second in pairs.items():
        op = ops[first]
        assert isinstance(op, MacOp)
        bias = tensors[f"{first}.bias"]
        gain = (2.0 ** -generator.integers(0, 7, len(bias))).astype(np.float32)
        weight = tensors[f"{first}.weight"]
        shape = [1] * weight.ndim
        shape[op.channel_axis] = -1
        tensors[f"{first}.weight"] = weight * gain.reshape(shape)
        tensors[f"{first}.bias"] = bias * gain
        reads = tensors[f"{second}.weight"]
        tensors[f"{second}.weight"] = reads / np.tile(gain, reads.shape[-1] // len(gain))
    return dataclasses.replace(net, tensors=tensors)
