"""Every operator on emulated cores: one firmware holds many geometries of all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Json, assert_same, bench

from codegen import reference
from codegen.arith import accept_normalised, accept_plain, requantise, requantise_prelu
from codegen.emit import emit, write_emission
from codegen.ops import OPS
from codegen.schedule import schedule
from codegen.scheduled_net import ScheduledNet, portable
from codegen.targets import TARGETS, Target, find_target
from host_tools.boards import load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.emulators import EMULATORS, emulators_here
from host_tools.emulators.base import Emulator
from host_tools.manifest import Manifest, load_manifest
from host_tools.run import run_trace
from host_tools.selftest import Case, Operation, run_selftest
from host_tools.toolchain import Purpose, Toolchain, all_available, candidates
from tests.networks import extreme, images, quant_net

CLIP: Json = {"kind": "clip", "lo": -0.5, "hi": 1.0}
PRELU: Json = {"kind": "prelu"}
CASES: tuple[Json, ...] = (
    {"op": "conv2d", "inputs": ["image"], "channels": 5, "kernel": [3, 3], "activation": PRELU},
    {
        "op": "conv2d",
        "inputs": ["second"],
        "channels": 3,
        "kernel": [4, 2],
        "stride": [2, 3],
        "padding": [3, 0, 1, 1],
        "activation": CLIP,
    },
    {
        "op": "depthwise",
        "inputs": ["image"],
        "kernel": [2, 5],
        "padding": [0, 4, 1, 2],
        "activation": {"kind": "relu"},
    },
    {
        "op": "depthwise",
        "inputs": ["second"],
        "kernel": [3, 1],
        "stride": [3, 2],
        "activation": PRELU,
    },
    {"op": "pointwise", "inputs": ["second"], "channels": 7, "activation": {"kind": "relu6"}},
    {"op": "dense", "inputs": ["vector"], "channels": 5, "activation": PRELU},
    {"op": "add", "inputs": ["first", "second"], "activation": {"kind": "relu"}},
    {"op": "concat", "inputs": ["first", "second", "first"], "axis": 2},
    {
        "op": "max_pool",
        "inputs": ["second"],
        "kernel": [3, 2],
        "stride": [2, 2],
        "padding": [2, 1, 0, 0],
    },
    {"op": "average_pool", "inputs": ["second"], "kernel": [2, 3], "padding": [1, 0, 0, 2]},
    {
        "op": "inner_average_pool",
        "inputs": ["second"],
        "kernel": [3, 2],
        "stride": [2, 2],
        "padding": [2, 1, 1, 1],
        "counted": [1, 0, 0, 1],
    },
    {"op": "inner_average_pool", "inputs": ["first"], "kernel": [2, 2]},
    {"op": "global_pool", "inputs": ["second"]},
    {
        "op": "conv_transpose",
        "inputs": ["second"],
        "channels": 4,
        "kernel": [3, 2],
        "stride": [2, 1],
        "dilation": [1, 2],
        "output_padding": [1, 0],
        "padding": [1, 0, 2, 1],
        "activation": CLIP,
    },
    {
        "op": "conv_transpose",
        "inputs": ["first"],
        "channels": 3,
        "groups": 3,
        "kernel": [2, 4],
        "stride": [3, 2],
        "activation": PRELU,
    },
    {
        "op": "dilated_max_pool",
        "inputs": ["second"],
        "kernel": [3, 2],
        "stride": [1, 2],
        "dilation": [2, 3],
        "padding": [3, 1, 0, 2],
    },
    {"op": "flatten", "inputs": ["second"]},
    {
        "op": "grouped_conv",
        "inputs": ["second"],
        "channels": 6,
        "groups": 3,
        "kernel": [3, 2],
        "stride": [1, 2],
        "dilation": [2, 3],
        "padding": [4, 0, 1, 2],
        "activation": PRELU,
    },
    {"op": "average_pool", "inputs": ["first"], "kernel": [7, 5]},
    {"op": "sub", "inputs": ["second", "case18"], "activation": CLIP},
    {"op": "mul", "inputs": ["case18", "second"]},
    {"op": "argmax", "inputs": ["second"], "axis": 1, "ties": "last"},
    {"op": "constant", "inputs": [], "shape": [3, 2, 1, 2]},
    {"op": "softmax", "inputs": ["second"], "axis": 1},
    {"op": "lookup", "inputs": ["second"], "function": ["gelu", ["x"]]},
    {"op": "reshape", "inputs": ["second"], "shape": [5, 3, 1, 7]},
    {"op": "transpose", "inputs": ["second"], "axes": [2, 1, 0]},
    {"op": "pad", "inputs": ["second"], "mode": "edge", "before": [0, 2, 1], "after": [3, 0, 1]},
    {"op": "pad", "inputs": ["first"], "mode": "reflect", "before": [6, 0, 1], "after": [2, 3, 0]},
    {
        "op": "pad",
        "inputs": ["second"],
        "mode": "constant",
        "before": [1, 0, 0],
        "after": [2, 1, 0],
        "value": -0.25,
    },
    {"op": "resize", "inputs": ["second"], "rows": [0, 0, 6, 3, 3], "columns": [4, 1, 1, 0, 2, 2]},
    {
        "op": "slice",
        "inputs": ["second"],
        "start": [6, 1, 2],
        "size": [3, 4, 3],
        "step": [-3, 1, -1],
    },
)


def test_every_operator_is_among_the_cases() -> None:
    kinds = {case["op"] for case in CASES} | {"plain_decision", "normalised_decision"}
    assert kinds == {op.kind for op in OPS}


@pytest.mark.parametrize("target", [t for t in TARGETS if t.board], ids=lambda target: target.name)
def test_every_tensor_on_the_target(target: Target, tmp_path: Path) -> None:
    """Extreme integers; the decision alternates, so that both run on some target.

    What is extreme is computed by the operators' own kernels: others have limits of their own.
    """
    normalised = TARGETS.index(target) % 2
    decision = "normalised_decision" if normalised else "plain_decision"
    net = quant_net(bench((7, 5, 3), CASES, decision=decision), shared_seed=TARGETS.index(target))
    if normalised:
        scheduled = schedule(net, target)
    else:  # its head may be extreme, too
        net = extreme(net, seed=7)
        scheduled = portable(net, target)
    manifest = _emitted(scheduled, tmp_path)
    emulators = _emulators(target)
    batch = images(net.arch, 6, seed=9)
    expected = reference.run(net, batch)
    for toolchain in _toolchains(target):
        firmware = _firmware("trace", target, toolchain, manifest, tmp_path / toolchain.name)
        for emulator in emulators:
            tensors = run_trace(emulator, firmware, batch).trace.tensors
            for name, values in expected.items():
                where = f"{name} on {target.name}, {toolchain.name}, {emulator.name}"
                assert_same(values, tensors[name], where)


@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m4", "rv32imc"])
def test_arithmetic_on_the_target(name: str, tmp_path: Path) -> None:
    """hv_arith.h compiled for the core against codegen/arith.py: boundaries and a random set."""
    cases, expected = _selftest_cases(seed=11)
    target = find_target(name)
    for toolchain in _toolchains(target):
        firmware = _firmware("selftest", target, toolchain, None, tmp_path / toolchain.name)
        answers = run_selftest(_emulators(target)[0], firmware, cases)
        assert_same(expected, answers, f"{name}, {toolchain.name}")


def _emitted(scheduled: ScheduledNet, folder: Path) -> Manifest:
    write_emission(emit(scheduled, "someone"), folder / "emitted")
    return load_manifest(folder / "emitted")


def _firmware(
    app: str, target: Target, toolchain: Toolchain, manifest: Manifest | None, out: Path
) -> Firmware:
    assert target.board is not None
    board = load_board(target.board)
    return build_firmware(
        FirmwareOrder(app=app, board=board, toolchain=toolchain, manifest=manifest, out=out)
    )


def _toolchains(target: Target) -> tuple[Toolchain, ...]:
    purpose = Purpose(target.family)
    found = all_available(purpose)
    if not found:
        hints = ", or ".join(candidate.hint for candidate in candidates(purpose))
        pytest.skip(f"no compiler for {target.family}: {hints}")
    return found[:1]  # the second compiler is tested by tests/host_tools


def _emulators(target: Target) -> tuple[Emulator, ...]:
    assert target.board is not None
    found = emulators_here(load_board(target.board))
    if not found:
        hints = ", or ".join(emulator.hint(target.family) for emulator in EMULATORS)
        pytest.skip(f"no emulator runs {target.board}: {hints}")
    return found


def _selftest_cases(seed: int) -> tuple[list[Case], np.ndarray]:
    generator = np.random.default_rng(seed)
    cases: list[Case] = []
    answers: list[int] = []

    def ask(operation: Operation, arguments: tuple[int, ...], answer: np.ndarray) -> None:
        cases.append(Case(operation=operation, arguments=arguments))
        answers.append(int(answer.reshape(-1)[0]))

    for _ in range(400):
        left_shift = int(generator.integers(0, 9))
        acc = _int32(generator) >> left_shift
        positive = min(abs(_int32(generator)), 2**31 - 1) or 1
        negative = max(_int32(generator), 1 - 2**31)
        zero_point, lo, hi = _clamp(generator)
        scalars = {"left_shift": left_shift, "zero_point": zero_point, "lo": lo, "hi": hi}
        one, m, n = np.array([acc]), np.array([positive]), np.array([negative])
        tail = (left_shift, zero_point, lo, hi)
        ask(Operation.REQUANTISE, (acc, positive, *tail), requantise(one, m, **scalars))
        ask(
            Operation.REQUANTISE_PRELU,
            (acc, positive, negative, *tail),
            requantise_prelu(one, m, n, **scalars),
        )
        ask(Operation.ACCEPT_PLAIN, (acc, negative), accept_plain(one, n))
        score = acc >> 7
        shift = int(generator.integers(0, 15))
        norm = abs(_int32(generator)) % 2**31
        verdict = accept_normalised(np.array([score]), np.array([norm]), m, shift=shift)
        ask(Operation.ACCEPT_NORMALISED, (score, norm, positive, shift), verdict)
    return cases, np.array(answers, np.int32)


def _int32(generator: np.random.Generator) -> int:
    """Half of them at a boundary, half anywhere, of any magnitude."""
    if generator.integers(2):
        return int(generator.choice([0, 1, -1, 2**31 - 1, 1 - 2**31, 2**30, -(2**30), 2**16]))
    return int(generator.integers(1 - 2**31, 2**31)) >> int(generator.integers(0, 31))


def _clamp(generator: np.random.Generator) -> tuple[int, int, int]:
    lo, hi = sorted(int(v) for v in generator.integers(-128, 128, 2))
    return int(generator.integers(-128, 128)), lo, hi
