"""What `hvcodegen flash` does: build for the board, write, and ask the board for verdicts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from codegen import reference
from codegen.cli import pipeline
from codegen.cli.batches import read_batch
from codegen.cli.common import counted, talk
from codegen.cli.signing import SigningOrder
from codegen.cli.subject import Subject, SubjectOrder
from codegen.errors import OutputsDiffer
from codegen.schedule_file import ScheduleFile
from host_tools.boards import Board, load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware, check_output
from host_tools.emulators.debug_server import debug_server
from host_tools.fit import check_fit, limits_of, needs_of
from host_tools.flash import choose_runner
from host_tools.flash.base import FlashOrder, FlashPlan, Runner, carry_out, plan_flash
from host_tools.flash.gdb import Gdb
from host_tools.flash.images import PERSON_SECTION, firmware_image, person_image
from host_tools.flash.mailbox import APP, Device, ask
from host_tools.manifest import load_manifest
from host_tools.toolchain import choose

DEVICE_APP = "device"
TOOL_FILES = "flash"  # folder beside the firmware
SCORE_TIMEOUT_S = 120.0


@dataclass(frozen=True, kw_only=True)
class FlashRequest:
    """What was asked for on the command line; see the options of `codegen.cli.flash`."""

    board: str
    app: str
    runner: str | None
    port: str
    weights_only: bool
    verify: bool
    score: bool
    emulate: bool
    output: Path | None
    compiler: str | None
    dry_run: bool
    plan: str | ScheduleFile
    signing: SigningOrder


def flash(subject: SubjectOrder, request: FlashRequest) -> tuple[dict[str, Any], list[str]]:
    """Does all of it; returns the result for machines and for people.

    Raises:
        click.UsageError: options that exclude each other.
        HvError: whatever cannot be built, flashed or reached.
        OutputsDiffer: the board holds other bytes, or gives other verdicts.
    """
    board = load_board(request.board)
    runner = _runner(board, request)
    entry = subject.load()
    firmware = _built(entry, board, request, subject.store)
    with contextlib.ExitStack() as stack:
        if request.emulate and not request.dry_run:
            request = replace(request, port=stack.enter_context(debug_server(board)))
        order = _order(firmware, board, request)
        plan = plan_flash(runner, order)
        data, lines = _described(order, plan, runner)
        if request.dry_run:
            return data, [step.text() for step in plan.steps]
        order.folder.mkdir(parents=True, exist_ok=True)
        talk(f"{runner.name}: writing {order.image.size_bytes:,} bytes to {board.name}")
        carry_out(plan, runner)
        if request.score:
            scored = _scored(entry, Device(board=board, elf=firmware.elf, server=request.port))
            data |= {"verdicts_compared": scored}
            lines.append(f"{counted(scored, 'verdict')} of the board compared: the same")
    return data, lines


def _runner(board: Board, request: FlashRequest) -> Runner:
    needs_gdb = "--emulate" if request.emulate else "--score" if request.score else ""
    if not needs_gdb:
        return choose_runner(board, request.runner)
    if request.runner not in (None, Gdb().name):
        raise click.UsageError(f"{needs_gdb} works by gdb, not by {request.runner}")
    if request.score and request.app != APP:
        raise click.UsageError(f"--score asks the application {APP}, not {request.app}")
    if request.emulate and request.port:
        raise click.UsageError("--emulate starts a debug server of its own: leave out --port")
    return choose_runner(board, Gdb().name)


def _built(entry: Subject, board: Board, request: FlashRequest, store: Path) -> Firmware:
    out = (request.output or Path("build") / f"{entry.name}-{board.name}").resolve()
    check_output(out)
    toolchain = choose(pipeline.purpose_of(board), request.compiler)
    # only what takes bundles checks signatures
    extras = request.signing.extras_of(store, entry) if request.app == DEVICE_APP else {}
    emission = pipeline.emission_of(entry, board.core, request.plan, **extras)
    check_fit(needs_of(emission.program), limits_of(board))
    with pipeline.written(emission, entry.name) as folder:
        return build_firmware(
            FirmwareOrder(
                app=request.app,
                board=board,
                toolchain=toolchain,
                manifest=load_manifest(folder),
                out=out,
            )
        )


def _order(firmware: Firmware, board: Board, request: FlashRequest) -> FlashOrder:
    elf = firmware.elf
    return FlashOrder(
        board=board,
        elf=elf,
        image=person_image(elf) if request.weights_only else firmware_image(elf),
        person=PERSON_SECTION if request.weights_only else "",
        folder=elf.parent / TOOL_FILES,
        verify=request.verify,
        port=request.port,
    )


def _described(
    order: FlashOrder, plan: FlashPlan, runner: Runner
) -> tuple[dict[str, Any], list[str]]:
    segments = [(segment.address, len(segment.data)) for segment in order.image.segments]
    data: dict[str, Any] = {
        "elf": str(order.elf),
        "board": order.board.name,
        "runner": runner.name,
        "bytes": order.image.size_bytes,
        "segments": [{"address": address, "bytes": size} for address, size in segments],
        "verified": order.verify,
        "commands": [step.text() for step in plan.steps],
    }
    what = "the person's weights" if order.person else "the firmware"
    lines = [f"wrote {what} to {order.board.name} by {runner.name}:"]
    lines += [f"  {size:,} bytes at {address:#010x}" for address, size in segments]
    if order.verify:
        lines.append("read back: the same")
    return data, lines


def _scored(entry: Subject, device: Device) -> int:
    """Compares the board's answers to the known images with the reference; returns how many."""
    batch = read_batch(entry, (), None, None, aligned=False)
    net = entry.quant_net
    talk(f"gdb: running {counted(len(batch.names), 'image')} on {device.board.name}")
    answers = ask(device, batch.rows(net.arch), timeout_s=SCORE_TIMEOUT_S)
    got = pipeline.split_results(net, answers)
    expected: Mapping[str, np.ndarray] = reference.run(net, batch.inputs)
    for name, values in got.items():
        differing = np.nonzero((values != expected[name]).reshape(len(values), -1).any(axis=1))[0]
        if len(differing):
            first = int(differing[0])
            raise OutputsDiffer(
                f"{name} of {batch.names[first]} is {values[first].tolist()} on the board and "
                f"{np.asarray(expected[name])[first].tolist()} in the reference",
                where=str(device.elf),
                hint="flash it again with --verify",
            )
    return len(answers)
