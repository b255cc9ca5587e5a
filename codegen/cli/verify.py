"""`hvcodegen verify`: reference == host == emulated target, every tensor."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen.cli.choice import plan_option
from codegen.cli.common import (
    images_option,
    json_option,
    print_result,
    talk,
    target_option,
)
from codegen.cli.help import VerbWithHeadings
from codegen.cli.linking import PortOrder, baud_option, emulate_option
from codegen.cli.signing import SigningOrder, signing_options
from codegen.cli.subject import SubjectOrder, subject_options

if TYPE_CHECKING:
    from codegen.schedule_file import ScheduleFile


@click.command(cls=VerbWithHeadings, short_help="Prove: reference == this machine == target.")
@subject_options
@target_option
@plan_option
@images_option
@click.option("--board", metavar="NAME", help="Board.  [default: the target's emulated one]")
@click.option("--compiler", metavar="NAME", help="Only this compiler.  [default: every one found]")
@click.option("--emulator", metavar="NAME", help="Only this emulator.  [default: every one found]")
@click.option(
    "--witness",
    type=click.Choice(["onnxruntime"]),
    help="One more implementation: the exported integer graph, run by ONNX Runtime.",
)
@click.option(
    "--on-device",
    "port",
    metavar="PORT",
    help="The device at this port instead: /dev/ttyACM0, COM3, socket://HOST:NUMBER.",
)
@emulate_option
@baud_option
@signing_options
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
    witness: str | None,
    port: str | None,
    emulate: str | None,
    baud: int,
    signing: SigningOrder,
    as_json: bool,
) -> None:
    """Prove that the reference, this machine and the emulated target compute the same bits.

    Every tensor of every layer, tolerance zero, with every compiler and emulator that is
    installed. A difference ends with exit code 3.

    \b
    Examples:
      hvcodegen verify --user alice --target cortex-m4 --images visitors/
      hvcodegen verify --user alice --witness onnxruntime
      hvcodegen verify --user alice --json
      hvcodegen verify --user alice --on-device /dev/ttyACM0
      hvcodegen verify --onnx model.onnx --calibration samples.npz --witness onnxruntime
    """
    from codegen.cli import verifying
    from codegen.cli.answers import answers
    from codegen.cli.batches import read_batch
    from codegen.targets import find_target

    on_device = port is not None or emulate is not None
    if on_device and any((board, compiler, emulator, witness)):
        raise click.UsageError(
            "--board, --compiler, --emulator and --witness are not for --on-device or --emulate"
        )
    core = find_target(target)
    entry = subject.load()
    batch = read_batch(entry, files, folder, samples, aligned=aligned)
    if on_device:
        from codegen.cli.verifying_device import verify_on_device

        order = PortOrder(port=port, board=emulate, baud=baud)
        order.check()
        extras = signing.extras_of(subject.store, entry)
        found = verify_on_device(entry, batch, order, core, plan, extras, talk)
    else:
        asked = verifying.Plan(
            target=core,
            kernels=plan,
            board=board,
            compiler=compiler,
            emulator=emulator,
            witness=witness,
        )
        with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
            found = verifying.verify(entry, batch, asked, Path(scratch), talk)
    data = verifying.summary(found.checks)
    lines = verifying.check_lines(found.checks, "samples" if entry.model else "images")
    if entry.model:
        signals, rows = answers(entry, batch, found.reference)
        data, lines = {**signals, **data}, [*rows, "", *lines]
    print_result(as_json, data, lines)
    verifying.require_bit_exact(found.checks)
