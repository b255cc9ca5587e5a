"""Kernels for cores without DSP instructions: each blocking, whole tensors, the reference."""

from __future__ import annotations

import ctypes
import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.errors import ProgramMissing
from codegen.kernels.base import Kernel
from codegen.kernels.packed import Packed
from codegen.kernels.planes import Planes
from codegen.kernels.scalar import ACCUMULATOR_LIMIT, MULTIPLIER_LIMIT, short_breaches
from codegen.kernels.scalar_sum import ScalarSum
from codegen.nets import QuantNet
from codegen.ops.base import QuantLayer
from codegen.ops.mac import MacOp
from codegen.schedule import candidates, schedule
from codegen.scheduled_net import ScheduledNet, portable
from codegen.targets import Target, find_target
from host_tools.boards import load_board
from host_tools.emulators import emulators_here
from host_tools.toolchain import Purpose, all_available, choose
from tests.bench.networks import net_m, net_p
from tests.bench.table import from_file
from tests.c_host import shared_library
from tests.kernels.bench import check_on_board, check_on_host, instructions, scheduled_by
from tests.networks import extreme, quant_net
from tests.ops.harness import ACTIVATIONS, Json, Shape3, bench
from tests.ops.strategies import activations, compiled, seeds, sources, windows

# of each a core: few registers, two channels at once, four
TARGETS = tuple(find_target(name) for name in ("cortex-m0plus", "cortex-m3", "rv32imc"))
targets = st.sampled_from(TARGETS)
SCALAR = {Packed.name, Planes.name, ScalarSum.name}


def _convolution(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401 - hypothesis' draw
    channels = draw(st.sampled_from((1, 2, 3, 4, 6, 8)))
    return {"op": "conv2d", "channels": channels, **draw(windows(shape))}


def _pointwise(draw: Any, _shape: Shape3) -> Json:  # noqa: ANN401
    return {"op": "pointwise", "channels": draw(st.sampled_from((1, 2, 3, 4, 8)))}


def _depthwise(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {"op": "depthwise", **draw(windows(shape))}


MAKERS = (_convolution, _pointwise, _depthwise)


@st.composite
def benches(draw: Any) -> tuple[Shape3, list[Json]]:  # noqa: ANN401
    """Shapes of any width from less than a block of four pixels to several, odd channels."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(4, 14), st.integers(1, 7)))
    cases = [
        {
            **draw(st.sampled_from(MAKERS))(draw, shape),
            "inputs": [draw(sources)],
            "activation": draw(activations),
        }
        for _ in range(10)
    ]
    sums = [
        {"op": op, "inputs": ["first", "second"], "activation": draw(activations)}
        for op in ("add", "sub")
    ]
    return shape, cases + [case for case in sums if case["activation"]["kind"] != "prelu"]


class _Drawn:
    """A kernel for each layer, drawn once: all persons of a network run the same ones."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def __call__(self, layer: QuantLayer, kernels: Sequence[Kernel]) -> Kernel:
        others = kernels[1:] or kernels  # the portable one has its own tests
        return self._data.draw(st.sampled_from(others))


def extreme_but_short(net: QuantNet, seed: int) -> QuantNet:
    """Integers at the limits of these kernels: weights at +-127, biases up to the last unit."""
    layers = []
    for layer in extreme(net, seed).layers:
        op, tensors = layer.op, dict(layer.tensors)
        if isinstance(op, MacOp) and "multiplier" in tensors:
            reach = op.accumulator_bounds(layer) - np.abs(tensors["bias"].astype(np.int64))
            room = ACCUMULATOR_LIMIT - 1 - reach
            tensors["bias"] = np.clip(tensors["bias"], -room, room).astype(np.int32)
            for name in tensors.keys() & {"multiplier", "negative_multiplier"}:
                limit = MULTIPLIER_LIMIT - 1
                tensors[name] = np.clip(tensors[name], -limit, limit).astype(np.int32)
        layers.append(dataclasses.replace(layer, tensors=tensors))
    return dataclasses.replace(net, layers=tuple(layers))


@compiled
@given(benches(), targets, seeds, st.data())
def test_the_host_gives_the_same_bits(
    cases: tuple[Shape3, list[Json]], target: Target, seed: int, data: st.DataObject
) -> None:
    usual = quant_net(bench(*cases), shared_seed=seed, person_seed=seed, threshold=0.0)
    one = scheduled_by(usual, target, _Drawn(data))
    other = ScheduledNet(net=extreme_but_short(usual, seed), target=target, kernels=one.kernels)
    check_on_host((one, other), seed)


@compiled
@given(benches(), targets, seeds, st.booleans(), st.data())
def test_emulated_cores_give_the_same_bits(
    cases: tuple[Shape3, list[Json]],
    target: Target,
    seed: int,
    is_extreme: bool,
    data: st.DataObject,
) -> None:
    _needs(target)
    net = quant_net(bench(*cases), shared_seed=seed, person_seed=seed, threshold=0.0)
    net = extreme_but_short(net, seed) if is_extreme else net
    check_on_board(scheduled_by(net, target, _Drawn(data)), seed, "unicorn")


# Whole blocks and overlapping ones, whole windows and such that leave the image, one pixel's row.
NICE: tuple[tuple[Shape3, tuple[Json, ...]], ...] = (
    (
        (6, 8, 4),
        (
            {"op": "conv2d", "kernel": [3, 3], "padding": [1, 1, 1, 1], "channels": 8},
            {"op": "conv2d", "kernel": [3, 3], "stride": [2, 2], "padding": [0, 0, 1, 1],
             "channels": 6},
            {"op": "conv2d", "kernel": [3, 5], "padding": [2, 4, 1, 0], "channels": 4},
            {"op": "conv2d", "kernel": [1, 1], "stride": [3, 1], "channels": 5},
            {"op": "pointwise", "channels": 12},
            {"op": "depthwise", "kernel": [3, 3], "padding": [1, 1, 1, 1]},
            {"op": "depthwise", "kernel": [3, 3], "stride": [2, 2], "padding": [1, 1, 1, 1]},
            {"op": "depthwise", "kernel": [5, 5], "padding": [4, 0, 3, 2]},
        ),
    ),
    (
        (5, 13, 3),
        (
            {"op": "conv2d", "kernel": [3, 3], "stride": [1, 3], "channels": 2},
            {"op": "conv2d", "kernel": [2, 4], "padding": [0, 3, 1, 0], "channels": 1},
            {"op": "conv2d", "kernel": [3, 4], "stride": [2, 3], "padding": [1, 3, 0, 1],
             "channels": 3},
            {"op": "pointwise", "channels": 7},
            {"op": "depthwise", "kernel": [2, 3], "stride": [1, 3], "padding": [1, 2, 0, 0]},
            {"op": "depthwise", "kernel": [1, 1]},
        ),
    ),
)  # fmt: skip


def _nice(shape: Shape3, cases: tuple[Json, ...], source: str) -> QuantNet:
    made: list[Json] = [
        {**case, "inputs": [source], "activation": ACTIVATIONS[number % len(ACTIVATIONS)]}
        for number, case in enumerate(cases)
    ]
    made.append({"op": "add", "inputs": ["first", "second"]})
    return quant_net(bench(shape, made), shared_seed=1, person_seed=1, threshold=0.0)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("shape, cases", NICE, ids=("whole", "odd"))
@pytest.mark.parametrize("source", ["image", "first"])
def test_every_blocking_on_the_emulated_board(
    shape: Shape3, cases: tuple[Json, ...], source: str, target: Target
) -> None:
    """QEMU watches every store: none goes outside the arena and the stack."""
    _needs(target)
    net = extreme_but_short(_nice(shape, cases, source), seed=4)
    most = max(len(candidates(layer, target)) for layer in net.layers)
    for number in range(1, most):
        scheduled = scheduled_by(net, target, lambda _, found, n=number: found[n % len(found)])
        check_on_host((scheduled,), seed=2)
        check_on_board(scheduled, seed=2, emulator="qemu")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("shape, cases", NICE, ids=("whole", "odd"))
def test_every_compiler_of_this_machine_takes_them(
    shape: Shape3, cases: tuple[Json, ...], target: Target
) -> None:
    """Without a warning."""
    for source, toolchain in product(("image", "first"), all_available(Purpose.HOST)):
        scheduled = schedule(extreme_but_short(_nice(shape, cases, source), seed=4), target)
        check_on_host((scheduled,), seed=2, toolchain=toolchain)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_benches_reach_every_kernel(target: Target) -> None:
    """Else the tests above would compare the portable kernels with themselves."""
    reached = {
        kernel.name
        for shape, cases in NICE
        for source in ("image", "first")
        for kernel in schedule(_nice(shape, cases, source), target).kernels.values()
    }
    assert reached >= SCALAR


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m55", "host"])
def test_cores_with_vectors_do_not_take_them(name: str) -> None:
    net = _nice(*NICE[0], "first")
    kernels = schedule(net, find_target(name)).kernels.values()
    assert not SCALAR & {kernel.name for kernel in kernels}


def test_what_is_too_long_is_left_to_the_portable_kernel(tmp_path: Path) -> None:
    """At the limit, and one beyond: the accumulator of one channel, a multiplier of another."""
    net = _from_model(net_p, tmp_path)
    layer = net.layers[1]
    assert not short_breaches(layer)
    assert isinstance(layer.op, MacOp)
    reach = int(layer.op.accumulator_bounds(layer)[3]) - abs(int(layer.tensors["bias"][3]))
    for bias, multiplier, faults in (
        (ACCUMULATOR_LIMIT - 1 - reach, MULTIPLIER_LIMIT - 1, 0),
        (reach - ACCUMULATOR_LIMIT, MULTIPLIER_LIMIT - 1, 1),
        (ACCUMULATOR_LIMIT - reach, MULTIPLIER_LIMIT, 2),
    ):
        tensors = {name: values.copy() for name, values in layer.tensors.items()}
        tensors["bias"][3] = bias
        tensors["multiplier"][1] = multiplier
        changed = dataclasses.replace(layer, tensors=tensors)
        assert len(short_breaches(changed)) == faults
        scheduled = schedule(_with(net, changed), TARGETS[2])
        assert (scheduled.kernel(changed).name == Packed.name) == (not faults)


def test_quotients_are_those_of_the_contract() -> None:
    """Both, at every boundary and on a large random set, against Python's own integers."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(__file__).parent / "c" / "short_twin.c"
        library = ctypes.CDLL(str(shared_library(source, Path(folder))))
        acc, m, zero_point = _quotient_cases()
        exact = zero_point + ((acc * m + 2**31) >> 32)
        for function in (library.twin_long, library.twin_short):
            columns = [np.ascontiguousarray(v, np.int32) for v in (acc, m, zero_point)]
            out = np.empty(len(acc), np.int32)
            pointers = [v.ctypes.data_as(ctypes.c_void_p) for v in (*columns, out)]
            function(ctypes.c_size_t(len(acc)), *pointers)
            np.testing.assert_array_equal(out, exact)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("make", [net_p, net_m], ids=["P", "M"])
def test_they_take_far_fewer_instructions(
    make: Callable[[], onnx.ModelProto], target: Target, tmp_path: Path
) -> None:
    """README has the figures for gcc 12.2; another compiler may come out a little different."""
    _needs(target)
    net = _from_model(make, tmp_path)
    before, after = (instructions(one) for one in (portable(net, target), schedule(net, target)))
    assert after < before / 1.6


def _from_model(make: Callable[[], onnx.ModelProto], folder: Path) -> QuantNet:
    file = folder / "net.onnx"
    file.write_bytes(make().SerializeToString())
    return from_file(file).quant_net


def _quotient_cases() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    limits = (ACCUMULATOR_LIMIT - 1, 1 - ACCUMULATOR_LIMIT, 0, 1, -1, 2**16, -(2**16), 65535)
    factors = (MULTIPLIER_LIMIT - 1, 1 - MULTIPLIER_LIMIT, 0, 1, -1, 2**16, 2**16 - 1, -65537)
    edges = np.array(list(product(limits, factors, (-128, 0, 127))), np.int64).T
    random = np.random.default_rng(5)
    count = 200_000
    drawn = (
        random.integers(1 - ACCUMULATOR_LIMIT, ACCUMULATOR_LIMIT, count),
        random.integers(1 - MULTIPLIER_LIMIT, MULTIPLIER_LIMIT, count)
        >> random.integers(0, 30, count),
        random.integers(-128, 128, count),
    )
    acc, m, zero_point = (np.concatenate(pair) for pair in zip(edges, drawn, strict=True))
    return acc, m, zero_point


def _with(net: QuantNet, changed: QuantLayer) -> QuantNet:
    layers = tuple(changed if layer.name == changed.name else layer for layer in net.layers)
    return dataclasses.replace(net, layers=layers)


def _needs(target: Target) -> None:
    """Skips where the target's compiler or emulators are missing, and says how to get them."""
    try:
        choose(Purpose(target.family))
    except ProgramMissing as error:
        pytest.skip(str(error))
    if len(emulators_here(load_board(target.board or ""))) < 2:
        pytest.skip(f"an emulator of {target.board} is missing: see hvcodegen doctor")
