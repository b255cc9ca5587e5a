"""`hvcodegen profile`: what one inference costs, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen.cli.choice import plan_option
from codegen.cli.common import (
    compiler_option,
    json_option,
    print_result,
    talk,
    target_option,
)
from codegen.cli.help import VerbWithHeadings
from codegen.cli.subject import SubjectOrder, subject_options

if TYPE_CHECKING:
    from codegen.cli.subject import Subject
    from codegen.schedule_file import ScheduleFile


@click.command(cls=VerbWithHeadings, short_help="Measure cycles, RAM and flash.")
@subject_options
@target_option
@plan_option
@click.option("--board", metavar="NAME", help="Board.  [default: the target's emulated one]")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the layers, and the memory over time, as .svg or .png.",
)
@compiler_option
@json_option
def command(
    subject: SubjectOrder,
    target: str,
    plan: str | ScheduleFile,
    board: str | None,
    plot: Path | None,
    compiler: str | None,
    as_json: bool,
) -> None:
    """Measure one inference on an emulated board: instructions, cycles, RAM, flash.

    Instructions are counted, cycles estimated from them. A model needs no calibration samples
    here: what it costs does not depend on them (but for how constants are written), so they are
    made up where there are none.

    \b
    Examples:
      hvcodegen profile --user alice --target cortex-m4
      hvcodegen profile --onnx model.onnx --target cortex-m0
      hvcodegen profile --onnx model.onnx --plan small --plot model.svg
    """
    from codegen.cli.profiling import measure, profile_json, profile_lines
    from codegen.targets import find_target

    core = find_target(target)
    if plot is not None:
        from codegen.cli.profile_plot import check_plot, draw

        check_plot(plot)  # before the long work
    entry = subject.load(make_up=True)
    given = _given(entry)
    talk(f"one inference of {given}")
    measured = measure(entry, core, talk, plan=plan, board=board, compiler=compiler)
    data: dict[str, Any] = {("user" if entry.user else "model"): entry.name, "input": given}
    data |= profile_json(measured)
    lines = profile_lines(measured)
    if plot is not None:
        draw(measured, entry.name, plot)
        data["plot"] = str(plot)
        lines.append(f"drew {plot}")
    print_result(as_json, data, lines)


def _given(subject: Subject) -> str:
    """What the network is run on."""
    if subject.model is None:
        return "a made-up image"
    if subject.model.samples is None:
        return "a made-up input; costs do not depend on samples, but for how constants are written"
    return "a calibration sample"
