"""`hvcodegen doctor`: which compilers and emulators are here."""

from __future__ import annotations

import click

from codegen.cli.common import json_option, print_result, table


@click.command(short_help="Show which compilers and emulators are here.")
@json_option
def command(as_json: bool) -> None:
    """Show which compilers and emulators are found, which are used, and what is missing.

    \b
    Example:
      hvcodegen doctor
    """
    from codegen.errors import ProgramMissing
    from host_tools.doctor import diagnose, is_able

    checks = diagnose()
    rows = [
        (
            check.name,
            "used" if check.chosen else ("found" if check.found else "missing"),
            check.version.partition("\n")[0][:60],
            check.reason,
        )
        for check in checks
    ]
    lines = table(("program", "", "version", "why"), rows)
    lines += [f"to add {c.name}: {c.hint}" for c in checks if not c.found]
    able = is_able(checks)
    data = {"able": able, "checks": [vars(check) for check in checks]}
    lines.append("everything can be built and checked" if able else "something needed is missing")
    print_result(as_json, data, lines)
    if not able:
        raise ProgramMissing(
            "a compiler or an emulator is missing", hint="install what is listed as missing"
        )
