"""Every tensor of every layer, read from a device over the link."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError, OutputsDiffer
from host_tools.link.device import Device
from host_tools.manifest import Manifest
from host_tools.run import image_rows


def device_tensors(
    device: Device,
    manifest: Manifest,
    images: NDArray[np.uint8],
    *,
    person: int = 0,
    report: Callable[[int], None] = lambda _: None,
) -> dict[str, NDArray[np.generic]]:
    """Runs images on a device, each twice: whole, and in steps of which every tensor is read.

    Args:
        device: after `hello`.
        manifest: of the kernel that it runs.
        images: uint8 [N, image_bytes].
        person: whose weights; 0 for a network without people.
        report: gets the number of images done so far.

    Returns:
        layer name -> int8 or int32 array [N, *shape].

    Raises:
        HvError: it runs another kernel, or the steps do not cover the tensors.
        OutputsDiffer: the whole run gave another result than the steps.
    """
    identity = device.identity()
    if identity.abi != manifest.abi:
        raise HvError(
            f"the device runs another kernel: {identity.model} {identity.abi[:16]}, "
            f"not {manifest.architecture} {manifest.abi[:16]}",
            where=f"device {identity.board}",
            hint="flash the kernel of this network first",
        )
    rows = []
    for number, image in enumerate(image_rows(images, manifest)):
        device.send_image(image.tobytes())
        traced = _tensors(device, manifest, person)
        _check_whole_run(device.run(person).result, traced, manifest)
        rows.append(np.frombuffer(traced, np.uint8))
        report(number + 1)
    return manifest.split_tensors(np.stack(rows))


def _tensors(device: Device, manifest: Manifest, person: int) -> bytes:
    sizes = [layer.size_bytes for layer in manifest.layers]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    tensors = bytearray(manifest.trace_bytes)
    missing = list(sizes)
    for layer, offset, piece in device.pieces(person):
        if layer >= len(sizes) or offset + len(piece) > sizes[layer]:
            raise HvError(f"a piece leaves layer {layer}", where="device")
        start = int(starts[layer]) + offset
        tensors[start : start + len(piece)] = piece
        missing[layer] -= len(piece)
    if any(missing):
        raise HvError(f"the steps left out bytes, by layer: {missing}", where="device")
    return bytes(tensors)


def _check_whole_run(result: bytes, traced: bytes, manifest: Manifest) -> None:
    """A verifier's verdict is its last layer's tensor; other results are compared by the caller."""
    if manifest.outputs:
        return
    last = manifest.layers[-1].size_bytes
    if traced[-last:] != result:
        raise OutputsDiffer(
            "a whole run gave another result than the layers one by one", where="device"
        )
