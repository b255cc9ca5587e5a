"""What `profile` and the benchmark share: measuring a network, and saying what it costs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen.cli import pipeline
from codegen.cli.batches import read_batch
from codegen.cli.choice import plan_name
from codegen.cli.common import table
from codegen.cli.subject import Subject
from codegen.emit import Emission, write_emission
from codegen.plan import SCRATCH, MemoryPlan
from codegen.plans import DEFAULT_PLAN
from codegen.schedule_file import ScheduleFile
from codegen.targets import Target
from host_tools.build import Firmware, build_firmware
from host_tools.cycles.timings import Core
from host_tools.emulators import choose_profiler
from host_tools.fit import check_fit, limits_of, needs_of
from host_tools.manifest import Manifest, load_manifest
from host_tools.profile import Cost, Profile, profile

HEADINGS = ("layer", "MAC", "instructions", "cycles", "at worst", "cycles/MAC")
NOT_KNOWN = "-"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A network's costs and where they were measured.

    Attributes:
        target: the core.
        kernels: the plan that they were chosen by, or "schedule".
        board: the emulated board.
        emulator: what ran it.
        compiler: what compiled it, in its own words.
        profile: the costs.
        plan: where its buffers live.
    """

    target: str
    kernels: str
    board: str
    emulator: str
    compiler: str
    profile: Profile
    plan: MemoryPlan

    @property
    def scratch_bytes(self) -> int:
        """Working memory in the arena: of all layers, the most at once."""
        areas = [buffer for buffer in self.plan.buffers if buffer.name.endswith(SCRATCH)]
        return max(
            (
                sum(area.size_bytes for area in areas if area.first <= step <= area.last)
                for step in {area.first for area in areas}
            ),
            default=0,
        )


def measure(
    subject: Subject,
    target: Target,
    report: Callable[[str], None],
    *,
    plan: str | ScheduleFile = DEFAULT_PLAN,
    board: str | None = None,
    compiler: str | None = None,
) -> Measured:
    """Emits and builds a network, runs it once in the emulator, and says what that costs.

    Args:
        subject: the network.
        target: the core.
        report: told what is being done.
        plan: what the kernels are chosen for, or the schedule that says them.
        board: the target's emulated one if None.
        compiler: gcc or zig; the preferred one if None.

    Raises:
        HvError: it does not fit the board, or whatever stops the firmware.
        ProgramMissing: there is no compiler, or no emulator that profiles.
    """
    emission = pipeline.emission_of(subject, target, plan)
    with run_profiled(subject, emission, report, board=board, compiler=compiler) as ran:
        return measured_of(ran, emission, plan_name(plan))


@dataclass(frozen=True, kw_only=True)
class ProfiledRun:
    """A firmware that ran once, and what that cost; its files are still there."""

    firmware: Firmware
    manifest: Manifest
    emulator: str
    rows: np.ndarray  # uint8 [1, bytes]: what it was given
    profile: Profile


@contextmanager
def run_profiled(
    subject: Subject,
    emission: Emission,
    report: Callable[[str], None],
    *,
    board: str | None = None,
    compiler: str | None = None,
) -> Iterator[ProfiledRun]:
    """Builds and runs an emitted network; see `measure`."""
    target = emission.program.target
    rows = read_batch(subject, (), None, None, aligned=False).rows(subject.quant_net.arch)[-1:]
    with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
        folder = Path(scratch) / subject.name
        write_emission(emission, folder)
        order = pipeline.trace_order(folder, target, compiler, Path(scratch) / "firmware", board)
        check_fit(needs_of(emission.program), limits_of(order.board))
        emulator = choose_profiler(order.board)
        report(f"building firmware for {order.board.name} with {order.toolchain.name} ...")
        firmware = build_firmware(order)
        report(f"running it in {emulator.name} ...")
        yield ProfiledRun(
            firmware=firmware,
            manifest=load_manifest(folder),
            emulator=emulator.name,
            rows=rows,
            profile=profile(emulator, firmware, rows),
        )


def measured_of(ran: ProfiledRun, emission: Emission, kernels: str) -> Measured:
    """The figures of a run."""
    order = ran.firmware.order
    return Measured(
        target=emission.program.target.name,
        kernels=kernels,
        board=order.board.name,
        emulator=ran.emulator,
        compiler=order.toolchain.version,
        profile=ran.profile,
        plan=emission.program.plan,
    )


def profile_json(measured: Measured) -> dict[str, Any]:
    """Every figure; null is what cannot be known on this core or with this compiler."""
    costs, ram, flash = measured.profile, measured.profile.ram, measured.profile.flash
    return {
        "target": measured.target,
        "plan": measured.kernels,
        "board": measured.board,
        "emulator": measured.emulator,
        "compiler": measured.compiler,
        "layers": [
            {"name": layer.name, "op": layer.op, **_cost_json(layer.cost)} for layer in costs.layers
        ],
        "dispatch": _cost_json(costs.dispatch),
        "total": _cost_json(costs.total),
        "estimate": None if costs.core is None else _estimate_json(costs.core),
        "ram_bytes": {
            "arena": ram.arena,
            "scratch": measured.scratch_bytes,
            "input": ram.input,
            "static": ram.static,
            "stack": ram.stack,
            "stack_used": ram.stack_used,
            "output": ram.output,
            "total": ram.total,
        },
        "flash_bytes": {
            "code": flash.code,
            "weights": flash.weights,
            "tables": flash.tables,
            "total": flash.total,
        },
    }


def profile_lines(measured: Measured) -> list[str]:
    """A table of the layers, what the cycles mean, and where RAM and flash go."""
    costs = measured.profile
    rows = [
        *((layer.name, *_cells(layer.cost)) for layer in costs.layers),
        ("dispatch", *_cells(costs.dispatch)),
        ("total", *_cells(costs.total)),
    ]
    return [
        *table(HEADINGS, rows),
        "",
        *_estimate_lines(costs.core, measured.target),
        *_memory_lines(measured),
        "",
        f"{measured.board} in {measured.emulator}, {measured.compiler}",
    ]


def cycles_per_mac(cost: Cost) -> str:
    """With two decimals, or that it is not known."""
    return NOT_KNOWN if cost.cycles_per_mac is None else f"{cost.cycles_per_mac:.2f}"


def _cells(cost: Cost) -> tuple[Any, ...]:
    known = cost.cycles is not None
    return (
        cost.macs,
        cost.instructions,
        round(cost.cycles.zero_wait) if cost.cycles else NOT_KNOWN,
        round(cost.cycles.pessimistic) if cost.cycles else NOT_KNOWN,
        cycles_per_mac(cost) if known else NOT_KNOWN,
    )


def _cost_json(cost: Cost) -> dict[str, Any]:
    return {
        "macs": cost.macs,
        "instructions": cost.instructions,
        "cycles": round(cost.cycles.zero_wait) if cost.cycles else None,
        "cycles_at_worst": round(cost.cycles.pessimistic) if cost.cycles else None,
        "cycles_per_mac": cost.cycles_per_mac,
    }


def _estimate_json(core: Core) -> dict[str, Any]:
    return {
        "timings": core.source,
        "error": core.error or None,
        "validated": bool(core.error),
        "cycles": "zero wait states",
        "cycles_at_worst": "; ".join(_worst(core)),
    }


def _worst(core: Core) -> tuple[str, str]:
    """What the other end of the range assumes of the core, and of flash."""
    flash = core.flash
    return (
        f"{core.pessimistic.branch} cycles for every refill of the pipeline, no loads overlapped",
        f"flash with {flash.wait_states} wait states for each {flash.line_bytes} bytes, without "
        f"cache or prefetch: {flash.chip}",
    )


def _estimate_lines(core: Core | None, target: str) -> Iterable[str]:
    if core is None:
        return [f"cycles    none: no timings are published for the {target}", ""]
    of_core, of_flash = _worst(core)
    error = f"within {core.error}" if core.error else "not compared with hardware"
    return [
        f"cycles    at zero wait states, {error}; {core.source}",
        f"at worst  {of_core};",
        f"          {of_flash}",
        "",
    ]


def _memory_lines(measured: Measured) -> list[str]:
    ram, flash = measured.profile.ram, measured.profile.flash
    stack = (
        "stack not known: this compiler reports no call graph"
        if ram.stack is None
        else f"stack {ram.stack:,} proved, {ram.stack_used:,} used"
    )
    total = "" if ram.total is None else f"{ram.total:,} bytes: "
    return [
        f"RAM       {total}arena {ram.arena:,}, of these scratch {measured.scratch_bytes:,}; "
        f"input {ram.input:,}; static {ram.static:,}; {stack}",
        f"          not counted: the caller's output, {ram.output:,}",
        f"flash     {flash.total:,} bytes: code {flash.code:,}, weights {flash.weights:,}, "
        f"tables {flash.tables:,}",
    ]
