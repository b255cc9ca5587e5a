"""`hvcodegen targets`: the cores that code is made for."""

from __future__ import annotations

import click

from codegen.cli.common import json_option, print_result, table


@click.command(short_help="List the processor cores code is made for.")
@json_option
def command(as_json: bool) -> None:
    """List the targets, the emulated board of each, and what was run of each.

    "emulated" and "run": the tests compare every tensor of every layer with the reference, on the
    emulated board or on this machine. "built": the tests compile and link it.

    \b
    Example:
      hvcodegen targets
    """
    from codegen.targets import TARGETS

    data = [
        {
            "name": target.name,
            "summary": target.summary,
            "features": sorted(target.features),
            "board": target.board,
            "proof": target.proof,
        }
        for target in TARGETS
    ]
    rows = [
        (
            target.name,
            target.board or "-",
            target.proof,
            ", ".join(sorted(target.features)),
            target.summary,
        )
        for target in TARGETS
    ]
    lines = table(("target", "emulated board", "checked", "features", "core"), rows)
    print_result(as_json, {"targets": data}, lines)
