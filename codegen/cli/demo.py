"""`hvcodegen demo`: the whole way once, on public-domain portraits."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from codegen.cli.common import DEFAULT_CHECKPOINT, json_option, print_result, talk


@click.command(short_help="Go the whole way once, on public portraits.")
@click.option("--target", default="cortex-m4", show_default=True, metavar="NAME")
@click.option("--checkpoint", default=DEFAULT_CHECKPOINT, show_default=True, metavar="NAME|FILE")
@click.option(
    "--portraits",
    type=click.Path(path_type=Path, file_okay=False),
    help="Only put the portraits into this folder, to try the other verbs with.",
)
@json_option
def command(target: str, checkpoint: str, portraits: Path | None, as_json: bool) -> None:
    """Go from a photograph to verified firmware, and print the verdict.

    Enrols a person from one public-domain portrait, emits the C, compares every tensor of the
    reference, of this machine and of an emulated board, and shows what it costs. Leaves nothing
    behind but a cache.

    \b
    Examples:
      hvcodegen demo
      hvcodegen demo --portraits portraits
    """
    from host_tools.photographs import fetch_photographs

    files = fetch_photographs(talk)
    if portraits is not None:
        _copy_portraits(files, portraits, as_json)
        return
    from codegen.cli import demonstration, verifying
    from codegen.targets import find_target

    shown = demonstration.demonstrate(files, find_target(target), checkpoint, talk)
    print_result(as_json, demonstration.as_json(shown), demonstration.as_lines(shown))
    verifying.require_bit_exact(shown.checks)


def _copy_portraits(files: dict[str, Path], folder: Path, as_json: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        shutil.copyfile(file, folder / name)
    written = [str(folder / name) for name in files]
    print_result(as_json, {"portraits": written}, written)
