"""`hvcodegen build`: firmware for the target's emulated board."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import click

from codegen.cli.common import (
    compiler_option,
    json_option,
    print_result,
    store_option,
    table,
    target_option,
    user_option,
)


@click.command(short_help="Build firmware for an emulated board.")
@user_option
@target_option
@click.option("--board", metavar="NAME", help="Board.  [default: the target's emulated one]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the ELF.  [default: build/<user>-firmware]",
)
@compiler_option
@click.option("--dry-run", is_flag=True, help="Print the compiler calls, run none.")
@store_option
@json_option
def command(
    user: str,
    target: str,
    board: str | None,
    output: Path | None,
    compiler: str | None,
    dry_run: bool,
    store: Path,
    as_json: bool,
) -> None:
    """Build a person's verifier into firmware.

    The firmware runs the very kernel that `emit` writes; beside it there is only start-up code
    and an application that reads images and writes every tensor.

    \b
    Examples:
      hvcodegen build --user alice --target cortex-m4
      hvcodegen build --user alice --target cortex-m4 --compiler zig
      hvcodegen build --user alice --dry-run
    """
    from codegen.cli import pipeline
    from codegen.errors import HvError
    from codegen.store import load_user
    from codegen.targets import find_target
    from host_tools.build import build_firmware, plan_firmware

    core = find_target(target)
    out = (output or Path("build") / f"{user}-firmware").resolve()
    entry = load_user(store, user)
    if not dry_run and out.is_dir() and any(out.iterdir()) and not (out / "trace.elf").exists():
        raise HvError(
            "the output folder holds something else than an earlier build",
            where=str(out),
            hint="choose another -o",
        )
    with pipeline.emitted(entry, core) as folder:
        order = pipeline.trace_order(folder, core, compiler, out, board)
        if dry_run:
            argvs = [list(argv) for argv in plan_firmware(order).argvs]
            print_result(as_json, {"commands": argvs}, [shlex.join(argv) for argv in argvs])
            return
        firmware = build_firmware(order)
    sizes = dataclasses.asdict(firmware.sizes) if firmware.sizes else {}
    bound = firmware.stack.size_bytes if firmware.stack else None
    data: dict[str, Any] = {
        "elf": str(firmware.elf),
        "board": order.board.name,
        "compiler": f"{order.toolchain.name} {order.toolchain.version}",
        "bytes": sizes,
        "stack_bound_bytes": bound,
    }
    lines = [f"built {firmware.elf} for {order.board.name} with {order.toolchain.version}", ""]
    lines += table(("what", "bytes"), [(k.replace("_", " "), v) for k, v in sizes.items()])
    lines.append("")
    lines.append(
        f"stack: at most {bound:,} bytes, from the compiler's call graph"
        if bound is not None
        else "stack: this compiler reports no call graph; `run` measures it"
    )
    print_result(as_json, data, lines)
