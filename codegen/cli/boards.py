"""`hvcodegen boards`: the boards that firmware is built for."""

from __future__ import annotations

import click

from codegen.cli.common import json_option, print_result, table

KIB = 1024


@click.command(short_help="List the boards firmware is built for.")
@json_option
def command(as_json: bool) -> None:
    """List the boards, what was run of each, and by which tools it is flashed.

    "emulated": the tests run its firmware in these emulators and compare every tensor of every
    layer with the reference. "built": the tests build its firmware; it was never run here. Nothing
    was run on real hardware.

    \b
    Example:
      hvcodegen boards
    """
    from host_tools.boards import board_names, load_board

    boards = [load_board(name) for name in board_names()]
    data = [
        {
            "name": board.name,
            "target": board.target,
            "clock_hz": board.clock_hz,
            "flash_bytes": board.flash.size_bytes,
            "ram_bytes": board.ram.size_bytes,
            "proof": board.proof,
            "emulators": dict(board.emulators),
            "runners": list(board.runners),
        }
        for board in boards
    ]
    rows = [
        (
            board.name,
            board.target,
            f"{board.flash.size_bytes // KIB:,} KiB",
            f"{board.ram.size_bytes // KIB:,} KiB",
            f"{board.clock_hz / 1e6:g} MHz",
            board.proof + (f" ({', '.join(board.emulators)})" if board.emulators else ""),
            ", ".join(board.runners),
        )
        for board in boards
    ]
    headings = ("board", "target", "flash", "RAM", "at reset", "checked", "flashed by")
    print_result(as_json, {"boards": data}, table(headings, rows))
