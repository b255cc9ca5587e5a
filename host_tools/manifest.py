"""Reads the manifest.json of an emitted folder: which files, which layers, which ABI."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError

FORMAT = 1
ABI_CHARACTERS = 64
_HINT = "emit the folder again"


@dataclass(frozen=True, kw_only=True)
class ManifestLayer:
    """One layer of an emitted kernel.

    Attributes:
        name: the layer's name in the architecture.
        op: the operator's name.
        shape: shape of its output for one image.
        dtype: element type of its output, int8 or int32.
        macs: multiply-accumulates for one image.
        function: name of its C function, or None for a layer that runs no code.
        offset_bytes: where its output lies in the arena.
        size_bytes: size of its output.
        kept_bytes: how much of it the arena holds at once.
        calls: how often its function runs for one image: once for each row, or once.
    """

    name: str
    op: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    macs: int
    function: str | None
    offset_bytes: int
    size_bytes: int
    kept_bytes: int
    calls: int


@dataclass(frozen=True, kw_only=True)
class ManifestPort:
    """An input or output of a network that is no verifier.

    Attributes:
        name: of the member of the inputs or outputs in C.
        dtype: element type.
        shape: of one sample.
        scale: an integer q stands for scale * (q - zero_point).
        zero_point: see scale.
        offset_bytes: in the inputs or outputs.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int
    offset_bytes: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an emitted folder holds.

    Attributes:
        folder: the folder itself.
        user: the person the weights were made for; "" if nothing in the network is a person's.
        target: name of the codegen target.
        architecture: name of the architecture; `prefix` is made of it.
        abi: hash of the architecture and the contract, 64 hexadecimal characters.
        layers: in the order they run.
        arena_bytes: size of the arena.
        image_outside_bytes: what the caller gives at once that the arena has no room for.
        image_bytes: size of what the network is given for one sample: an image, or its inputs.
        result_bytes: size of what it answers: a verdict, or its outputs.
        weight_bytes: size of all weights and tables.
        sources: the files to compile, C and assembly, relative to the folder.
        frames: stack of each function in assembly, in bytes.
        files: file name -> SHA-256 in hexadecimal.
        inputs: of a network that is no verifier; a verifier is given an image.
        outputs: likewise; a verifier answers with a verdict.
    """

    folder: Path
    user: str
    target: str
    architecture: str
    abi: str
    layers: tuple[ManifestLayer, ...]
    arena_bytes: int
    image_outside_bytes: int
    image_bytes: int
    result_bytes: int
    weight_bytes: int
    sources: tuple[str, ...]
    files: Mapping[str, str]
    frames: Mapping[str, int]
    inputs: tuple[ManifestPort, ...] = ()
    outputs: tuple[ManifestPort, ...] = ()

    @property
    def prefix(self) -> str:
        """What every C name of the kernel begins with."""
        return "hv_" + self.architecture.replace("-", "_")

    @property
    def run_function(self) -> str:
        """The C function of a whole inference."""
        return f"{self.prefix}_run"

    @property
    def trace_bytes(self) -> int:
        """Size of all layers' tensors for one image."""
        return sum(layer.size_bytes for layer in self.layers)

    def split_tensors(self, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Cuts rows of raw bytes into tensors.

        Args:
            images: uint8 [N, trace_bytes], every layer's output in order, for each image.

        Returns:
            layer name -> int8 or int32 array [N, *shape].
        """
        tensors: dict[str, NDArray[Any]] = {}
        start = 0
        for layer in self.layers:
            columns = np.ascontiguousarray(images[:, start : start + layer.size_bytes])
            tensors[layer.name] = columns.view(layer.dtype).reshape(len(images), *layer.shape)
            start += layer.size_bytes
        return tensors


def load_manifest(folder: Path) -> Manifest:
    """Reads and checks an emitted folder's manifest.

    Raises:
        HvError: there is none, it is not understood, or it contradicts itself.
    """
    path = folder / "manifest.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HvError(
            "not an emitted folder: it has no manifest.json", where=str(folder)
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise HvError(f"cannot read it: {error}", where=str(path), hint=_HINT) from error
    try:
        manifest = _parse(folder, data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HvError(f"not understood: {error!r}", where=str(path), hint=_HINT) from error
    _check(manifest, str(path))
    return manifest


def check_files(manifest: Manifest) -> None:
    """Compares every file of the folder with the hash the manifest gives.

    Raises:
        HvError: a file is missing or was changed after it was emitted.
    """
    for name, expected in sorted(manifest.files.items()):
        path = manifest.folder / name
        if not path.is_file():
            raise HvError("an emitted file is missing", where=str(path), hint=_HINT)
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise HvError("changed after it was emitted", where=str(path), hint=_HINT)


def _parse(folder: Path, data: Mapping[str, Any]) -> Manifest:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}, and this program reads format {FORMAT}")
    return Manifest(
        folder=folder,
        user=str(data.get("user", "")),
        target=str(data["target"]),
        architecture=str(data["architecture"]),
        abi=str(data["abi"]),
        layers=tuple(_parse_layer(layer) for layer in data["layers"]),
        arena_bytes=int(data["arena_bytes"]),
        image_outside_bytes=int(data.get("image_outside_bytes", data["image_bytes"])),
        image_bytes=int(data["image_bytes"]),
        result_bytes=int(data["result_bytes"]),
        weight_bytes=int(data["weight_bytes"]),
        sources=tuple(str(source) for source in data["sources"]),
        frames={str(name): int(size) for name, size in data.get("frames", {}).items()},
        files={str(name): str(digest) for name, digest in data["files"].items()},
        inputs=tuple(_parse_port(port) for port in data.get("inputs", ())),
        outputs=tuple(_parse_port(port) for port in data.get("outputs", ())),
    )


def _parse_port(data: Mapping[str, Any]) -> ManifestPort:
    return ManifestPort(
        name=str(data["name"]),
        dtype=str(data["dtype"]),
        shape=tuple(int(size) for size in data["shape"]),
        scale=float(data["scale"]),
        zero_point=int(data["zero_point"]),
        offset_bytes=int(data["offset_bytes"]),
    )


def _parse_layer(data: Mapping[str, Any]) -> ManifestLayer:
    function = data["function"]
    return ManifestLayer(
        name=str(data["name"]),
        op=str(data["op"]),
        shape=tuple(int(size) for size in data["shape"]),
        dtype=np.dtype(str(data["dtype"])).newbyteorder("<"),
        macs=int(data["macs"]),
        function=None if function is None else str(function),
        offset_bytes=int(data["offset_bytes"]),
        size_bytes=int(data["size_bytes"]),
        kept_bytes=int(data.get("kept_bytes", data["size_bytes"])),
        calls=int(data.get("calls", 1)),
    )


def _check(manifest: Manifest, where: str) -> None:
    if len(manifest.abi) != ABI_CHARACTERS:
        raise HvError(
            f"the ABI hash must have {ABI_CHARACTERS} characters", where=where, hint=_HINT
        )
    if not manifest.layers:
        raise HvError("a kernel without layers", where=where, hint=_HINT)
    for layer in manifest.layers:
        expected = int(np.prod(layer.shape, dtype=np.int64)) * layer.dtype.itemsize
        if layer.size_bytes != expected:
            raise HvError(
                f"{layer.size_bytes} bytes, but {layer.shape} of {layer.dtype} are {expected}",
                where=f"{where}, layer {layer.name}",
                hint=_HINT,
            )
        if layer.offset_bytes + layer.kept_bytes > manifest.arena_bytes:
            raise HvError(
                "its output lies outside the arena",
                where=f"{where}, layer {layer.name}",
                hint=_HINT,
            )
