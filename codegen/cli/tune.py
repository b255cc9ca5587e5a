"""`hvcodegen tune`: the best kernel of each layer, by measurement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen.cli.common import (
    compiler_option,
    counted,
    json_option,
    print_result,
    talk,
    target_option,
)
from codegen.cli.help import VerbWithHeadings
from codegen.cli.subject import SubjectOrder, subject_options

if TYPE_CHECKING:
    from codegen.schedule_file import Objective


@click.command(cls=VerbWithHeadings, short_help="Choose each layer's kernel by measurement.")
@subject_options
@target_option
@click.option(
    "--objective",
    type=click.Choice(["cycles", "ram", "flash"]),
    default="cycles",
    show_default=True,
    help="What is to be least: cycles, the arena, or flash; then cycles.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The schedule.  [default: <architecture>.<target>.toml]",
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
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the curve of cycles against RAM, as .svg or .png.",
)
@compiler_option
@json_option
def command(
    subject: SubjectOrder,
    target: str,
    objective: Objective,
    output: Path | None,
    flash_bytes: int | None,
    ram_bytes: int | None,
    plot: Path | None,
    compiler: str | None,
    as_json: bool,
) -> None:
    """Measure every kernel of every layer in the emulator, and keep the best as a schedule.

    Every kernel that runs is compared with the reference, bit by bit; a difference ends with exit
    code 3. The schedule is a small text for --schedule of emit, build, run, profile and verify; it
    is never used unless it is asked for. It depends on layers and shapes, not on weights: a model
    needs no calibration samples here, and a verifier's serves everybody.

    \b
    Examples:
      hvcodegen tune --user alice --target cortex-m4
      hvcodegen tune --onnx model.onnx --objective ram --plot model.svg
      hvcodegen tune --onnx model.onnx --ram 20000 --flash 65536
      hvcodegen emit --user alice --target cortex-m4 --schedule pq.cortex-m4.toml
    """
    from codegen.cli.tuning import (
        check_writable,
        front_rows,
        hint_lines,
        tune,
        tuned_json,
        write_schedule,
    )
    from codegen.targets import find_target
    from host_tools.fit import board_limits

    core = find_target(target)
    limits = board_limits(core, flash_bytes, ram_bytes)
    if output is not None:
        check_writable(output)  # before the long work
    if plot is not None:
        from codegen.cli.curve_plot import draw_curves
        from codegen.cli.profile_plot import check_plot

        check_plot(plot)
    entry = subject.load(make_up=True)
    file = output or Path(f"{entry.quant_net.arch.name}.{target}.toml")
    check_writable(file)
    tuned = tune(entry, core, objective, limits, talk, compiler=compiler)
    write_schedule(tuned.schedule, file)
    data: dict[str, Any] = {("user" if entry.user else "model"): entry.name}
    data |= {"schedule": str(file), **tuned_json(tuned)}
    lines = [
        *front_rows(tuned),
        "",
        f"* wrote {file}: least {objective} of all measured, {counted(tuned.rounds, 'round')}",
        *hint_lines(tuned),
        *(f"left out, not proved exact for these weights: {what}" for what in tuned.skipped),
        tuned.measured,
    ]
    if plot is not None:
        draw_curves([tuned], plot)
        data["plot"] = str(plot)
        lines.append(f"drew {plot}")
    print_result(as_json, data, lines)
