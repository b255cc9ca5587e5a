"""Kernels for cores with DSP instructions: every blocking, against the reference, whole tensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.emit import emit, write_emission
from codegen.errors import GateBreach
from codegen.kernels.base import Kernel
from codegen.nets import QuantNet
from codegen.ops.base import QuantLayer
from codegen.schedule import candidates
from codegen.scheduled_net import ScheduledNet
from codegen.targets import find_target
from tests.c_host import program, run
from tests.kernels.bench import (
    check_on_board,
    check_on_host,
    extreme_for_kernels,
    scheduled_by,
)
from tests.networks import extreme, quant_net
from tests.ops.harness import ACTIVATIONS, Json, Shape3, bench
from tests.ops.strategies import activations, compiled, seeds, sources, windows

M4 = find_target("cortex-m4")


def _convolution(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401 - hypothesis' draw
    channels = draw(st.sampled_from((1, 2, 3, 4, 6, 8)))
    return {"op": "conv2d", "channels": channels, **draw(windows(shape))}


def _whole_tiles(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    """3x3 with stride 1, padded so that the output is of whole tiles of 4 x 4."""
    sides = [_padding(draw, size) for size in shape[:2]]
    (top, bottom), (left, right) = sides
    channels = draw(st.sampled_from((2, 4, 6)))
    padding = [top, left, bottom, right]
    return {"op": "conv2d", "kernel": [3, 3], "channels": channels, "padding": padding}


def _padding(draw: Any, size: int) -> tuple[int, int]:  # noqa: ANN401
    """Before and after; three that are too many leave the output as it comes."""
    missing = (2 - size) % 4
    before = draw(st.integers(max(missing - 2, 0), min(missing, 2)))
    return before, min(missing - before, 2)


def _pointwise(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {"op": "pointwise", "channels": draw(st.sampled_from((1, 2, 4, 6)))}


def _depthwise(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {"op": "depthwise", **draw(windows(shape))}


MAKERS = (_convolution, _whole_tiles, _pointwise, _depthwise)


@st.composite
def benches(draw: Any) -> tuple[Shape3, list[Json]]:  # noqa: ANN401
    """Shapes on both sides of what the kernels want: whole words, whole tiles, whole quads."""
    shape = draw(
        st.tuples(st.integers(3, 12), st.integers(3, 20), st.sampled_from((1, 2, 3, 4, 8, 12)))
    )
    cases = [
        {
            **draw(st.sampled_from(MAKERS))(draw, shape),
            "inputs": [draw(sources)],
            "activation": draw(activations),
        }
        for _ in range(10)
    ]
    return shape, cases


class _Drawn:
    """A kernel for each layer, drawn once: all persons of a network run the same ones."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def __call__(self, layer: QuantLayer, kernels: Sequence[Kernel]) -> Kernel:
        others = kernels[1:] or kernels  # the portable one has its own tests
        return self._data.draw(st.sampled_from(others))


def _same_kernels(one: ScheduledNet, net: QuantNet) -> ScheduledNet:
    return ScheduledNet(net=net, target=one.target, kernels=one.kernels)


@compiled
@given(benches(), seeds, st.data())
def test_c_twins_give_the_same_bits(
    cases: tuple[Shape3, list[Json]], seed: int, data: st.DataObject
) -> None:
    usual = quant_net(bench(*cases), shared_seed=seed, person_seed=seed, threshold=0.0)
    one = scheduled_by(usual, M4, _Drawn(data))
    check_on_host((one, _same_kernels(one, extreme_for_kernels(usual, seed))), seed)


@compiled
@given(benches(), seeds, st.booleans(), st.data())
def test_assembly_gives_the_same_bits(
    cases: tuple[Shape3, list[Json]], seed: int, is_extreme: bool, data: st.DataObject
) -> None:
    net = quant_net(bench(*cases), shared_seed=seed, person_seed=seed, threshold=0.0)
    net = extreme_for_kernels(net, seed) if is_extreme else net
    check_on_board(scheduled_by(net, M4, _Drawn(data)), seed, "unicorn")


# What a layer must look like for each kernel, and a tail or a remainder of everything.
NICE: tuple[tuple[Shape3, tuple[Json, ...]], ...] = (
    (
        (9, 12, 4),
        (
            {"op": "conv2d", "kernel": [3, 3], "padding": [1, 1, 1, 1], "channels": 8},
            {"op": "conv2d", "kernel": [3, 3], "stride": [2, 2], "padding": [0, 0, 1, 1],
             "channels": 6},
            {"op": "conv2d", "kernel": [5, 1], "padding": [2, 0, 1, 0], "channels": 2},
            {"op": "conv2d", "kernel": [2, 4], "padding": [0, 3, 1, 0], "channels": 4},
            {"op": "conv2d", "kernel": [1, 1], "stride": [3, 1], "channels": 4},
            {"op": "pointwise", "channels": 6},
            {"op": "depthwise", "kernel": [3, 3], "padding": [1, 1, 1, 1]},
            {"op": "depthwise", "kernel": [3, 3], "stride": [2, 2], "padding": [1, 0, 1, 1]},
            {"op": "depthwise", "kernel": [2, 3], "stride": [1, 2], "padding": [1, 2, 0, 0]},
            {"op": "depthwise", "kernel": [1, 3], "stride": [3, 1], "padding": [0, 2, 0, 0]},
        ),
    ),
    (
        (16, 8, 8),
        (
            {"op": "conv2d", "kernel": [3, 3], "padding": [1, 1, 1, 1], "channels": 4},
            {"op": "conv2d", "kernel": [3, 3], "padding": [2, 0, 0, 2], "channels": 2},
        ),
    ),
    (
        (10, 18, 4),
        (
            {"op": "conv2d", "kernel": [3, 3], "padding": [0, 0, 0, 0], "channels": 2},
            {"op": "conv2d", "kernel": [3, 3], "padding": [2, 1, 2, 1], "channels": 6},
        ),
    ),
    (
        (8, 22, 8),
        (
            {"op": "conv2d", "kernel": [3, 7], "padding": [1, 3, 1, 3], "channels": 2},
            {"op": "conv2d", "kernel": [4, 3], "stride": [4, 3], "channels": 10},
            {"op": "pointwise", "channels": 16},
            {"op": "depthwise", "kernel": [3, 3], "padding": [2, 1, 2, 1]},
            {"op": "depthwise", "kernel": [3, 3], "stride": [2, 2], "padding": [0, 1, 1, 2]},
        ),
    ),
)  # fmt: skip


@pytest.mark.parametrize("shape, cases", NICE, ids=("small", "tiles", "no padding", "wide"))
@pytest.mark.parametrize("source", ["image", "first"])
def test_every_blocking_on_the_emulated_board(
    shape: Shape3, cases: tuple[Json, ...], source: str
) -> None:
    """QEMU watches every store: none goes outside the arena and the stack."""
    arch = bench(
        shape,
        [
            {**case, "inputs": [source], "activation": ACTIVATIONS[number % len(ACTIVATIONS)]}
            for number, case in enumerate(cases)
        ],
    )
    net = extreme_for_kernels(quant_net(arch, shared_seed=1, person_seed=1, threshold=0.0), seed=4)
    most = max(len(candidates(layer, M4)) for layer in net.layers)
    for number in range(1, most):
        scheduled = scheduled_by(net, M4, lambda _, found, n=number: found[n % len(found)])
        check_on_host((scheduled,), seed=2)
        check_on_board(scheduled, seed=2, emulator="qemu")


def test_the_benches_reach_every_kernel() -> None:
    """Else the tests above would compare the portable kernels with themselves."""
    reached = {
        candidate.name
        for shape, cases in NICE
        for source in ("image", "first")
        for layer in quant_net(bench(shape, [{**c, "inputs": [source]} for c in cases])).layers
        for candidate in candidates(layer, M4)
    }
    assert {"conv_tile", "depthwise_rows", "winograd"} <= reached


def test_frames_are_what_the_assembly_pushes(tmp_path: Path) -> None:
    """The stack bound takes assembly at its word: count the registers each function saves."""
    gcc = program("arm-none-eabi-gcc", "apt install gcc-arm-none-eabi")
    shape, cases = NICE[0]
    net = quant_net(bench(shape, [{**case, "inputs": ["first"]} for case in cases]))
    emission = emit(scheduled_by(net, M4, lambda _, found: found[-1]), "someone")
    write_emission(emission, tmp_path / "emitted")
    pushed: dict[str, int] = {}
    for source in sorted((tmp_path / "emitted").glob("*.S")):
        binary = tmp_path / f"{source.stem}.o"
        run([gcc, *M4.gcc_flags, "-c", source, "-o", binary])
        pushed |= _pushed_bytes(run(["arm-none-eabi-objdump", "-d", binary]))
    assert pushed == emission.program.frames


def _pushed_bytes(disassembly: str) -> dict[str, int]:
    """Bytes that the pushes of each function take; none of them stands in a loop of pushes."""
    pushed: dict[str, int] = {}
    function = ""
    for line in disassembly.splitlines():
        if found := re.match(r"[0-9a-f]+ <(hv_\w+)>:", line):
            function = found[1]
            pushed[function] = 0
        elif found := re.search(r"(?:push|stmdb\s+sp!,)\s*\{(.*?)\}", line):
            pushed[function] += 4 * sum(_registers(part) for part in found[1].split(", "))
        elif found := re.search(r"str(?:\.w)?\s+r\d+, \[sp, #-4\]!", line):
            pushed[function] += 4
        elif found := re.search(r"sub(?:\.w)?\s+sp, (?:sp, )?#(\d+)", line):
            pushed[function] += int(found[1])
    return pushed


def _registers(part: str) -> int:
    ends = [int(number) for number in re.findall(r"\d+", part)]
    return ends[-1] - ends[0] + 1 if "-" in part else 1


def test_winograd_is_refused_where_it_is_not_exact() -> None:
    """Biases that the accumulator has room for, and 64 times the accumulator has not."""
    shape, cases = NICE[1]
    arch = bench(shape, [{**case, "inputs": ["first"]} for case in cases])
    net = extreme(quant_net(arch, shared_seed=1, person_seed=1, threshold=0.0), seed=4)
    scheduled = scheduled_by(net, M4, lambda _, found: found[-1])
    with pytest.raises(GateBreach, match="Winograd's kernel is exact below 33554432"):
        emit(scheduled, "someone")
