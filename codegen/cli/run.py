"""`hvcodegen run`: the firmware in an emulated board."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from codegen.cli.common import (
    compiler_option,
    emulator_option,
    images_option,
    json_option,
    print_result,
    store_option,
    table,
    target_option,
    user_option,
)


@click.command(short_help="Run the firmware in an emulated board.")
@user_option
@target_option
@images_option
@click.option("--board", metavar="NAME", help="Board.  [default: the target's emulated one]")
@compiler_option
@emulator_option
@store_option
@json_option
def command(
    user: str,
    target: str,
    files: tuple[Path, ...],
    folder: Path | None,
    aligned: bool,
    board: str | None,
    compiler: str | None,
    emulator: str | None,
    store: Path,
    as_json: bool,
) -> None:
    """Build the firmware, run it in an emulated board, print scores and instructions per layer.

    Without photographs, the made-up images of the known answers are run.

    \b
    Examples:
      hvcodegen run --user alice --target cortex-m4 --image door.jpg
      hvcodegen run --user alice --emulator unicorn --compiler zig
    """
    from codegen.cli import pipeline
    from codegen.cli.photos import find_files, read_crops, test_images
    from codegen.store import load_user
    from codegen.targets import find_target
    from host_tools.emulators import choose_emulator
    from host_tools.run import run_trace

    core = find_target(target)
    entry = load_user(store, user)
    net = entry.quant_net
    paths = find_files(files, folder)
    crops = (
        read_crops(paths, net.arch.image, aligned=aligned) if paths else test_images(net.arch.image)
    )
    with (
        pipeline.emitted(entry, core) as emitted,
        tempfile.TemporaryDirectory(prefix="hvcodegen-") as out,
    ):
        firmware = pipeline.build_trace_firmware(emitted, core, compiler, Path(out), board)
        machine = choose_emulator(firmware.order.board, emulator)
        ran = run_trace(machine, firmware, crops.images, count=True)
    scores = pipeline.scores_of(net, crops.names, ran.trace.tensors[net.layers[-1].name])
    counts = ran.outcome.counts
    rows = [
        (layer.layer, round(layer.instructions / layer.calls))
        for layer in (counts.layers if counts else ())
    ]
    total = sum(instructions for _, instructions in rows)
    data: dict[str, Any] = {
        "user": user,
        "board": firmware.order.board.name,
        "emulator": machine.name,
        "scores": [vars(score) for score in scores],
        "instructions": {
            "layers": [{"layer": name, "instructions": number} for name, number in rows],
            "total": total,
        },
        "stack_used_bytes": ran.trace.stack_used_bytes,
    }
    headings = ("photograph", "accumulator", "score", "verdict")
    lines = table(headings, pipeline.score_rows(scores))
    lines.append(f"threshold {entry.float_net.threshold:.3f}")
    lines.append("")
    lines += table(("layer", "instructions"), [*rows, ("total", total)])
    lines.append("")
    lines.append(
        f"{firmware.order.board.name} in {machine.name}, "
        f"stack used {ran.trace.stack_used_bytes:,} bytes"
    )
    print_result(as_json, data, lines)
