"""What `verify` and `demo` compare: every implementation that can be had here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen.cli import pipeline
from codegen.errors import OutputsDiffer
from codegen.store import User
from codegen.targets import Target
from host_tools.boards import load_board
from host_tools.compare import Comparison, compare
from host_tools.emulators import EMULATORS, choose_emulator
from host_tools.emulators.base import Emulator
from host_tools.run import run_trace
from host_tools.simulator import Simulator
from host_tools.toolchain import Purpose, Toolchain, all_available, choose


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to compare; None takes every compiler or emulator that is installed."""

    target: Target
    board: str | None = None
    compiler: str | None = None
    emulator: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One implementation against the reference."""

    where: str
    comparison: Comparison


def verify(
    user: User, images: np.ndarray, plan: Plan, scratch: Path, report: Callable[[str], None]
) -> list[Check]:
    """Runs the images through every implementation; images uint8 [N, H, W, C].

    Raises:
        ProgramMissing: there is no compiler or no emulator at all.
    """
    report("running the PyTorch integer reference ...")
    expected = pipeline.torch_reference(user.quant_net, images)
    with pipeline.emitted(user, plan.target, scratch / user.name) as folder:
        checks = []
        for where, tensors in _implementations(folder, images, plan, scratch, report):
            checks.append(Check(where=where, comparison=compare(expected, tensors)))
    return checks


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


def _implementations(
    folder: Path, images: np.ndarray, plan: Plan, scratch: Path, report: Callable[[str], None]
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    for toolchain in _toolchains(Purpose.HOST, plan.compiler):
        report(f"running the C on this machine, compiled with {toolchain.name} ...")
        yield (
            f"this machine, {toolchain.name}",
            Simulator(folder, toolchain=toolchain).trace(images),
        )
    board = plan.board or plan.target.board
    for toolchain in _toolchains(Purpose.FIRMWARE, plan.compiler):
        out = scratch / f"firmware-{toolchain.name}"
        report(f"building firmware for {board} with {toolchain.name} ...")
        firmware = pipeline.build_trace_firmware(folder, plan.target, toolchain.name, out, board)
        for emulator in _emulators(firmware.order.board.name, plan.emulator):
            report(f"running it in {emulator.name} ...")
            trace = run_trace(emulator, firmware, images).trace
            yield f"{board} in {emulator.name}, {toolchain.name}", dict(trace.tensors)


def _toolchains(purpose: Purpose, name: str | None) -> tuple[Toolchain, ...]:
    """Those installed, without `cc`, which is one of the others under another name."""
    if name is not None:
        return (choose(purpose, name),)
    found = tuple(t for t in all_available(purpose) if t.name != "cc")
    return found or (choose(purpose),)


def _emulators(board_name: str, name: str | None) -> tuple[Emulator, ...]:
    board = load_board(board_name)
    if name is not None:
        return (choose_emulator(board, name),)
    found = tuple(
        emulator
        for emulator in EMULATORS
        if emulator.name in board.emulators and emulator.version() is not None
    )
    return found or (choose_emulator(board),)
