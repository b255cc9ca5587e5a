"""What `verify` and `demo` compare: every implementation that can be had here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen.cli import pipeline
from codegen.cli.batches import Batch
from codegen.cli.common import table
from codegen.cli.subject import Subject
from codegen.errors import OutputsDiffer
from codegen.nets import IMAGE, QuantNet
from codegen.plans import DEFAULT_PLAN
from codegen.schedule_file import ScheduleFile
from codegen.targets import Target
from host_tools.boards import Board
from host_tools.build import Firmware, build_firmware
from host_tools.compare import Comparison, compare
from host_tools.emulators import choose_emulator, emulators_here
from host_tools.emulators.base import Emulator
from host_tools.run import TraceRun, run_trace
from host_tools.simulator import Simulator
from host_tools.toolchain import Purpose, Toolchain, all_available, choose


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to compare.

    Attributes:
        target: the core.
        kernels: the plan that they are chosen by, such as "balanced", or a schedule.
        board: None takes the target's emulated one.
        compiler: only this one; None as `thorough` says.
        emulator: only this one; None as `thorough` says.
        thorough: every compiler and emulator that is installed, else the preferred ones.
        count: whether the first run on the target counts instructions.
        witness: "onnxruntime" runs the exported integer graph as well; None does not.
    """

    target: Target
    kernels: str | ScheduleFile = DEFAULT_PLAN
    board: str | None = None
    compiler: str | None = None
    emulator: str | None = None
    thorough: bool = True
    count: bool = False
    witness: str | None = None


@dataclass(frozen=True, kw_only=True)
class TargetRun:
    """What ran on an emulated board."""

    firmware: Firmware
    emulator: str
    run: TraceRun


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What the reference computed, every layer's tensors, and who computed the same."""

    reference: Mapping[str, np.ndarray]
    checks: list[Check]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One implementation against the reference; `target` is None for this machine."""

    where: str
    comparison: Comparison
    target: TargetRun | None


def verify(
    subject: Subject, batch: Batch, plan: Plan, scratch: Path, report: Callable[[str], None]
) -> Verification:
    """Runs the batch through every implementation.

    Raises:
        ProgramMissing: there is no compiler or no emulator at all, or not the witness asked for.
    """
    report("running the PyTorch integer reference ...")
    net = subject.quant_net
    expected = pipeline.torch_reference(net, batch.inputs)
    witnessed = _witnessed(net, batch, expected, plan, report)
    images = batch.rows(net.arch)
    with pipeline.emitted(subject, plan.target, scratch / subject.name, plan.kernels) as folder:
        checks = [
            Check(
                where=f"this machine, {toolchain.name}",
                comparison=compare(expected, tensors),
                target=None,
            )
            for toolchain, tensors in _host_traces(folder, images, plan, report)
        ]
        for target in _target_runs(folder, images, plan, scratch, report):
            order = target.firmware.order
            checks.append(
                Check(
                    where=f"{order.board.name} in {target.emulator}, {order.toolchain.name}",
                    comparison=compare(expected, target.run.trace.tensors),
                    target=target,
                )
            )
    return Verification(reference=expected, checks=checks + witnessed)


def summary(checks: list[Check]) -> dict[str, Any]:
    """bit_exact, images, tensors_compared, first_difference, and each check on its own."""
    failed = [check for check in checks if not check.comparison.bit_exact]
    difference = failed[0].comparison.first_difference if failed else None
    return {
        "bit_exact": not failed,
        "images": checks[0].comparison.images,
        "tensors_compared": sum(check.comparison.tensors_compared for check in checks),
        "first_difference": pipeline.difference_json(difference),
        "checks": [
            {"where": check.where, **pipeline.comparison_json(check.comparison)} for check in checks
        ],
    }


def check_lines(checks: list[Check], unit: str = "images") -> list[str]:
    """A table of what was compared, and the verdict."""
    rows = [
        (c.where, c.comparison.tensors_compared, "equal" if c.comparison.bit_exact else "DIFFERS")
        for c in checks
    ]
    exact = all(check.comparison.bit_exact for check in checks)
    verdict = "BIT-EXACT" if exact else f"NOT BIT-EXACT: {first(checks)}"
    return [
        *table(("compared with the PyTorch integer reference", "tensors", ""), rows),
        "",
        f"{verdict}, {checks[0].comparison.images} {unit}",
    ]


def first(checks: list[Check]) -> str:
    """The first difference as text."""
    return next(
        f"{check.where}: {check.comparison.first_difference}"
        for check in checks
        if not check.comparison.bit_exact
    )


def require_bit_exact(checks: list[Check]) -> None:
    """Raises OutputsDiffer, exit code 3, unless all are equal."""
    if any(not check.comparison.bit_exact for check in checks):
        raise OutputsDiffer(
            "the implementations do not agree",
            where=first(checks),
            hint="no firmware of this kernel should be shipped: please report this",
        )


def _witnessed(
    net: QuantNet,
    batch: Batch,
    expected: Mapping[str, np.ndarray],
    plan: Plan,
    report: Callable[[str], None],
) -> list[Check]:
    """The integer graph in ONNX Runtime, if asked for; runs first, because it may be missing."""
    if plan.witness is None:
        return []
    from codegen.export.builder import model_bytes
    from codegen.export.integer_graph import integer_graph
    from host_tools.witness import require_witness, run_witness

    require_witness()
    report(f"running the exported integer graph in {plan.witness} ...")
    inputs = batch.inputs if isinstance(batch.inputs, Mapping) else {IMAGE: batch.inputs}
    tensors = run_witness(model_bytes(integer_graph(net, every_layer=True)), inputs)
    where = f"integer graph in {plan.witness}"
    return [Check(where=where, comparison=compare(expected, tensors), target=None)]


def _host_traces(
    folder: Path, images: np.ndarray, plan: Plan, report: Callable[[str], None]
) -> Iterator[tuple[Toolchain, dict[str, np.ndarray]]]:
    for toolchain in _toolchains(Purpose.HOST, plan):
        report(f"running the C on this machine, compiled with {toolchain.name} ...")
        yield toolchain, Simulator(folder, toolchain=toolchain).trace(images)


def _target_runs(
    folder: Path, images: np.ndarray, plan: Plan, scratch: Path, report: Callable[[str], None]
) -> Iterator[TargetRun]:
    count = plan.count
    board = pipeline.board_of(plan.target, plan.board)
    for toolchain in _toolchains(pipeline.purpose_of(board), plan):
        out = scratch / f"firmware-{toolchain.name}"
        report(f"building firmware for {board.name} with {toolchain.name} ...")
        firmware = build_firmware(
            pipeline.trace_order(folder, plan.target, toolchain.name, out, plan.board)
        )
        for emulator in _emulators(board, plan):
            report(f"running it in {emulator.name} ...")
            ran = run_trace(emulator, firmware, images, count=count)
            yield TargetRun(firmware=firmware, emulator=emulator.name, run=ran)
            count = False


def _toolchains(purpose: Purpose, plan: Plan) -> tuple[Toolchain, ...]:
    """Those installed, without `cc`, which is one of the others under another name."""
    if plan.compiler is not None or not plan.thorough:
        return (choose(purpose, plan.compiler),)
    found = tuple(t for t in all_available(purpose) if t.name != "cc")
    return found or (choose(purpose),)


def _emulators(board: Board, plan: Plan) -> tuple[Emulator, ...]:
    if plan.emulator is not None or not plan.thorough:
        return (choose_emulator(board, plan.emulator),)
    return emulators_here(board) or (choose_emulator(board),)
