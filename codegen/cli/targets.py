"""`hvcodegen targets`: the cores that code is made for."""

from __future__ import annotations

import click

from codegen.cli.common import json_option, print_result, table


@click.command(short_help="List the processor cores code is made for.")
@json_option
def command(as_json: bool) -> None:
    """List the targets and the emulated board of each.

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
        }
        for target in TARGETS
    ]
    rows = [
        (target.name, target.board or "-", ", ".join(sorted(target.features)), target.summary)
        for target in TARGETS
    ]
    lines = table(("target", "emulated board", "features", "core"), rows)
    print_result(as_json, {"targets": data}, lines)
