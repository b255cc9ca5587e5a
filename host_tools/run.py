"""Runs the applications of firmware/apps on an emulator and reads what they write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError, OutputsDiffer
from host_tools.build import Firmware
from host_tools.emulators.base import DEFAULT_TIMEOUT_S, Counts, Emulator, Job, Outcome
from host_tools.exits import check_exit
from host_tools.manifest import Manifest
from host_tools.trace import Trace, read_trace


@dataclass(frozen=True, kw_only=True)
class TraceRun:
    """One run of the application `trace`.

    Attributes:
        trace: every tensor of every image.
        outcome: the instruction counts, stores and executions, if asked for.
    """

    trace: Trace
    outcome: Outcome


def run_trace(
    emulator: Emulator,
    firmware: Firmware,
    images: NDArray[np.uint8],
    *,
    count: bool = False,
    watch_stores: bool = False,
    profile: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> TraceRun:
    """Runs images through a traced firmware.

    The firmware runs each image twice, layer by layer and whole, so every layer's count has two
    calls for each image.

    Args:
        emulator: where to run.
        firmware: built from the application `trace`.
        images: uint8 [N, H, W, C].
        count: whether to count the instructions of each layer.
        watch_stores: whether to check that layers store into the arena and the stack alone.
        profile: whether to count each block of code of the whole runs.
        timeout_s: wall-clock limit, in seconds.

    Raises:
        HvError: anything that stops the firmware, or images of another size.
        OutputsDiffer: a whole run gave another result, or a layer stored where it must not.
    """
    manifest = firmware.order.manifest
    if manifest is None:
        raise HvError("this firmware has no kernel to trace", where=str(firmware.elf))
    job = Job(
        firmware=firmware,
        inputs={"images.bin": image_rows(images, manifest).tobytes()},
        outputs=("trace.bin",),
        count=count,
        watch_stores=watch_stores,
        profile=profile,
        timeout_s=timeout_s,
    )
    where = f"{firmware.elf} on {emulator.name}"
    outcome = emulator.run(job)
    check_exit(outcome.exit_code, where=where)
    _check_stores(outcome, where)
    trace = read_trace(output_file(outcome, "trace.bin", where), manifest, where=where)
    return TraceRun(trace=trace, outcome=outcome)


def instructions_of_one_run(counts: Counts, manifest: Manifest) -> list[tuple[str, int]]:
    """Returns each layer that runs code, and its instructions for one image: the mean of all."""
    calls = {layer.name: layer.calls for layer in manifest.layers}
    return [
        (layer.layer, round(layer.instructions * calls[layer.layer] / layer.calls))
        for layer in counts.layers
    ]


def image_rows(images: NDArray[Any], manifest: Manifest) -> NDArray[np.uint8]:
    """Returns images as rows of bytes, uint8 [N, image_bytes].

    Raises:
        HvError: not uint8, none at all, or of another size than the kernel's.
    """
    if images.dtype != np.uint8:
        raise HvError(f"images must be uint8, not {images.dtype}")
    size_bytes = int(np.prod(images.shape[1:], dtype=np.int64))
    if images.ndim < 2 or not len(images) or size_bytes != manifest.image_bytes:
        raise HvError(
            f"images of shape {images.shape} do not fit a kernel that takes "
            f"{manifest.image_bytes} bytes an image",
            where=str(manifest.folder),
        )
    return np.ascontiguousarray(images).reshape(len(images), size_bytes)


def output_file(outcome: Outcome, name: str, where: str) -> bytes:
    """Returns a file the firmware wrote.

    Raises:
        HvError: it wrote none of that name.
    """
    if name not in outcome.files:
        raise HvError(f"the firmware wrote no {name}", where=where)
    return outcome.files[name]


def _check_stores(outcome: Outcome, where: str) -> None:
    if outcome.stores is None or not outcome.stores.strays:
        return
    instruction, address = outcome.stores.first_strays[0]
    raise OutputsDiffer(
        f"{outcome.stores.strays} stores of the kernel went outside the arena and the stack; "
        f"the first from instruction {instruction:#x} to address {address:#x}",
        where=where,
    )
