"""`hvcodegen keys`: the keys that sign bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codegen.cli.common import json_option, print_result, table
from codegen.cli.signing import default_key

HEADER_NAME = "hv_public_key.h"


@click.group(short_help="Make and show the keys that sign bundles.")
def command() -> None:
    """Make and show the keys that sign bundles.

    A device takes bundles by one key only; its public half is compiled into the kernel's
    application. Whoever has the private half can put any person on the device: keep it safe,
    keep a copy, and give it to nobody.

    \b
    Examples:
      hvcodegen keys new
      hvcodegen keys new shop.pem
      hvcodegen keys show shop.pem
      hvcodegen keys header shop.pub.pem -o firmware/hv_public_key.h
    """


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@json_option
def new(file: Path | None, as_json: bool) -> None:
    """Make a key pair: FILE for you alone, its public half beside it as .pub.pem.

    Without FILE, the key that `emit` signs with by default. Keys are never overwritten.
    """
    from codegen.signing import new_key, public_file_of

    key = new_key(file or default_key())
    data = _facts(key.public) | {"private": str(key.file), "public": str(public_file_of(key.file))}
    lines = [
        f"private key  {key.file}, readable by you alone: keep a copy, give it to nobody",
        f"public key   {public_file_of(key.file)}",
        f"fingerprint  {data['fingerprint']}",
    ]
    print_result(as_json, data, lines)


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@json_option
def show(file: Path | None, as_json: bool) -> None:
    """Show the public half and the fingerprint of a private or public key.

    Without FILE, of the key that `emit` signs with by default.
    """
    from codegen.signing import load_public_key

    chosen = file or default_key()
    data = {"file": str(chosen)} | _facts(load_public_key(chosen))
    print_result(as_json, data, table(("what", "value"), list(data.items())))


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(HEADER_NAME),
    show_default=True,
    help="File to write.",
)
@json_option
def header(file: Path | None, output: Path, as_json: bool) -> None:
    """Write the public half of a key as C, for a kernel's application.

    `emit` puts it into its folder by itself; this is for an application that takes bundles by
    another key.
    """
    from codegen.render import render_public_key
    from codegen.signing import load_public_key
    from host_tools.cache import write_atomically

    public = load_public_key(file or default_key())
    write_atomically(output, render_public_key(public).encode())
    data = {"file": str(output)} | _facts(public)
    print_result(as_json, data, [f"wrote {output}, key {data['fingerprint']}"])


def _facts(public: bytes) -> dict[str, Any]:
    from codegen.signing import fingerprint

    return {"algorithm": "Ed25519", "public_key": public.hex(), "fingerprint": fingerprint(public)}
