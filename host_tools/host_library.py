"""Builds emitted folders into a library of this machine, which the simulator loads."""

from __future__ import annotations

import tempfile
from pathlib import Path

from host_tools.apps import apps_folder
from host_tools.build import STANDARD, WARNINGS, BuildPlan, call_compiler
from host_tools.cache import cache_folder, content_hash
from host_tools.manifest import Manifest
from host_tools.toolchain import Toolchain

# The kernel is integer code, whose results no optimisation may change.
LIBRARY_FLAGS = ("-O3", "-shared", "-fPIC", "-fvisibility=hidden")


def plan_library(manifest: Manifest, toolchain: Toolchain, result: Path) -> BuildPlan:
    """Returns the call that builds an emitted folder as a library of this machine."""
    simulator = apps_folder() / "simulator"
    return BuildPlan(
        compile_argvs=(),
        link_argv=(
            *toolchain.argv,
            STANDARD,
            *WARNINGS,
            *LIBRARY_FLAGS,
            "-I",
            str(manifest.folder),
            "-I",
            str(simulator),
            *(str(manifest.folder / source) for source in manifest.sources),
            str(simulator / "hv_simulator.c"),
            "-o",
            str(result),
        ),
        result=result,
    )


def build_host_library(manifest: Manifest, toolchain: Toolchain) -> Path:
    """Builds an emitted folder as a library of this machine, or finds it in the cache.

    Returns:
        The library, in the cache under a name made of everything it depends on.

    Raises:
        HvError: the sources do not compile.
    """
    folder = cache_folder("libraries")
    library = folder / f"{_library_hash(manifest, toolchain)}.so"
    if library.is_file():
        return library
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        plan = plan_library(manifest, toolchain, Path(scratch) / library.name)
        call_compiler(
            plan.link_argv, toolchain, f"library of {manifest.folder}", folder=Path(scratch)
        )
        plan.result.replace(library)
    return library


def _library_hash(manifest: Manifest, toolchain: Toolchain) -> str:
    simulator = apps_folder() / "simulator"
    files = sorted(
        path
        for folder in (manifest.folder, simulator)
        for path in folder.iterdir()
        if path.suffix in (".c", ".h", ".S")
    )
    options = (toolchain.name, toolchain.version, STANDARD, *LIBRARY_FLAGS, *manifest.sources)
    return content_hash(
        (
            *(option.encode("utf-8") for option in options),
            *(part for path in files for part in (path.name.encode("utf-8"), path.read_bytes())),
        )
    )
