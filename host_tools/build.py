"""Builds emitted folders into firmware for a board.

Compilers are called directly, one process for each source and one for the link. What will be run is
planned first (`plan_firmware`), so that it can be shown and tested without running.
The same sources, board and compiler give the same bytes, wherever the folders lie.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from codegen.resources import resource
from codegen.targets import CORTEX_M, RISCV32, find_target
from host_tools.apps import (
    app_flags,
    app_handler,
    app_pointed,
    app_sources,
    check_app,
    own_sections,
)
from host_tools.boards import SCRIPT_MARK, Board, board_sources, linker_script
from host_tools.cache import write_atomically
from host_tools.manifest import Manifest
from host_tools.processes import run_program
from host_tools.sizes import Sizes, measure
from host_tools.stack import StackBound, stack_bound
from host_tools.toolchain import Toolchain

COMPILE_TIMEOUT_S = 300.0
RESET_FUNCTION = "hv_reset"
LINKER_SCRIPT = "link.ld"  # written before anything is compiled

STANDARD = "-std=c11"

WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
    "-Wundef",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Werror",
)

# Instructions for one image of architecture pq on a Cortex-M4, and bytes of kernel code, gcc 12.2:
# -O2 12.99 M, 2652; -O3 12.65 M, 3624; -Os 15.28 M, 2100; -O2 -funroll-loops 8.78 M, 5918.
FIRMWARE_OPTIMISATION = ("-O2", "-funroll-loops")

FIRMWARE_FLAGS = (
    STANDARD,
    *WARNINGS,
    *FIRMWARE_OPTIMISATION,
    "-g",
    "-fomit-frame-pointer",
    "-fno-common",
    "-ffunction-sections",
    "-fdata-sections",
    # nothing here unwinds, and the tables would count as flash
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)

# A freestanding target turns off zig's knowledge of memcpy, and each 4-byte load becomes a call.
ZIG_FLAGS = ("-fhosted",)
GCC_FLAGS = (
    # reports for stack.py, beside each object
    "-fcallgraph-info=su,da",
    # two layers of the same text stay two functions: they are counted and bounded by name
    "-fno-ipa-icf",
    # else gcc turns the loop in strlen into a call of strlen
    "-fno-tree-loop-distribute-patterns",
)

LINK_FLAGS = ("-Wl,--gc-sections", "-Wl,--build-id=none")
# Where a debugger begins: a Cortex-M has a stack then, a RISC-V core has none yet.
ENTRY_FUNCTIONS = {CORTEX_M: RESET_FUNCTION, RISCV32: "hv_entry"}
GCC_LINK_FLAGS = ("-nostdlib",)
ZIG_LINK_FLAGS = ("-Wl,-z,max-page-size=4",)  # else it also loads the ELF file's headers
# 64-bit arithmetic that a core lacks. zig compiles its own, once for a core (half a minute).
GCC_LIBRARIES = ("-lgcc",)

_OVERFLOW = re.compile(r"region [`'](\w+)'? overflowed by (\d+) bytes|(hv: [^\n\"]+ budget)")


@dataclass(frozen=True, kw_only=True)
class FirmwareOrder:
    """What firmware to build.

    Attributes:
        app: the application, a folder of firmware/apps.
        board: what it shall run on.
        toolchain: what compiles it.
        manifest: the emitted kernel it uses, or None for an application without one.
        out: folder for everything the build writes.
    """

    app: str
    board: Board
    toolchain: Toolchain
    manifest: Manifest | None
    out: Path


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """What a build will run and write.

    Attributes:
        compile_argvs: one call for each source.
        link_argv: the last call.
        result: the file it makes.
        linker_script: where the linker script must be, and its text; None without one.
        callgraphs: the call graphs the compiler leaves behind, if it can.
    """

    compile_argvs: tuple[tuple[str, ...], ...]
    link_argv: tuple[str, ...]
    result: Path
    linker_script: tuple[Path, str] | None = None
    callgraphs: tuple[Path, ...] = ()

    @property
    def argvs(self) -> tuple[tuple[str, ...], ...]:
        """Every call, in order."""
        return (*self.compile_argvs, self.link_argv)


@dataclass(frozen=True, kw_only=True)
class Firmware:
    """A firmware that was built.

    Attributes:
        elf: the linked program.
        order: what it was built from.
        sizes: where flash and RAM go; None without a kernel.
        stack: the proved bound; None when the compiler reports no call graph (zig).
        callgraphs: the call graphs that the bound is proved from; none from zig.
    """

    elf: Path
    order: FirmwareOrder
    sizes: Sizes | None
    stack: StackBound | None
    callgraphs: tuple[Path, ...] = ()


def plan_firmware(order: FirmwareOrder) -> BuildPlan:
    """Returns the calls that build a firmware, and runs none.

    Raises:
        HvError: unknown application, or a kernel that needs more than the board's core has.
    """
    _check_order(order)
    sources = _firmware_sources(order)
    objects = tuple(order.out / f"{source.stem}.o" for source in sources)
    script = order.out / LINKER_SCRIPT
    result = order.out / f"{order.app}.elf"
    compiler = (*order.toolchain.argv, *order.toolchain.target_flags(order.board.core))
    is_zig = order.toolchain.is_zig
    return BuildPlan(
        compile_argvs=tuple(
            (*compiler, *_compile_flags(order), "-c", str(source), "-o", str(path))
            for source, path in zip(sources, objects, strict=True)
        ),
        link_argv=(
            *compiler,
            *(() if is_zig else GCC_LINK_FLAGS),
            *LINK_FLAGS,
            f"-Wl,--entry={ENTRY_FUNCTIONS[order.board.core.family]}",
            "-T",
            str(script),
            *(str(path) for path in objects),
            *(ZIG_LINK_FLAGS if is_zig else GCC_LIBRARIES),
            "-o",
            str(_unfinished(result)),
        ),
        result=result,
        linker_script=(script, linker_script(order.board, extra_sections=own_sections(order.app))),
        callgraphs=()
        if is_zig
        else tuple(
            path.with_suffix(".ci")
            for source, path in zip(sources, objects, strict=True)
            if source.suffix == ".c"
        ),
    )


def build_firmware(order: FirmwareOrder) -> Firmware:
    """Builds a firmware, or leaves none.

    Raises:
        HvError: the sources do not compile, or the firmware does not fit the board.
    """
    plan = plan_firmware(order)
    order.out.mkdir(parents=True, exist_ok=True)
    plan.result.unlink(missing_ok=True)
    if plan.linker_script is not None:
        path, text = plan.linker_script
        write_atomically(path, text.encode("utf-8"))
    for argv in plan.argvs:
        call_compiler(
            argv, order.toolchain, f"{order.app} for {order.board.name}", folder=order.out
        )
    _unfinished(plan.result).replace(plan.result)
    firmware = Firmware(
        elf=plan.result,
        order=order,
        sizes=measure(plan.result, order.manifest.prefix) if order.manifest else None,
        stack=_stack_bound(plan, order) if plan.callgraphs else None,
        callgraphs=plan.callgraphs,
    )
    _check_stack(firmware)
    return firmware


def check_output(folder: Path) -> None:
    """Raises HvError unless a folder is missing, empty, or holds an earlier build, whole or not."""
    script = folder / LINKER_SCRIPT
    mine = script.is_file() and script.read_text(errors="replace").startswith(SCRIPT_MARK)
    if folder.is_dir() and any(folder.iterdir()) and not mine:
        hint, where = "choose another -o", str(folder)
        what = "the output folder holds something else than an earlier build"
        raise HvError(what, where=where, hint=hint)


def _check_order(order: FirmwareOrder) -> None:
    check_app(order.app, order.board)
    if order.manifest is None:
        return
    needed = find_target(order.manifest.target).features
    missing = needed - order.board.core.features
    if missing:
        raise HvError(
            f"the kernel, made for {order.manifest.target}, uses {', '.join(sorted(missing))}, "
            f"which {order.board.target} lacks",
            where=f"board {order.board.name}",
            hint=f"emit the folder for {order.board.target}",
        )


def _stack_bound(plan: BuildPlan, order: FirmwareOrder) -> StackBound:
    frames = order.manifest.frames if order.manifest else {}
    handler = app_handler(order.app, order.board)
    return stack_bound(plan.callgraphs, RESET_FUNCTION, frames, app_pointed(order.app), handler)


def _check_stack(firmware: Firmware) -> None:
    """Some emulated boards have memory below the stack and would not notice an overflow."""
    board = firmware.order.board
    if firmware.stack is None or firmware.stack.size_bytes <= board.stack_bytes:
        return
    firmware.elf.unlink()
    path = " > ".join(f"{function} {frame}" for function, frame in firmware.stack.path)
    raise HvError(
        f"needs {firmware.stack.size_bytes} bytes of stack, the board gives {board.stack_bytes}",
        where=f"{firmware.order.app} for {board.name}: {path}",
        hint="raise stack_bytes in board.toml",
    )


def _firmware_sources(order: FirmwareOrder) -> tuple[Path, ...]:
    kernel = order.manifest.sources if order.manifest else ()
    folder = order.manifest.folder if order.manifest else Path()
    return (
        *sorted(path for folder in _startup_folders(order) for path in folder.glob("*.c")),
        *board_sources(order.board),
        *app_sources(order.app, order.board),
        *(folder / source for source in kernel),
    )


def _startup_folders(order: FirmwareOrder) -> tuple[Path, Path]:
    """What all cores share, and what is the family's own."""
    startup = resource("firmware") / "startup"
    return startup, startup / order.board.core.family


def _compile_flags(order: FirmwareOrder) -> tuple[str, ...]:
    """Options of every source; a kernel's own copy of the runtime comes before ours."""
    firmware = resource("firmware")
    kernel = (order.manifest.folder,) if order.manifest else ()
    includes = (*kernel, *_startup_folders(order), firmware / "runtime")
    return (
        *FIRMWARE_FLAGS,
        *app_flags(order.app, order.board),
        *(ZIG_FLAGS if order.toolchain.is_zig else GCC_FLAGS),
        # debug information names files by their role, not by where they lie on this machine
        f"-ffile-prefix-map={order.out}=build",
        f"-ffile-prefix-map={firmware}=firmware",
        *(f"-ffile-prefix-map={folder}=kernel" for folder in kernel),
        "-isystem",
        str(firmware / "startup" / "libc"),
        *(part for folder in includes for part in ("-I", str(folder))),
    )


def call_compiler(argv: tuple[str, ...], toolchain: Toolchain, what: str, *, folder: Path) -> None:
    """Runs a compiler or linker in a folder, where its temporary files go too.

    Raises:
        HvError: it refused `what`, or what it made does not fit the board.
    """
    finished = run_program(
        argv,
        timeout_s=COMPILE_TIMEOUT_S,
        folder=folder,
        # its own temporary files go where we clean up, should it be stopped before it can
        environment={"TMPDIR": str(folder), **toolchain.environment()},
    )
    if finished.exit_code == 0:
        return
    overflow = _OVERFLOW.search(finished.output)
    if overflow:
        raise HvError(
            f"does not fit the board: {overflow[0]}",
            where=what,
            hint="take a board with more memory, a smaller architecture, or raise the budget",
        )
    raise HvError(
        f"{toolchain.name} refused: {_first_error(finished.output)}",
        where=what,
        hint=f"to see all of it, run: {shlex.join(argv)}",
    )


def _first_error(output: str) -> str:
    """Returns the line that says most; the last words of a linker only say that it failed."""
    lines = output.strip().splitlines() or ["(it said nothing)"]
    telling = (line for line in lines if "error:" in line or "undefined reference" in line)
    return next(telling, lines[0]).strip()


def _unfinished(path: Path) -> Path:
    """Where a file is written before it takes its name: others never see half of it."""
    return path.with_name(f"{path.name}.unfinished")
