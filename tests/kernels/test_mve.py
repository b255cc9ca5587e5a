"""Helium's kernels against the reference: their twin here, themselves on the emulated board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.kernels import KERNELS, mve
from codegen.nets import QuantNet
from codegen.plan import plan_memory
from codegen.schedule import schedule
from codegen.targets import CORTEX_M, find_target
from host_tools.emulators import find_emulator
from host_tools.toolchain import Purpose, all_available
from tests.c_host import WARNINGS, emitted, program, run
from tests.kernels.bench import check_on_board, check_on_host
from tests.networks import extreme, quant_net, with_constants
from tests.ops.harness import ACTIVATIONS, Json, Shape3, bench
from tests.ops.strategies import activations, benches, compiled, seeds, sources, windows

M55 = find_target("cortex-m55")

# Around the sizes at which something changes: a tile of 4, half a vector, a vector, more.
channels = st.sampled_from((1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 33))
outputs = st.sampled_from((4, 5, 6, 7, 8, 11))
shapes = st.tuples(st.integers(1, 9), st.integers(1, 11), channels)


def _conv(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    fields = {"channels": draw(outputs), "activation": draw(activations), **draw(windows(shape))}
    return {"op": "conv2d", "inputs": [draw(sources)], **fields}


def _depthwise(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    fields = {"activation": draw(activations), **draw(windows(shape))}
    return {"op": "depthwise", "inputs": [draw(sources)], **fields}


def _pointwise(draw: Any, _shape: Shape3) -> Json:  # noqa: ANN401
    fields = {"channels": draw(outputs), "activation": draw(activations)}
    return {"op": "pointwise", "inputs": [draw(st.sampled_from(("first", "second")))], **fields}


def _dense(draw: Any, _shape: Shape3) -> Json:  # noqa: ANN401
    keeps = draw(st.booleans())
    fields = {"output": "int32"} if keeps else {"activation": draw(activations)}
    return {"op": "dense", "inputs": ["vector"], "channels": draw(outputs), **fields}


def _sum(draw: Any, _shape: Shape3) -> Json:  # noqa: ANN401
    simple = st.sampled_from([kind for kind in ACTIVATIONS if kind["kind"] != "prelu"])
    op = draw(st.sampled_from(("add", "sub")))
    return {"op": op, "inputs": ["first", "second"], "activation": draw(simple)}


def _global_pool(draw: Any, _shape: Shape3) -> Json:  # noqa: ANN401
    return {"op": "global_pool", "inputs": [draw(st.sampled_from(("first", "second")))]}


CASES = (_conv, _depthwise, _pointwise, _dense, _sum, _global_pool)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.strip("_"))
def test_the_twin_has_the_bits_of_the_reference(case: Any) -> None:  # noqa: ANN401
    @compiled
    @given(benches(case, of=shapes), seeds)
    def check(cases: tuple[Shape3, list[Json]], seed: int) -> None:
        net = quant_net(bench(*cases), shared_seed=seed, person_seed=seed, threshold=0.0)
        nets = (net, extreme(net, seed), extreme(net, seed + 1))
        check_on_host([schedule(one, M55) for one in nets], seed)

    check()


FIXED: tuple[tuple[Shape3, tuple[Json, ...]], ...] = (
    (
        (9, 7, 3),
        (
            {
                "op": "conv2d",
                "inputs": ["image"],
                "channels": 5,
                "kernel": [3, 3],
                "stride": [2, 2],
                "padding": [1, 1, 1, 1],
                "activation": {"kind": "prelu"},
            },
            {
                "op": "conv2d",
                "inputs": ["second"],
                "channels": 8,
                "kernel": [4, 2],
                "stride": [3, 1],
                "padding": [3, 0, 0, 1],
                "activation": {"kind": "clip", "lo": -0.5, "hi": 1.0},
            },
            {
                "op": "depthwise",
                "inputs": ["image"],
                "kernel": [3, 3],
                "padding": [1, 1, 1, 1],
                "activation": {"kind": "relu"},
            },
            {"op": "pointwise", "inputs": ["first"], "channels": 6},
            {"op": "dense", "inputs": ["vector"], "channels": 7, "output": "int32"},
            {"op": "sub", "inputs": ["first", "second"], "activation": {"kind": "relu"}},
        ),
    ),
    (
        (5, 10, 19),
        (
            {
                "op": "conv2d",
                "inputs": ["image"],
                "channels": 6,
                "kernel": [1, 3],
                "padding": [0, 2, 0, 0],
            },
            {
                "op": "conv2d",
                "inputs": ["second"],
                "channels": 4,
                "kernel": [3, 3],
                "padding": [1, 1, 1, 1],
                "activation": {"kind": "prelu"},
            },
            {
                "op": "depthwise",
                "inputs": ["second"],
                "kernel": [3, 5],
                "stride": [2, 3],
                "padding": [2, 0, 1, 4],
                "activation": {"kind": "prelu"},
            },
            {"op": "depthwise", "inputs": ["first"], "kernel": [4, 4]},
            {
                "op": "pointwise",
                "inputs": ["second"],
                "channels": 9,
                "activation": {"kind": "prelu"},
            },
            {"op": "dense", "inputs": ["vector"], "channels": 4, "activation": {"kind": "prelu"}},
            {"op": "add", "inputs": ["first", "second"]},
            {"op": "global_pool", "inputs": ["second"]},
        ),
    ),
    (
        (3, 8, 16),
        (
            {"op": "pointwise", "inputs": ["first"], "channels": 8},
            {"op": "pointwise", "inputs": ["case0"], "channels": 32},
            {"op": "pointwise", "inputs": ["case1"], "channels": 5},
            {"op": "depthwise", "inputs": ["case0"], "kernel": [3, 3], "padding": [1, 1, 1, 1]},
            {"op": "conv2d", "inputs": ["case1"], "channels": 4, "kernel": [2, 2]},
            {"op": "dense", "inputs": ["vector"], "channels": 10},
        ),
    ),
)


def test_every_kernel_for_helium_is_among_the_fixed_cases() -> None:
    used = {
        kernel.name
        for shape, cases in FIXED
        for kernel in schedule(quant_net(bench(shape, cases)), M55).kernels.values()
    }
    assert {kernel.name for kernel in KERNELS if kernel.needs == {"mve"}} <= used


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize("index", range(len(FIXED)))
def test_every_tensor_on_the_emulated_board(index: int, compiler: str) -> None:
    """Usual and extreme integers, left shifts; no layer stores outside the arena and the stack."""
    if find_emulator("qemu").version(CORTEX_M) is None:
        pytest.skip("no emulator has Helium: apt install qemu-system-arm")
    if compiler not in {found.name for found in all_available(Purpose.CORTEX_M)}:
        pytest.skip(f"{compiler} is not installed")
    net = quant_net(bench(*FIXED[index]), threshold=0.0)
    for one in (net, extreme(net, seed=5), extreme(_shifted(net, 3), seed=6)):
        check_on_board(schedule(one, M55), seed=9, emulator="qemu", compiler=compiler)


@pytest.mark.parametrize("shape", [(3, 8, 16), (3, 7, 5)], ids=["whole", "rest"])
def test_sums_run_in_place_unless_their_last_vector_overlaps(shape: Shape3) -> None:
    """Nobody else reads "second"; the last of 105 elements has a vector that begins 3 before it."""
    cases: list[Json] = [
        {"op": "sub", "inputs": ["first", "second"]},
        {"op": "add", "inputs": ["case0", "first"]},
    ]
    scheduled = schedule(quant_net(bench(shape, cases), threshold=0.0), M55)
    plan = plan_memory(scheduled)
    in_place = plan.offset("case0") == plan.offset("second")
    assert in_place == (shape[2] == 16)
    check_on_host([scheduled], seed=4)
    if find_emulator("qemu").version(M55.family) is not None:
        check_on_board(scheduled, seed=4, emulator="qemu")


def _shifted(net: QuantNet, left_shift: int) -> QuantNet:
    """Every layer that can be shifted is."""
    for layer in net.layers:
        if "left_shift" in layer.constants:
            net = with_constants(net, layer.name, left_shift=left_shift)
    return net


@pytest.mark.parametrize("level", ["-O0", "-Og", "-Os", "-O3"])
def test_the_folder_compiles_at_every_level(level: str, tmp_path: Path) -> None:
    """The assembly needs most registers; with a frame pointer there is one less."""
    gcc = program("arm-none-eabi-gcc", "apt install gcc-arm-none-eabi")
    emitted(quant_net(bench(*FIXED[0])), tmp_path, target=M55)
    flags = [*WARNINGS, *M55.gcc_flags, level, "-fno-omit-frame-pointer", "-I", str(tmp_path)]
    run([gcc, *flags, "-c", tmp_path / "hv_bench.c", "-o", tmp_path / "bench.o"])


def test_weights_lie_in_tiles() -> None:
    rows = np.arange(6 * 20, dtype=np.int8).reshape(6, 20)
    tiles = mve.tiled(rows)
    assert tiles.shape == mve.tiled_spec(6, 20).shape == (2, 2, 4, 16)
    for tile, first in enumerate((0, 2)):  # the last tile ends with the last channel
        for channel in range(4):
            line = tiles[tile, :, channel].reshape(-1)
            np.testing.assert_array_equal(line[:20], rows[first + channel])
            assert not line[20:].any()


def test_a_channels_taps_have_zeros_on_both_sides() -> None:
    lines = mve.lined(np.ones((3, 9), np.int8))
    assert lines.shape == mve.lined_spec(3).shape == (4, 16)
    flat = lines.reshape(-1)
    for channel in range(3):
        begin = (channel + 1) * 16 - 6  # the taps moved up by six
        np.testing.assert_array_equal(flat[begin : begin + 16], [0] * 6 + [1] * 9 + [0])


@pytest.mark.parametrize(
    "case",
    [
        {"op": "conv2d", "inputs": ["first"], "channels": 3, "kernel": [3, 3]},
        {"op": "pointwise", "inputs": ["image"], "channels": 8},
        {"op": "depthwise", "inputs": ["first"], "kernel": [5, 5]},
        {"op": "dense", "inputs": ["vector"], "channels": 3},
        {"op": "add", "inputs": ["first", "case1"]},  # broadcast
        {"op": "global_pool", "inputs": ["case2"]},
    ],
    ids=lambda case: case["op"],
)
def test_what_they_cannot_do_is_left_to_others(case: Json) -> None:
    before: list[Json] = [
        {"op": "global_pool", "inputs": ["first"]},
        {"op": "reshape", "inputs": ["case0"], "shape": [1, 1, 4]},
        {"op": "pointwise", "inputs": ["first"], "channels": 3},
    ]
    net = quant_net(bench((7, 7, 4), [*before, case]))
    assert schedule(net, M55).kernels["case3"].needs != {"mve"}
