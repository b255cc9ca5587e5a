"""`hvcodegen emit`: a person's network as a folder of C."""

from __future__ import annotations

from pathlib import Path

import click

from codegen.cli.common import json_option, print_result, store_option, target_option, user_option


@click.command(short_help="Write the C of a person's verifier.")
@user_option
@target_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder to write.  [default: build/<user>]",
)
@store_option
@json_option
def command(user: str, target: str, output: Path | None, store: Path, as_json: bool) -> None:
    """Write the C of a person's verifier: kernel, weights, bundle, known answers, report.

    The kernel is the same for every person. Same input, same bytes.

    \b
    Examples:
      hvcodegen emit --user alice --target cortex-m4
      hvcodegen emit --user alice --target cortex-m4 -o build/alice
    """
    from codegen.emit import emit, write_emission
    from codegen.store import load_user
    from codegen.targets import find_target

    core = find_target(target)
    entry = load_user(store, user)
    emission = emit(entry.quant_net, user, core)
    folder = output or Path("build") / user
    write_emission(emission, folder)
    program = emission.program
    data = {
        "user": user,
        "target": target,
        "folder": str(folder),
        "abi": program.abi.hex(),
        "files": {name: len(content) for name, content in emission.files.items()},
        "arena_bytes": program.plan.arena_bytes,
        "person_bytes": program.person.size_bytes,
        "shared_bytes": program.shared.size_bytes,
    }
    print_result(
        as_json,
        data,
        [
            f"wrote {len(emission.files)} files to {folder}",
            f"  kernel   {program.prefix}.h, {program.prefix}.c: the same for everybody, "
            f"{program.shared.size_bytes:,} bytes of shared weights",
            f"  person   hv_person.h, {user}.hvb: {program.person.size_bytes:,} bytes of weights",
            f"  memory   arena {program.plan.arena_bytes:,} bytes, "
            f"image {program.architecture.image.size_bytes:,} bytes, the caller's",
        ],
    )
