"""`hvcodegen inspect`: what is in a bundle, a manifest, or a firmware file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen.cli.common import json_option, print_result, table
from codegen.errors import HvError

if TYPE_CHECKING:
    from host_tools.manifest import Manifest


@click.command(short_help="Show and check a bundle, manifest or ELF.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def command(file: Path, as_json: bool) -> None:
    """Show and check a bundle (.hvb), a manifest or its folder, or an ELF file.

    \b
    Examples:
      hvcodegen inspect build/alice/alice.hvb
      hvcodegen inspect build/alice
      hvcodegen inspect build/alice-firmware/trace.elf
    """
    path = file / "manifest.json" if file.is_dir() else file
    if not path.is_file():
        raise HvError("there is no such file", where=str(path), hint="check the path")
    with path.open("rb") as stream:
        magic = stream.read(4)
    data = _reader(path, magic)(path)
    rows = [(key, value) for key, value in data.items() if not isinstance(value, list | dict)]
    lines = table(("what", "value"), [(key, str(value)) for key, value in rows])
    for key, value in data.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines += ["", f"{key}:", *table(tuple(value[0]), [tuple(v.values()) for v in value])]
    print_result(as_json, data, lines)


def _reader(path: Path, magic: bytes) -> Callable[[Path], dict[str, Any]]:
    if magic == b"HVB1" or path.suffix == ".hvb":
        return _bundle
    if magic == b"\x7fELF":
        return _elf
    if path.suffix == ".json":
        return _manifest
    raise HvError(
        "this is no bundle, no manifest and no ELF file",
        where=str(path),
        hint="inspect reads .hvb, manifest.json and .elf files",
    )


def _bundle(path: Path) -> dict[str, Any]:
    import hashlib

    from codegen import bundle

    content = path.read_bytes()
    parsed = bundle.read_bundle(content, where=str(path))
    data: dict[str, Any] = {
        "kind": "bundle",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "abi": parsed.abi.hex(),
        "person": parsed.payload(bundle.TAG_PERSON).hex(),
        "crc": "correct",
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
