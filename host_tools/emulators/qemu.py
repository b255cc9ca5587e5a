"""QEMU's system emulator, with this project's plugin for counting.

    qemu-system-arm -machine mps2-an386 -display none -monitor none -serial none
        -semihosting-config enable=on,target=native -kernel trace.elf
        -plugin hv_count.so,out=report.json,layer=0x...,layer=0x...

The firmware opens its files relative to a folder made for the run. Install it with
`apt install qemu-system-arm`, for other families the package that `hvcodegen doctor` names.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.errors import HvError, ProgramMissing
from codegen.targets import CORTEX_M, RISCV32
from host_tools.boards import Board
from host_tools.build import STANDARD, WARNINGS
from host_tools.cache import cache_folder, content_hash
from host_tools.emulators.base import (
    BlockCount,
    Counts,
    Executions,
    Job,
    LayerCount,
    Outcome,
    Stores,
    counted_layers,
    family_of,
    layer_addresses,
    machine_of,
    run_address,
    stack_range,
)
from host_tools.processes import run_program
from host_tools.sizes import function_addresses, section_range
from host_tools.toolchain import Purpose, Toolchain, choose

VERSION_TIMEOUT_S = 30.0
COMPILE_TIMEOUT_S = 120.0

PLUGIN_FOLDER = Path(__file__).resolve().parent.parent / "plugin"
PLUGIN_FLAGS = (STANDARD, *WARNINGS, "-O2", "-shared", "-fPIC", "-fvisibility=hidden")

_REPORT = "hv_count_report.json"


@dataclass(frozen=True, kw_only=True)
class _Program:
    """QEMU's program for a family of cores, and the Debian package that brings it."""

    name: str
    package: str


_PROGRAMS: Mapping[str, _Program] = {
    CORTEX_M: _Program(name="qemu-system-arm", package="qemu-system-arm"),
    RISCV32: _Program(name="qemu-system-riscv32", package="qemu-system-misc"),
}


@dataclass(frozen=True, kw_only=True)
class Qemu:
    """The preferred emulator: it emulates whole boards and can watch every store."""

    name: str = "qemu"
    watches_stores: bool = True
    profiles: bool = True

    def hint(self, family: str) -> str:
        """Returns how to install the program for a family."""
        return f"apt install {_PROGRAMS[family].package}"

    def version(self, family: str) -> str | None:
        """Returns QEMU's own version, such as "7.2.22", or None."""
        path = self.path(family)
        if path is None:
            return None
        argv = (str(path), "--version")
        answer = run_program(argv, timeout_s=VERSION_TIMEOUT_S, hint=self.hint(family))
        found = re.search(r"version (\S+)", answer.output)
        return found[1] if found else None

    def path(self, family: str) -> Path | None:
        """Returns the executable, or None."""
        found = shutil.which(_PROGRAMS[family].name)
        return Path(found) if found else None

    def argv(
        self, job: Job, plugin: Path | None = None, *, serial: str = "none"
    ) -> tuple[str, ...]:
        """Returns the call that `run` makes, and runs nothing; `serial` is the board's port's."""
        board = job.firmware.order.board
        machine = machine_of(self, board)
        family = family_of(job.firmware)
        return (
            _PROGRAMS[family].name,
            *("-machine", machine),
            *("-display", "none"),
            *("-monitor", "none"),
            *serial_options(board, serial),
            *("-semihosting-config", "enable=on,target=native"),
            *("-kernel", str(job.firmware.elf.resolve())),
            *(_reset_options(board) if family == RISCV32 else ()),
            *(("-plugin", _plugin_option(job, plugin)) if plugin else ()),
        )

    def run(self, job: Job) -> Outcome:
        """Runs a firmware in QEMU; see `Emulator.run`."""
        family = family_of(job.firmware)
        hint = self.hint(family)
        if self.path(family) is None:
            raise ProgramMissing(f"{_PROGRAMS[family].name} is not installed", hint=hint)
        needs_plugin = job.count or job.watch_stores or job.profile
        argv = self.argv(job, build_plugin(choose(Purpose.HOST)) if needs_plugin else None)
        with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
            folder = Path(scratch)
            for name, data in job.inputs.items():
                (folder / name).write_bytes(data)
            finished = run_program(argv, timeout_s=job.timeout_s, folder=folder, hint=hint)
            if finished.exit_code < 0 or finished.output.strip():
                raise _stopped(finished.exit_code, finished.output, job)
            written = {
                name: (folder / name).read_bytes()
                for name in job.outputs
                if (folder / name).is_file()
            }
            report = _read_report(folder / _REPORT) if needs_plugin else {}
        return Outcome(
            exit_code=finished.exit_code,
            files=written,
            counts=_counts(job, report) if job.count else None,
            stores=_stores(job, report) if job.watch_stores else None,
            executions=_executions(job, report) if job.profile else None,
        )


def serial_options(board: Board, serial: str) -> tuple[str, ...]:
    """Returns where the board's serial port goes; QEMU counts a machine's ports by the options."""
    before = board.uart.qemu_port if board.uart else 0
    return (*(("-serial", "null") * before), "-serial", serial)


def plan_plugin(toolchain: Toolchain, result: Path) -> tuple[str, ...]:
    """Returns the call that compiles the plugin."""
    sources = (str(path) for path in _plugin_files() if path.suffix == ".c")
    return (*toolchain.argv, *PLUGIN_FLAGS, *sources, "-o", str(result))


def build_plugin(toolchain: Toolchain) -> Path:
    """Compiles the plugin, or finds it in the cache.

    Raises:
        HvError: it does not compile.
    """
    folder = cache_folder("plugins")
    options = (toolchain.name, toolchain.version, *PLUGIN_FLAGS)
    files = (path.read_bytes() for path in _plugin_files())
    name = content_hash((*(o.encode("utf-8") for o in options), *files))
    plugin = folder / f"{name}.so"
    if plugin.is_file():
        return plugin
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        result = Path(scratch) / plugin.name
        finished = run_program(
            plan_plugin(toolchain, result),
            timeout_s=COMPILE_TIMEOUT_S,
            environment=toolchain.environment(),
        )
        if finished.exit_code != 0:
            raise HvError(
                f"{toolchain.name} cannot compile it: {finished.output.strip()}",
                where=str(PLUGIN_FOLDER),
            )
        result.replace(plugin)
    return plugin


def _plugin_files() -> list[Path]:
    return sorted(PLUGIN_FOLDER.iterdir())


def _reset_options(board: Board) -> tuple[str, ...]:
    """The core begins in our flash, not in the program that QEMU keeps in a ROM."""
    return ("-bios", "none", "-device", f"loader,addr={board.flash.origin:#x},cpu-num=0")


def _plugin_option(job: Job, plugin: Path) -> str:
    firmware = job.firmware
    layers = [f"layer={address:#x}" for address in layer_addresses(firmware)]
    options = [_escaped(str(plugin)), f"out={_REPORT}", *layers]
    stack = stack_range(firmware)
    if job.watch_stores or job.profile:
        (main,) = function_addresses(firmware.elf, ("main",))
        options += [f"main={main:#x}", f"stack={_range(stack)}"]
    if job.watch_stores:
        arena = section_range(firmware.elf, ".arena")
        options += [f"allow={_range(stack)}", f"allow={_range(arena)}"]
    if job.profile:
        flash = firmware.order.board.flash
        end = flash.origin + flash.size_bytes
        options += [f"run={run_address(firmware):#x}", f"flash={_range((flash.origin, end))}"]
    return ",".join(options)


def _escaped(text: str) -> str:
    """QEMU's options are separated by commas; a doubled one stands for itself."""
    return text.replace(",", ",,")


def _range(limits: tuple[int, int]) -> str:
    return f"{limits[0]:#x}-{limits[1]:#x}"


def _stopped(exit_code: int, output: str, job: Job) -> HvError:
    said = output.strip().splitlines()
    lockup = any("lockup" in line.lower() for line in said)
    if lockup:
        what = "the firmware faulted inside its own fault handler"
        hint = "most often a stack overflow: see stack_bytes in board.toml"
    else:
        what = f"QEMU stopped (exit code {exit_code}): {said[0] if said else 'it said nothing'}"
        hint = "see where; `hvcodegen doctor` shows the QEMU in use"
    return HvError(what, where=str(job.firmware.elf), hint=hint)


def _read_report(path: Path) -> Mapping[str, Any]:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise HvError(f"the counting plugin left no report: {error}", where="QEMU") from error
    return dict(report)


def _counts(job: Job, report: Mapping[str, Any]) -> Counts:
    layers = zip(counted_layers(job.firmware), report["layers"], strict=True)
    return Counts(
        total=report["total_instructions"],
        layers=tuple(LayerCount(layer=layer.name, **counted) for layer, counted in layers),
    )


def _stores(job: Job, report: Mapping[str, Any]) -> Stores:
    _, top = stack_range(job.firmware)
    return Stores(
        stack_used_bytes=top - report.get("lowest_stack_store", top),
        strays=report["stray_stores"],
        first_strays=tuple((stray["instruction"], stray["address"]) for stray in report["strays"]),
    )


def _executions(job: Job, report: Mapping[str, Any]) -> Executions:
    regions: tuple[str | None, ...] = (*(x.name for x in counted_layers(job.firmware)), None)
    return Executions(
        runs=report["runs"],
        blocks=tuple(
            BlockCount(
                start=start,
                end=end,
                layer=regions[region],
                instructions=instructions,
                executions=executions,
                taken=taken,
            )
            for start, end, region, instructions, executions, taken in report["blocks"]
        ),
        flash_loads=dict(zip(regions, report["flash_loads"], strict=True)),
        lowest_stack_store=report.get("lowest_stack_store_of_runs"),
    )
