"""Runs kernels everywhere: each layer of a bench by a kernel of choice, here and emulated."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from codegen import reference
from codegen.emit import emit, emit_network, write_emission
from codegen.kernels.base import Kernel
from codegen.layout import pack
from codegen.lower import Program
from codegen.nets import QuantNet
from codegen.ops.base import QuantLayer
from codegen.packing import pack_inputs
from codegen.schedule import candidates
from codegen.scheduled_net import ScheduledNet
from codegen.targets import Target
from host_tools.boards import load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.emulators import choose_emulator
from host_tools.manifest import load_manifest
from host_tools.run import run_trace
from host_tools.simulator import Simulator
from host_tools.toolchain import Purpose, Toolchain
from host_tools.toolchain import choose as choose_toolchain
from tests.networks import extreme, images, samples, with_tensor
from tests.ops.harness import assert_same

Choice = Callable[[QuantLayer, Sequence[Kernel]], Kernel]


def scheduled_by(net: QuantNet, target: Target, choice: Choice) -> ScheduledNet:
    """Each layer by what `choice` takes of the kernels that can compute it."""
    kernels = {layer.name: choice(layer, candidates(layer, target)) for layer in net.layers}
    return ScheduledNet(net=net, target=target, kernels=kernels)


def extreme_for_kernels(net: QuantNet, seed: int) -> QuantNet:
    """Integers at the limits of Winograd's kernel: weights as they are, biases smaller."""
    net = extreme(net, seed)
    for layer in net.layers:
        if layer.op.kind == "conv2d":
            net = with_tensor(net, f"{layer.name}.bias", layer.tensors["bias"] >> 7)
    return net


def check_on_host(
    scheduled: Sequence[ScheduledNet],
    seed: int,
    count: int = 6,
    toolchain: Toolchain | None = None,
) -> None:
    """The nets are persons of one kernel: the C twins give the reference's bits for each."""
    batch = images(scheduled[0].net.arch, count, seed)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "emitted"
        program = _emitted(scheduled[0], folder)
        for one in scheduled:
            person = pack(program.person, program.abi[: program.person.header_bytes], one.stored())
            _compare(
                one,
                batch,
                Simulator(folder, person=person, toolchain=toolchain).trace(batch),
                "host",
            )


def check_on_board(
    scheduled: ScheduledNet,
    seed: int,
    emulator: str,
    count: int = 3,
    compiler: str | None = None,
) -> None:
    """The assembly gives the reference's bits, and stores into the arena and the stack alone."""
    batch = images(scheduled.net.arch, count, seed)
    with tempfile.TemporaryDirectory() as parent:
        _emitted(scheduled, Path(parent) / "emitted")
        firmware = _built(scheduled, Path(parent), compiler)
        chosen = choose_emulator(firmware.order.board, emulator)
        ran = run_trace(chosen, firmware, batch, watch_stores=chosen.watches_stores)
        _compare(scheduled, batch, ran.trace.tensors, emulator)
        if ran.outcome.stores is not None and firmware.stack is not None:
            assert ran.outcome.stores.stack_used_bytes <= firmware.stack.size_bytes


def instructions(scheduled: ScheduledNet) -> int:
    """What one inference of a made-up input takes on the target's board, in QEMU."""
    arch = scheduled.net.arch
    if arch.is_verifier:
        emission, batch = emit(scheduled, "someone"), images(arch, 1, seed=3)
    else:
        notes = dict.fromkeys((*arch.input_names, *arch.outputs), "")
        emission = emit_network(scheduled, notes)
        batch = pack_inputs(arch, samples(arch, 1, seed=3))
    with tempfile.TemporaryDirectory() as parent:
        write_emission(emission, Path(parent) / "emitted")
        firmware = _built(scheduled, Path(parent), compiler=None)
        chosen = choose_emulator(firmware.order.board, "qemu")
        counts = run_trace(chosen, firmware, batch, count=True).outcome.counts
    assert counts is not None
    return sum(layer.instructions // layer.calls for layer in counts.layers)


def _built(scheduled: ScheduledNet, parent: Path, compiler: str | None) -> Firmware:
    return build_firmware(
        FirmwareOrder(
            app="trace",
            board=load_board(scheduled.target.board or ""),
            toolchain=choose_toolchain(Purpose(scheduled.target.family), compiler),
            manifest=load_manifest(parent / "emitted"),
            out=parent / "out",
        )
    )


def _emitted(scheduled: ScheduledNet, folder: Path) -> Program:
    emission = emit(scheduled, "someone")
    write_emission(emission, folder)
    return emission.program


def _compare(
    scheduled: ScheduledNet, batch: np.ndarray, tensors: dict[str, np.ndarray], where: str
) -> None:
    expected = reference.run(scheduled.net, batch)
    for layer in scheduled.net.layers:
        kernel = scheduled.kernel(layer).describe()
        assert_same(
            expected[layer.name],
            tensors[layer.name],
            f"{where}: layer {layer.name} ({layer.op}, {layer.input_shapes}) by {kernel}",
        )
