"""`hvcodegen emit`: a network as a folder of C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen.cli.choice import plan_name, plan_option
from codegen.cli.common import counted, json_option, print_result, target_option
from codegen.cli.help import VerbWithHeadings
from codegen.cli.signing import SigningOrder, signing_options
from codegen.cli.subject import SubjectOrder, subject_options

if TYPE_CHECKING:
    from codegen.emit import Emission
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
@signing_options
@json_option
def command(
    subject: SubjectOrder,
    target: str,
    plan: str | ScheduleFile,
    output: Path | None,
    flash_bytes: int | None,
    ram_bytes: int | None,
    frames: int | None,
    signing: SigningOrder,
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
      hvcodegen emit --user alice --target cortex-m4 --sign shop.pem
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
    extras = {"frames": frames, **signing.extras(subject.store, entry.name)} if entry.user else {}
    emission = emission_of(entry, core, plan, **extras)
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
        data |= (issue := _issued(emission, entry.name))
        lines += _person_lines(program, entry.name, issue)
    else:
        data |= {
            "input_bytes": program.input_bytes,
            "output_bytes": program.output_bytes,
            **emitted_json(entry),
        }
        lines += _model_lines(program)
    print_result(as_json, data, lines + quantised_lines(entry))


def _issued(emission: Emission, user: str) -> dict[str, Any]:
    """What is said about the bundle."""
    from codegen.bundle import read_bundle

    bundle = read_bundle(emission.files[f"{user}.hvb"])
    return {
        "user_id": bundle.user_id.hex(),
        "bundle_version": bundle.version,
        "bundle_signed": bundle.signature is not None,
    }


def _person_lines(program: Program, user: str, issue: dict[str, Any]) -> list[str]:
    signed = "signed" if issue["bundle_signed"] else "not signed"
    return [
        f"  kernel   {program.prefix}.h, {program.prefix}.c: the same for everybody, "
        f"{program.shared.size_bytes:,} bytes of shared weights",
        f"  person   hv_person.h, {user}.hvb: {program.person.size_bytes:,} bytes of weights",
        f"  bundle   version {issue['bundle_version']} of {issue['user_id'][:8]}, {signed}",
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
