"""Runs one operator everywhere: numpy, torch, the emitted C, and real numbers.

A bench is a network around operators of one kind: several geometries in one network, so that one
compilation covers many. Everything in it is personal, so that one library runs any weights.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from codegen import reference
from codegen.emit import emit, write_emission
from codegen.gates import check_network
from codegen.layout import abi_hash, pack, person_layout
from codegen.nets import IMAGE, Architecture, QuantNet
from codegen.ops.base import Activation, Op, QuantiseRequest, Quantity, QuantLayer, Shape
from codegen.scheduled_net import portable
from host_tools.simulator import Simulator
from tests.architectures import IMAGE_SCALE
from tests.networks import extreme, float_net, images, quant_net

Json = dict[str, Any]
Shape3 = tuple[int, int, int]

ACTIVATIONS: tuple[Json, ...] = (
    {"kind": "none"},
    {"kind": "relu"},
    {"kind": "relu6"},
    {"kind": "clip", "lo": -0.75, "hi": 1.25},
    {"kind": "prelu"},
)


def bench(
    shape: Shape3, cases: Sequence[Json], *, decision: str = "plain_decision"
) -> Architecture:
    """A network that feeds each case from an image of `shape`.

    A case is a layer's JSON without name; its inputs may be "image", "first" and "second" (two
    activations of the image's shape, with scales and zero points of their own) or "vector".
    """
    channels = shape[2]
    layers: list[Json] = [
        {"name": "first", "op": "pointwise", "inputs": ["image"], "channels": channels},
        {"name": "second", "op": "pointwise", "inputs": ["image"], "channels": channels},
        {"name": "vector", "op": "flatten", "inputs": ["first"]},
        *({"name": f"case{index}", **case} for index, case in enumerate(cases)),
        {"name": "head", "op": "dense", "inputs": ["vector"], "channels": 1, "output": "int32"},
        {
            "name": "decision",
            "op": decision,
            "inputs": ["head"] if decision == "plain_decision" else ["head", "vector"],
        },
    ]
    height, width, _ = shape
    return Architecture.from_json(
        {
            "name": "bench",
            "image": {"height": height, "width": width, "channels": channels, "scale": IMAGE_SCALE},
            "layers": layers,
            "personal": ["*"],
        }
    )


def check_bench(arch: Architecture, seed: int) -> None:
    """Random and extreme weights on random and extreme images: numpy == torch == C."""
    usual = quant_net(arch, shared_seed=seed, person_seed=seed, threshold=_threshold(arch))
    check_everywhere((usual, extreme(usual, seed), extreme(usual, seed + 1)), seed)


def check_everywhere(nets: Sequence[QuantNet], seed: int, count: int = 12) -> None:
    """The nets are persons of one kernel; every layer's tensor must be the same everywhere."""
    batch = images(nets[0].arch, count, seed)
    for net, simulator in zip(nets, simulators(nets), strict=True):
        check_network(net)
        expected = reference.run(net, batch)
        on_torch = reference.run(net, torch.from_numpy(batch))
        in_c = simulator.trace(batch)
        for layer in net.layers:
            where = f"layer {layer.name} ({layer.op}), seed {seed}"
            assert_same(expected[layer.name], on_torch[layer.name].numpy(), f"torch, {where}")
            assert_same(expected[layer.name], in_c[layer.name], f"host C, {where}")
        assert_same(
            expected[net.layers[-1].name], simulator.run(batch), f"host C, run, seed {seed}"
        )


def check_moves(
    arch: Architecture, seed: int, expected: Callable[[QuantLayer, np.ndarray], np.ndarray]
) -> None:
    """Each case moves its input as `expected` does, in integers and in reals; the scale stays."""
    net = quant_net(arch, shared_seed=seed, person_seed=seed, threshold=_threshold(arch))
    outputs = reference.run(net, images(arch, 4, seed))
    for layer in net.layers:
        if not layer.name.startswith("case"):
            continue
        source = outputs[layer.inputs[0]]
        where = f"layer {layer.name} ({layer.op}), seed {seed}"
        assert_same(expected(layer, source), outputs[layer.name], where)
        real = source.astype(np.float64) / 8
        in_torch = layer.op.float_forward({}, (torch.from_numpy(real),))
        np.testing.assert_array_equal(in_torch.numpy(), expected(layer, real))
        assert layer.quantity == layer.input_quantities[0]


def assert_same(expected: np.ndarray, actual: np.ndarray, where: str) -> None:
    """Same element type, same shape, same bits."""
    assert expected.dtype == actual.dtype, where
    assert expected.shape == actual.shape, where
    different = np.argwhere(expected != actual)
    if len(different):
        first = tuple(int(i) for i in different[0])
        raise AssertionError(
            f"{where}: {len(different)} of {expected.size} elements differ, first at {first}: "
            f"expected {expected[first]}, got {actual[first]}"
        )


def simulators(nets: Sequence[QuantNet]) -> Iterable[Simulator]:
    """One library for all: the first net's folder, each net's own weights."""
    abis = {abi_hash(portable(net)) for net in nets}
    assert len(abis) == 1, "these nets are not persons of one kernel"
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "emitted"
        write_emission(emit(portable(nets[0]), "someone"), folder)
        for net in nets:
            yield Simulator(folder, person=person_bytes(net))


def person_bytes(net: QuantNet) -> bytes:
    """The person's struct, as a bundle carries it."""
    layout = person_layout(portable(net))
    return pack(layout, abi_hash(portable(net))[: layout.header_bytes], net.tensors())


def quantised(op: Op, tensors: Mapping[str, np.ndarray], *shapes: Shape) -> QuantLayer:
    """An operator alone as a layer "layer" that reads "source0", "source1" and so on.

    For shapes that no other operator of a bench makes; scales and zero points are made up.
    """
    sources = tuple(
        Quantity(scale=0.02 + 0.01 * i, zero_point=5 - 9 * i) for i in range(len(shapes))
    )
    request = QuantiseRequest(
        name="layer",
        input_shapes=shapes,
        input_quantities=sources,
        output_range=(-2.0, 3.0),
        own_quantity=None,
        weight_scales=None,
        left_shift=0,
        tensors=tensors,
        producers=(None,) * len(shapes),
        threshold=0.0,
    )
    result = op.quantise(request)
    return QuantLayer(
        name="layer",
        op=op,
        inputs=tuple(f"source{i}" for i in range(len(shapes))),
        input_shapes=shapes,
        output_shape=op.output_shape(shapes),
        input_quantities=sources,
        quantity=result.quantity,
        constants=result.constants,
        tensors={name: result.tensors[name] for name in op.tensor_specs(shapes)},
    )


def check_step(arch: Architecture, seed: int) -> None:
    """The integers of each case differ from real arithmetic by one rounding.

    The operator's own float_forward runs on the real values of its integer inputs, with the
    original real weights; what may differ is half an output step and half a weight step.
    """
    net = quant_net(arch, shared_seed=seed, person_seed=seed, threshold=_threshold(arch))
    float_tensors = float_net(
        arch, shared_seed=seed, person_seed=seed, threshold=_threshold(arch)
    ).tensors
    batch = images(arch, 8, seed)
    outputs: dict[str, np.ndarray] = dict(reference.run(net, batch))
    outputs[IMAGE] = (batch.astype(np.int16) - 128).astype(np.int8)
    for layer in net.layers:
        if layer.name.startswith("case"):
            check_layer_step(layer, float_tensors, outputs)


def check_layer_step(
    layer: QuantLayer, tensors: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> None:
    """One layer's integers differ from its real arithmetic by one rounding.

    Args:
        layer: any but a decision.
        tensors: the network's real-valued ones, by "layer.tensor".
        outputs: integers by layer and input, at least those that the layer reads, and its own.
    """
    own, inputs = _reals(layer, tensors, outputs)
    real = layer.op.float_forward(own, inputs).numpy()
    rounding = 0.5 * layer.quantity.scale * (1 + 1e-3)
    allowed = rounding + weight_error(layer, tensors, outputs) + 1e-6
    q = outputs[layer.name].astype(np.float64)
    got = (q - layer.quantity.zero_point) * layer.quantity.scale
    if layer.op.output_dtype == "int32":
        assert (np.abs(got - real) <= allowed).all(), layer.name
        return
    lo, hi = ((end - layer.quantity.zero_point) * layer.quantity.scale for end in (-128, 127))
    error = np.abs(got - real.clip(lo, hi))
    assert (error <= allowed).all(), (layer.name, layer.op, float((error - allowed).max()))


def _reals(
    layer: QuantLayer, tensors: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> tuple[dict[str, torch.Tensor], tuple[torch.Tensor, ...]]:
    """A layer's real-valued tensors, and the reals that its inputs stand for."""
    own = {
        name: torch.from_numpy(tensors[f"{layer.name}.{name}"].astype(np.float64))
        for name in layer.op.float_tensors(layer.input_shapes)
    }
    inputs = tuple(
        torch.from_numpy((outputs[name].astype(np.float64) - q.zero_point) * q.scale)
        for name, q in zip(layer.inputs, layer.input_quantities, strict=True)
    )
    return own, inputs


def weight_error(
    layer: QuantLayer, tensors: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray | float:
    """Half a weight step for every unit of input, half an accumulator step for the bias."""
    own, inputs = _reals(layer, tensors, outputs)
    if "weight" not in own:
        return 0.0
    linear: Any = dataclasses.replace(layer.op, activation=Activation())  # type: ignore[type-var]
    weight = own["weight"]
    axis = layer.op.channel_axis  # type: ignore[attr-defined]
    others = tuple(a for a in range(weight.ndim) if a != axis % weight.ndim)
    steps = weight.abs().amax(dim=others) / 127
    ones = {"weight": torch.ones_like(weight), "bias": torch.ones_like(own["bias"])}
    reach = linear.float_forward(ones, tuple(x.abs() for x in inputs)) * 0.51 * steps
    slope = own["slope"].abs().clamp(min=1.0) if "slope" in own else 1.0
    error: np.ndarray = (reach * slope).numpy()
    return error


def _threshold(arch: Architecture) -> float | None:
    """Zero lies within the scores of every plain network, even if its features are all zero."""
    return 0.0 if arch.layers[-1].op.kind == "plain_decision" else None
