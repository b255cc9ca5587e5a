"""`hvcodegen run`: the firmware in an emulated board."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen.cli.choice import plan_option
from codegen.cli.common import (
    compiler_option,
    emulator_option,
    images_option,
    json_option,
    print_result,
    table,
    target_option,
)
from codegen.cli.help import VerbWithHeadings
from codegen.cli.subject import SubjectOrder, subject_options

if TYPE_CHECKING:
    from codegen.schedule_file import ScheduleFile


@click.command(cls=VerbWithHeadings, short_help="Run the firmware in an emulated board.")
@subject_options
@target_option
@plan_option
@images_option
@click.option("--board", metavar="NAME", help="Board.  [default: the target's emulated one]")
@compiler_option
@emulator_option
@json_option
def command(
    subject: SubjectOrder,
    target: str,
    plan: str | ScheduleFile,
    files: tuple[Path, ...],
    folder: Path | None,
    samples: Path | None,
    aligned: bool,
    board: str | None,
    compiler: str | None,
    emulator: str | None,
    as_json: bool,
) -> None:
    """Build the firmware, run it in an emulated board, print answers and instructions per layer.

    Without photographs, the made-up images of the known answers are run; of a model, the first
    of its calibration samples.

    \b
    Examples:
      hvcodegen run --user alice --target cortex-m4 --image door.jpg
      hvcodegen run --user alice --emulator unicorn --compiler zig
      hvcodegen run --onnx model.onnx --calibration samples.npz --target cortex-m4
    """
    from codegen.cli import pipeline
    from codegen.cli.answers import answers
    from codegen.cli.batches import read_batch
    from codegen.targets import find_target
    from host_tools.emulators import choose_emulator
    from host_tools.run import instructions_of_one_run, run_trace

    core = find_target(target)
    entry = subject.load()
    batch = read_batch(entry, files, folder, samples, aligned=aligned)
    with (
        pipeline.emitted(entry, core, plan=plan) as emitted,
        tempfile.TemporaryDirectory(prefix="hvcodegen-") as out,
    ):
        firmware = pipeline.build_trace_firmware(emitted, core, compiler, Path(out), board)
        machine = choose_emulator(firmware.order.board, emulator)
        ran = run_trace(machine, firmware, batch.rows(entry.quant_net.arch), count=True)
    counts = ran.outcome.counts
    manifest = firmware.order.manifest
    rows = instructions_of_one_run(counts, manifest) if counts and manifest else []
    total = sum(instructions for _, instructions in rows)
    data, lines = answers(entry, batch, ran.trace.tensors)
    data |= {
        "board": firmware.order.board.name,
        "emulator": machine.name,
        "instructions": {
            "layers": [{"layer": name, "instructions": number} for name, number in rows],
            "total": total,
        },
        "stack_used_bytes": ran.trace.stack_used_bytes,
    }
    lines.append("")
    lines += table(("layer", "instructions"), [*rows, ("total", total)])
    lines.append("")
    lines.append(
        f"{firmware.order.board.name} in {machine.name}, "
        f"stack used {ran.trace.stack_used_bytes:,} bytes"
    )
    print_result(as_json, data, lines)
