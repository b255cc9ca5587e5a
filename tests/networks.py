"""Small networks made from seeds: the same numbers on every machine.

Weights are multiples of 1/64 and ranges come from sums that are exact in float64, so goldens do
not depend on a library's order of summation.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from codegen.nets import IMAGE, Architecture, FloatNet, QuantNet
from codegen.ops.mac import MacOp
from codegen.quantise import quantise
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL, IMAGE_SCALE, MOVES, ROWS, TWO_INPUTS

_OBSERVED = ("add", "concat", "lookup", "mul", "sub")  # without weights, with a scale of their own
_IMAGE_RMS = 128 / math.sqrt(3) * IMAGE_SCALE  # of uniformly distributed bytes


def float_net(
    arch: Architecture,
    *,
    shared_seed: int = 1,
    person_seed: int = 2,
    threshold: float | None = None,
) -> FloatNet:
    """A network of random weights: shared tensors and ranges from one seed, personal from another.

    Two nets that differ in `person_seed` alone are two persons of one kernel.
    """
    shared = _tensors(arch, shared_seed)
    personal = _tensors(arch, person_seed)
    normalised = arch.layers[-1].op.kind == "normalised_decision"
    return FloatNet(
        arch=arch,
        tensors={name: (personal if is_personal(arch, name) else shared)[name] for name in shared},
        ranges=_ranges(arch, shared) | _input_ranges(arch),
        threshold=(0.125 if normalised else 0.5) if threshold is None else threshold,
    )


def quant_net(
    arch: Architecture,
    *,
    shared_seed: int = 1,
    person_seed: int = 2,
    threshold: float | None = None,
) -> QuantNet:
    """`float_net`, quantised."""
    return quantise(
        float_net(arch, shared_seed=shared_seed, person_seed=person_seed, threshold=threshold)
    )


def conv_head(person_seed: int = 2) -> QuantNet:
    """Only the last layer is the person's: conv2d, PReLU, add, flatten, dense, normalised."""
    return quant_net(Architecture.from_json(CONV_HEAD), person_seed=person_seed)


def depthwise_all(person_seed: int = 2) -> QuantNet:
    """Everything is the person's: depthwise, pointwise, all pools, dense, plain decision."""
    return quant_net(Architecture.from_json(DEPTHWISE_ALL), person_seed=person_seed)


def rows() -> QuantNet:
    """What kernels for DSP compute, and what can be streamed."""
    return quant_net(Architecture.from_json(ROWS))


def two_inputs() -> QuantNet:
    """No verifier: an image-like input and a vector, three outputs, one of them int32."""
    return quant_net(Architecture.from_json(TWO_INPUTS))


def moves(person_seed: int = 2) -> QuantNet:
    """Whatever moves bytes: pads, transpose, slice, resize, concat, reshape, plain decision."""
    return quant_net(Architecture.from_json(MOVES), person_seed=person_seed)


def is_personal(arch: Architecture, float_tensor: str) -> bool:
    """Whether a real-valued tensor is the person's; a slope goes with its layer's weights."""
    return arch.is_personal(float_tensor.rpartition(".")[0] + ".weight")


def images(arch: Architecture, count: int, seed: int) -> np.ndarray:
    """uint8 [count, H, W, C]: black, white, chessboards, half-tones, then noise."""
    generator = np.random.default_rng(seed)
    batch = generator.integers(0, 256, (count, *arch.image.shape), dtype=np.uint8)
    rows, columns, channels = np.indices(arch.image.shape)
    chess = ((rows + columns + channels) % 2 * 255).astype(np.uint8)
    for index, special in enumerate((0, 255, chess, 255 - chess, 128, 127)):
        if index < count // 2:
            batch[index] = special
    return batch


def samples(arch: Architecture, count: int, seed: int) -> dict[str, np.ndarray]:
    """int8 [count, *shape] for each input of a network: the lowest, the highest, then noise."""
    generator = np.random.default_rng(seed)
    batch = {
        given.name: generator.integers(-128, 128, (count, *given.shape)).astype(np.int8)
        for given in arch.inputs
    }
    for index, special in enumerate((-128, 127, 0)):
        if index < count // 2:
            for values in batch.values():
                values[index] = special
    return batch


def extreme(net: QuantNet, seed: int) -> QuantNet:
    """The same network with integers at the contract's limits: still passes the gate.

    Weights at +-127, biases up to the last unit the accumulator has room for, multipliers from
    1 to 2**31 - 1, negative ones down to 1 - 2**31.
    """
    generator = np.random.default_rng(seed)
    layers = []
    for layer in net.layers:
        tensors = dict(layer.tensors)
        if isinstance(layer.op, MacOp):
            tensors = _extreme_tensors(layer.op, tensors, layer.constants, generator)
        layers.append(dataclasses.replace(layer, tensors=tensors))
    return dataclasses.replace(net, layers=tuple(layers))


def with_tensor(net: QuantNet, name: str, values: np.ndarray) -> QuantNet:
    """The network with one integer tensor, "layer.tensor", replaced."""
    layer_name, _, tensor = name.partition(".")
    return dataclasses.replace(
        net,
        layers=tuple(
            dataclasses.replace(layer, tensors={**layer.tensors, tensor: values})
            if layer.name == layer_name
            else layer
            for layer in net.layers
        ),
    )


def with_constants(net: QuantNet, layer_name: str, **constants: int) -> QuantNet:
    """The network with constants of one layer replaced."""
    return dataclasses.replace(
        net,
        layers=tuple(
            dataclasses.replace(layer, constants={**layer.constants, **constants})
            if layer.name == layer_name
            else layer
            for layer in net.layers
        ),
    )


def _tensors(arch: Architecture, seed: int) -> dict[str, np.ndarray]:
    return {
        name: _tensor(arch, name, shape, seed) for name, shape in arch.float_tensor_shapes().items()
    }


def _tensor(arch: Architecture, name: str, shape: Sequence[int], seed: int) -> np.ndarray:
    """Multiples of 1/64. A decision's head has no bias, slopes have both signs and a zero."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    layer, _, kind = name.rpartition(".")
    if kind == "slope":
        slopes = generator.integers(-80, 81, shape) / 64
        slopes[0] = 0.0
        return slopes.astype(np.float32)
    if kind == "bias" and layer == arch.layers[-1].inputs[0]:
        return np.zeros(shape, np.float32)
    limit = 64 if kind == "weight" else 32
    return (generator.integers(-limit, limit + 1, shape) / 64).astype(np.float32)


def _ranges(
    arch: Architecture, tensors: Mapping[str, np.ndarray]
) -> dict[str, tuple[float, float]]:
    """Three deviations up and two down, from the weights alone; uneven, so zero points differ."""
    rms = {IMAGE: _IMAGE_RMS} if arch.is_verifier else dict.fromkeys(arch.input_names, 1.0)
    ranges = {}
    for layer in arch.layers:
        gain = 1.0
        if isinstance(layer.op, MacOp):
            weight = tensors[f"{layer.name}.weight"].astype(np.float64)
            channels = weight.shape[layer.op.channel_axis]
            gain = math.sqrt(float((weight**2).sum()) / channels)
        out = gain * _spread(layer.op.kind, [rms[name] for name in layer.inputs])
        rms[layer.name] = out
        if layer.op.kind in _OBSERVED or (
            isinstance(layer.op, MacOp) and layer.op.output_dtype == "int8"
        ):
            ranges[layer.name] = (-2.0 * out, 3.0 * out)
    return ranges


def _input_ranges(arch: Architecture) -> dict[str, tuple[float, float]]:
    """Uneven, so that zero points differ."""
    if arch.is_verifier:
        return {}
    return {name: (-2.0 - index, 3.0) for index, name in enumerate(arch.input_names)}


def _spread(kind: str, inputs: Sequence[float]) -> float:
    """Root mean square of what an operator without weights makes of its inputs, roughly."""
    if kind == "mul":
        return math.prod(inputs)
    return math.hypot(*inputs) if kind in ("add", "sub") else max(inputs, default=1.0)


def _extreme_tensors(
    op: MacOp,
    tensors: Mapping[str, np.ndarray],
    constants: Mapping[str, int],
    generator: np.random.Generator,
) -> dict[str, np.ndarray]:
    weight = generator.choice(
        np.array([-127, 127, 127, -127, 1, 0, -1], np.int8), tensors["weight"].shape
    )
    axes = tuple(a for a in range(weight.ndim) if a != op.channel_axis % weight.ndim)
    room = ((2**31 - 1) >> constants.get("left_shift", 0)) - 128 * np.abs(
        weight.astype(np.int64)
    ).sum(axis=axes)
    share = generator.choice([1.0, -1.0, 0.5, 0.0], room.shape)
    changed = {
        "weight": weight,
        "bias": np.trunc(room * share).astype(np.int32),
        "multiplier": generator.choice([1, 2, 255, 2**20, 2**30, 2**31 - 1], room.shape).astype(
            np.int32
        ),
        "negative_multiplier": generator.choice(
            [0, 1, -1, 2**31 - 1, 1 - 2**31, 2**24, -(2**24)], room.shape
        ).astype(np.int32),
    }
    return {name: changed[name] for name in tensors}
