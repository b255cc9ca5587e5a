"""`hvcodegen emit`: a network as a folder of C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen.cli.choice import plan_name, plan_option
from codegen.cli.common import counted, json_option, print_result, target_option
from codegen.cli.help import VerbWithHeadings
from codegen.cli.subject import SubjectOrder, subject_options

if TYPE_CHECKING:
    from codegen.lower import Program
    from codegen.schedule_file import ScheduleFile


@click.command(
    cls=VerbWithHeadings, short_help="Write the C of a person's verifier, or of a model."
)
@subject_options
@target_option
@plan_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder to write.  [default: build/<user or model>]",
)
@click.option(
    "--flash", "flash_bytes", type=click.IntRange(min=1), metavar="BYTES", help="The chip's flash."
)
@click.option(
    "--ram",
    "ram_bytes",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="The chip's RAM.  [default of both: the target's emulated board]",
)
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    metavar="K",
    help="Also the calls that decide on the last K frames together.",
)
@json_option
def command(
    subject: SubjectOrder,
    target: str,
    plan: str | ScheduleFile,
    output: Path | None,
    flash_bytes: int | None,
    ram_bytes: int | None,
    frames: int | None,
    as_json: bool,
) -> None:
    """Write the C of a network: kernel, weights, known answers, report.

    Of a person's verifier the kernel is the same for every person, and there is a bundle, too.
    A model from an ONNX file is quantised first. Same input, same bytes.

    \b
    Examples:
      hvcodegen emit --user alice --target cortex-m4
      hvcodegen emit --user alice --target cortex-m4 -o build/alice
      hvcodegen emit --user alice --target cortex-m4 --frames 3
      hvcodegen emit --onnx model.onnx --calibration samples.npz --target cortex-m4
    """
    from codegen.cli.pipeline import emission_of
    from codegen.cli.quantisation import emitted_json, quantised_lines
    from codegen.emit import check_replaceable, write_emission
    from codegen.targets import find_target
    from host_tools.fit import board_limits, check_fit, needs_of

    core = find_target(target)
    if output is not None:
        check_replaceable(output.resolve())  # before the long work
    entry = subject.load()
    if frames is not None and not entry.user:
        raise click.UsageError("--frames is for a person's verifier")
    emission = emission_of(entry, core, plan, frames=frames)
    program = emission.program
    check_fit(needs_of(program), board_limits(core, flash_bytes, ram_bytes))
    folder = output or Path("build") / entry.name
    write_emission(emission, folder)
    data: dict[str, Any] = {
        ("user" if entry.user else "model"): entry.name,
        "target": target,
        "plan": plan_name(plan),
        "folder": str(folder),
        "abi": program.abi.hex(),
        "files": {name: len(content) for name, content in emission.files.items()},
        "arena_bytes": program.plan.arena_bytes,
        "shared_bytes": program.shared.size_bytes,
    }
    lines = [f"wrote {len(emission.files)} files to {folder}"]
    if entry.user:
        data["person_bytes"] = program.person.size_bytes
        lines += _person_lines(program, entry.name)
    else:
        data |= {
            "input_bytes": program.input_bytes,
            "output_bytes": program.output_bytes,
            **emitted_json(entry),
        }
        lines += _model_lines(program)
    print_result(as_json, data, lines + quantised_lines(entry))


def _person_lines(program: Program, user: str) -> list[str]:
    return [
        f"  kernel   {program.prefix}.h, {program.prefix}.c: the same for everybody, "
        f"{program.shared.size_bytes:,} bytes of shared weights",
        f"  person   hv_person.h, {user}.hvb: {program.person.size_bytes:,} bytes of weights",
        f"  memory   arena {program.plan.arena_bytes:,} bytes, the image in it, the caller's",
    ]


def _inputs(program: Program) -> str:
    if program.input_at is None:
        return f", inputs {program.input_bytes:,}"
    return f" with room for the inputs, {program.input_bytes:,}"


def _model_lines(program: Program) -> list[str]:
    layers = counted(len(program.steps), "layer")
    return [
        f"  kernel   {program.prefix}.h, {program.prefix}.c: {layers}, "
        f"{program.macs:,} multiply-accumulates, {program.shared.size_bytes:,} bytes of weights",
        *(f"  input    {port.name} int8 {list(port.shape)}" for port in program.inputs),
        *(f"  output   {port.name} {port.dtype} {list(port.shape)}" for port in program.outputs),
        f"  memory   arena {program.plan.arena_bytes:,} bytes{_inputs(program)}, "
        f"outputs {program.output_bytes:,}, all the caller's",
    ]
