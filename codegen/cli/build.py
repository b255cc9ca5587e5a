"""`hvcodegen build`: firmware for the target's emulated board."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen.cli.choice import plan_option
from codegen.cli.common import (
    compiler_option,
    json_option,
    print_result,
    table,
    target_option,
)
from codegen.cli.help import VerbWithHeadings
from codegen.cli.subject import SubjectOrder, subject_options

if TYPE_CHECKING:
    from codegen.schedule_file import ScheduleFile


@click.command(cls=VerbWithHeadings, short_help="Build firmware for an emulated board.")
@subject_options
@target_option
@plan_option
@click.option("--board", metavar="NAME", help="Board.  [default: the target's emulated one]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the ELF.  [default: build/<user or model>-firmware]",
)
@compiler_option
@click.option("--dry-run", is_flag=True, help="Print the compiler calls, run none.")
@json_option
def command(
    subject: SubjectOrder,
    target: str,
    plan: str | ScheduleFile,
    board: str | None,
    output: Path | None,
    compiler: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Build a person's verifier, or a model, into firmware.

    The firmware runs the very kernel that `emit` writes; beside it there is only start-up code
    and an application that reads images and writes every tensor.

    \b
    Examples:
      hvcodegen build --user alice --target cortex-m4
      hvcodegen build --user alice --target cortex-m4 --compiler zig
      hvcodegen build --user alice --dry-run
      hvcodegen build --onnx model.onnx --calibration samples.npz --target cortex-m4
    """
    from codegen.cli import pipeline
    from codegen.cli.quantisation import quantised_json, quantised_line
    from codegen.targets import find_target
    from host_tools.build import build_firmware, check_output, plan_firmware
    from host_tools.fit import check_fit, limits_of, needs_of

    def free(folder: Path) -> Path:
        if not dry_run:
            check_output(folder)
        return folder

    core = find_target(target)
    asked = free(output.resolve()) if output else None  # told before the work begins
    entry = subject.load()
    out = asked or free((Path("build") / f"{entry.name}-firmware").resolve())
    emission = pipeline.emission_of(entry, core, plan)
    with pipeline.written(emission, entry.name) as folder:
        order = pipeline.trace_order(folder, core, compiler, out, board)
        check_fit(needs_of(emission.program), limits_of(order.board))
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
    data |= quantised_json(entry)
    lines = [f"built {firmware.elf} for {order.board.name} with {order.toolchain.version}", ""]
    lines += table(
        ("what", "bytes"),
        [(k.replace("_", " "), v) for k, v in sizes.items() if entry.user or k != "person_weights"],
    )
    lines.append("")
    lines.append(
        f"stack: at most {bound:,} bytes, from the compiler's call graph"
        if bound is not None
        else "stack: this compiler reports no call graph; `run` measures it"
    )
    print_result(as_json, data, lines + quantised_line(entry))
