"""Builds an emitted folder for machines that are neither a board nor this one: aarch64, wasm32.

zig brings their compilers. Nothing of a system's C library is linked: the kernel calls memcpy and
its like alone, which a WebAssembly module gets from firmware/startup/hv_memory.c.
"""

from __future__ import annotations

from pathlib import Path

from codegen.errors import HvError
from codegen.resources import resource
from codegen.targets import AARCH64, WASM32, Target
from host_tools.apps import apps_folder
from host_tools.build import COMPILE_TIMEOUT_S, STANDARD, WARNINGS
from host_tools.manifest import Manifest
from host_tools.processes import run_program
from host_tools.toolchain import Purpose, choose

FLAGS = {
    AARCH64.name: ("-shared", "-fPIC", "-nostdlib"),
    WASM32.name: (
        "-nostdlib",
        "-Wl,--no-entry",
        "-Wl,--export-dynamic",
        "-Wl,--export=__heap_base",
    ),
}


def plan_library_for(
    manifest: Manifest, target: Target, compiler: tuple[str, ...], result: Path
) -> tuple[str, ...]:
    """Returns the call that builds the simulator's functions for a machine, and runs none.

    Raises:
        HvError: no machine of that kind.
    """
    if target.name not in FLAGS:
        raise HvError(
            f"{target.name} is not another machine", hint=f"choose one of {', '.join(FLAGS)}"
        )
    simulator, startup = apps_folder() / "simulator", resource("firmware") / "startup"
    own_memory = (startup / "hv_memory.c",) if target == WASM32 else ()
    sources = (
        *(manifest.folder / source for source in manifest.sources),
        simulator / "hv_simulator.c",
        *own_memory,
    )
    return (
        *compiler,
        *target.zig_flags,
        STANDARD,
        *WARNINGS,
        *("-O3", "-fvisibility=hidden", "-fno-sanitize=undefined"),
        *FLAGS[target.name],
        *("-isystem", str(startup / "libc")),
        *(part for folder in (manifest.folder, simulator) for part in ("-I", str(folder))),
        *(str(source) for source in sources),
        *("-o", str(result)),
    )


def build_library_for(manifest: Manifest, target: Target, result: Path) -> Path:
    """Builds it.

    Raises:
        HvError: it does not compile.
        ProgramMissing: zig is not installed.
    """
    zig = choose(Purpose.HOST, "zig")
    argv = plan_library_for(manifest, target, zig.argv, result)
    done = run_program(
        argv, timeout_s=COMPILE_TIMEOUT_S, folder=result.parent, environment=zig.environment()
    )
    if done.exit_code != 0:
        raise HvError(f"zig refused: {done.output.strip()}", where=f"library for {target.name}")
    return result
