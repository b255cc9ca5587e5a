"""`hvcodegen inspect`: what is in a bundle, a manifest, or a firmware file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen.cli.common import json_option, print_result, table
from codegen.errors import HvError

if TYPE_CHECKING:
    from codegen.bundle import Bundle
    from host_tools.manifest import Manifest


@click.command(short_help="Show and check a bundle, manifest or ELF.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="KEY",
    help="Whose signature a bundle should have.  [default: yours, if you have one]",
)
@json_option
def command(file: Path, key: Path | None, as_json: bool) -> None:
    """Show and check a bundle (.hvb), a manifest or its folder, or an ELF file.

    \b
    Examples:
      hvcodegen inspect build/alice/alice.hvb
      hvcodegen inspect build/alice/alice.hvb --key shop.pub.pem
      hvcodegen inspect build/alice
      hvcodegen inspect build/alice-firmware/trace.elf
    """
    path = file / "manifest.json" if file.is_dir() else file
    if not path.is_file():
        raise HvError("there is no such file", where=str(path), hint="check the path")
    with path.open("rb") as stream:
        magic = stream.read(4)
    data = _reader(path, magic, key)(path)
    rows = [(key, value) for key, value in data.items() if not isinstance(value, list | dict)]
    lines = table(("what", "value"), [(key, str(value)) for key, value in rows])
    for key, value in data.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines += ["", f"{key}:", *table(tuple(value[0]), [tuple(v.values()) for v in value])]
    print_result(as_json, data, lines)


def _reader(path: Path, magic: bytes, key: Path | None) -> Callable[[Path], dict[str, Any]]:
    if magic[:3] == b"HVB" or path.suffix == ".hvb":
        return partial(_bundle, key=key)
    if magic == b"\x7fELF":
        return _elf
    if path.suffix == ".json":
        return _manifest
    raise HvError(
        "this is no bundle, no manifest and no ELF file",
        where=str(path),
        hint="inspect reads .hvb, manifest.json and .elf files",
    )


def _bundle(path: Path, key: Path | None) -> dict[str, Any]:
    import hashlib

    from codegen import bundle

    content = path.read_bytes()
    parsed = bundle.read_bundle(content, where=str(path))
    data: dict[str, Any] = {
        "kind": "bundle",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "format": bundle.FORMAT,
        "abi": parsed.abi.hex(),
        "kernel_abi": bundle.KERNEL_ABI,
        "user_id": parsed.user_id.hex(),
        "version": parsed.version,
        "threshold": parsed.threshold,
        "crc": "correct",
        **_signature(parsed, key),
        "records": [
            {"tag": record.tag.decode("ascii", "replace"), "bytes": len(record.payload)}
            for record in parsed.records
        ],
    }
    seed, score, norm_squared, accepted = bundle.KNOWN_ANSWER.unpack(
        parsed.payload(bundle.TAG_ANSWER)
    )
    data["known_answer"] = f"image seed {seed}: {score}, {norm_squared}, {accepted}"
    return data


def _signature(parsed: Bundle, key: Path | None) -> dict[str, Any]:
    """Whether and by whom it is signed; a key that was asked for and did not sign is an error."""
    from codegen.cli.signing import default_key
    from codegen.signing import fingerprint, is_signed_by, load_public_key

    chosen = key or (default_key() if default_key().is_file() else None)
    public = None if chosen is None else load_public_key(chosen)
    if public is not None and is_signed_by(parsed, public):
        return {"signature": "correct", "signed_by": fingerprint(public)}
    if key is not None:
        fault = "has no signature" if parsed.signature is None else "is not signed by that key"
        raise HvError(f"the bundle {fault}", where=str(key), hint="emit it with --sign KEY")
    if parsed.signature is None:
        return {"signature": "none"}
    if public is None:
        return {"signature": "not checked: no key is here, give one with --key"}
    return {"signature": "not by your key; give another with --key"}


def _manifest(path: Path) -> dict[str, Any]:
    from host_tools.manifest import check_files, load_manifest

    manifest = load_manifest(path.parent)
    check_files(manifest)
    return {
        "kind": "manifest",
        **_given(manifest),
        "target": manifest.target,
        "architecture": manifest.architecture,
        "abi": manifest.abi,
        "weight_bytes": manifest.weight_bytes,
        "arena_bytes": manifest.arena_bytes,
        "macs": sum(layer.macs for layer in manifest.layers),
        "files": f"{len(manifest.files)}, all as their hashes say",
        **{
            side: [
                {
                    "name": port.name,
                    "type": f"{port.dtype} {list(port.shape)}",
                    "scale": port.scale,
                    "zero_point": port.zero_point,
                    "offset": port.offset_bytes,
                }
                for port in ports
            ]
            for side, ports in (("inputs", manifest.inputs), ("outputs", manifest.outputs))
            if ports
        },
        "layers": [
            {
                "name": layer.name,
                "op": layer.op,
                "output": f"{layer.dtype} {list(layer.shape)}",
                "macs": layer.macs,
                "offset": layer.offset_bytes,
                "bytes": layer.size_bytes,
            }
            for layer in manifest.layers
        ],
    }


def _given(manifest: Manifest) -> dict[str, Any]:
    """Whose verifier it is and its image, or the sizes of a network's inputs and outputs."""
    if manifest.outputs:
        return {"input_bytes": manifest.image_bytes, "output_bytes": manifest.result_bytes}
    return {"user": manifest.user, "image_bytes": manifest.image_bytes}


def _elf(path: Path) -> dict[str, Any]:
    import dataclasses

    from host_tools.sizes import measure, read_symbols

    symbols = sorted(read_symbols(path), key=lambda symbol: -symbol.size_bytes)
    sizes = dataclasses.asdict(measure(path, kernel_prefix(path)))
    return {
        "kind": "ELF",
        **sizes,
        "largest": [{"symbol": symbol.name, "bytes": symbol.size_bytes} for symbol in symbols[:12]],
    }


def kernel_prefix(elf: Path) -> str:
    """What the C names of the kernel inside a firmware begin with, e.g. hv_pq."""
    from host_tools.sizes import read_symbols

    for symbol in read_symbols(elf):
        if symbol.name.startswith("hv_") and symbol.name.endswith("_tensors"):
            return symbol.name.removesuffix("_tensors")
    return "hv_"
