"""`hvcodegen flash`: a person's verifier onto a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen.cli.choice import plan_option
from codegen.cli.common import compiler_option, json_option, print_result
from codegen.cli.help import VerbWithHeadings
from codegen.cli.signing import SigningOrder, signing_options
from codegen.cli.subject import SubjectOrder, subject_options

if TYPE_CHECKING:
    from codegen.schedule_file import ScheduleFile


@click.command(cls=VerbWithHeadings, short_help="Write a person's verifier to a board.")
@subject_options
@plan_option
@click.option(
    "--board", required=True, metavar="NAME", help="Board; `hvcodegen boards` lists them."
)
@click.option(
    "--app",
    default="mailbox",
    show_default=True,
    metavar="NAME",
    help="What the verifier is built into: a folder of firmware/apps.",
)
@click.option("--runner", metavar="NAME", help="Flash tool.  [default: the board's first]")
@click.option(
    "--port",
    default="",
    metavar="PLACE",
    help="Where the board is: a debug server's host:port, a serial port, a probe's serial number "
    "or a drive, as the flash tool wants it.",
)
@click.option("--weights-only", is_flag=True, help="Write the person's own weights, nothing else.")
@click.option("--verify", is_flag=True, help="Read back and compare.")
@click.option(
    "--score",
    is_flag=True,
    help="By gdb: then run the images of the known answers on the board, compare every verdict.",
)
@click.option("--emulate", is_flag=True, help="By gdb: onto the emulated board, started for this.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the firmware and the tool's files.  [default: build/<name>-<board>]",
)
@compiler_option
@click.option("--dry-run", is_flag=True, help="Build, print the flash tool's calls, run none.")
@signing_options
@json_option
def command(
    subject: SubjectOrder,
    plan: str | ScheduleFile,
    board: str,
    app: str,
    runner: str | None,
    port: str,
    weights_only: bool,
    verify: bool,
    score: bool,
    emulate: bool,
    output: Path | None,
    compiler: str | None,
    dry_run: bool,
    signing: SigningOrder,
    as_json: bool,
) -> None:
    """Build a person's verifier for a board and write it there.

    The firmware (mailbox) takes an image from memory, as a debugger puts it there, and leaves the
    verdict. One person's weights lie in erase blocks of their own: --weights-only writes these,
    over a kernel that was flashed before. With --app device, the board answers over its serial
    port and takes people by `hvcodegen send`, signed by the key whose public half is built in.

    \b
    Examples:
      hvcodegen flash --user alice --board netduinoplus2 --emulate --verify --score
      hvcodegen flash --user alice --board nucleo-h743zi --verify
      hvcodegen flash --user alice --board netduinoplus2 --app device --port localhost:3333
      hvcodegen flash --user bob --board nucleo-h743zi --weights-only
      hvcodegen flash --user alice --board pico --runner uf2 --port /media/me/RPI-RP2
      hvcodegen flash --user alice --board nrf52840-dk --runner jlink --dry-run
    """
    from codegen.cli.flashing import FlashRequest, flash

    request = FlashRequest(
        board=board,
        app=app,
        runner=runner,
        port=port,
        weights_only=weights_only,
        verify=verify,
        score=score,
        emulate=emulate,
        output=output,
        compiler=compiler,
        dry_run=dry_run,
        plan=plan,
        signing=signing,
    )
    data, lines = flash(subject, request)
    print_result(as_json, data, lines)
